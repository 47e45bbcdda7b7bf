"""Editing of held-out subjects, and drawing in the layout of another view.

Needs: the Refiner's evaluation images (inputs of the edits), held-out views, base models, ToffeeNets.
Gives: evaluation/editing/pairs.h5, made as the dataset's editing pairs are, and <method>.h5 and
.parquet. The controls are methods too: the pictures before the edits (input), and their targets.
"""


rule make_editing_pairs:
    """Editing pairs of held-out subjects, of all four kinds, and layouts to draw in."""
    input:
        refiner_images=f"{RESULTS}/evaluation/refiner/images.h5",
        multiview_heldout=data_root("multiview_heldout"),
        prompts=PROMPTS,
        drawer=model(DRAWER),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/editing/pairs.h5",
    log:
        log_of("make_editing_pairs"),
    benchmark:
        benchmark_of("make_editing_pairs")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.draw.editing_pairs.make_editing_pairs",
        compute=COMPUTE,
        matching=CONFIG.refiner.matching,
        subjects=CONFIG.evaluation.editing_subjects,
        drawing=CONFIG.drawing,
        sampling=CONTROLLED_SAMPLING,
        edit_strength=CONFIG.synthesis.edit_strength,
        seed=CONFIG.evaluation.seed,
        prompts_digest=digest_of(PROMPTS),
    script:
        "../workflow/run.py"


rule generate_edits:
    """One model's edits of the held-out pairs; outside of the mask they equal the input."""
    input:
        pairs=f"{RESULTS}/evaluation/editing/pairs.h5",
        toffeenet=lambda w: net_model(w.method),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        depth_estimator=model("depth"),
    output:
        out=f"{RESULTS}/evaluation/editing/{{method}}.h5",
    log:
        log_of("generate_edits/{method}"),
    benchmark:
        benchmark_of("generate_edits/{method}")
    wildcard_constraints:
        method=f"({'|'.join(EDITORS)}){NUMBER}",
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.draw.edits.generate_edits",
        compute=COMPUTE,
        draws=CONFIG.evaluation.images_per_prompt,
        subject_scale=of_net("subject_scale"),
        sampling=of_net("sampling"),
        subject_guidance=of_net("subject_guidance"),
        edit_sampling=of_net("edit_sampling"),
        edit_subject_guidance=of_net("edit_subject_guidance"),
        batch=CONFIG.sampler.batch,
        seed=CONFIG.evaluation.seed,
    script:
        "../workflow/run.py"


rule copy_controls:
    """The pictures before the edits, or the base model's own edits, in the format of a model's edits."""
    input:
        pairs=f"{RESULTS}/evaluation/editing/pairs.h5",
    output:
        out=f"{RESULTS}/evaluation/editing/{{method}}.h5",
    log:
        log_of("copy_controls/{method}"),
    benchmark:
        benchmark_of("copy_controls/{method}")
    wildcard_constraints:
        method="|".join(EDIT_CONTROLS),
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.evaluation.draw.edits.copy_controls",
    script:
        "../workflow/run.py"


rule score_edits:
    """Scores of one method's edits: inside and outside of the mask, and what CLIP reads in them."""
    input:
        images=f"{RESULTS}/evaluation/editing/{{method}}.h5",
        pairs=f"{RESULTS}/evaluation/editing/pairs.h5",
        prompts=PROMPTS,
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
        depth_estimator=model("depth"),
    output:
        out=f"{RESULTS}/evaluation/editing/{{method}}.parquet",
    log:
        log_of("score_edits/{method}"),
    benchmark:
        benchmark_of("score_edits/{method}")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.edits.score_edits",
        batch=CONFIG.sampler.batch,
        prompts_digest=digest_of(PROMPTS),
    script:
        "../workflow/run.py"


rule evaluate:
    """The scores of every table."""
    input:
        [f"{RESULTS}/evaluation/{t}/scores.parquet" for t in TABLES if t != "dreambench"],
        f"{RESULTS}/evaluation/dreambench/oracle.parquet",
        dreambench_scores(),
        [variant_scores(table) for table in ABLATIONS],
        benchmark_files("strength", "parquet"),
        edit_scores([*EDITORS, *EDIT_CONTROLS]),
