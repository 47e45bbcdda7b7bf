"""Images of held-out subjects and prompts, by the base model and the two generators.

Needs: base models, the trained generators, held-out photographs.
Gives: evaluation/<name>/images.h5. Drawing and scoring are separate rules, so that a new metric redraws
nothing.
"""


rule generate_base:
    """The base model's images of held-out prompts, from text alone and over a depth map."""
    input:
        drawer=model(DRAWER),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
    output:
        out=f"{RESULTS}/evaluation/base/images.h5",
    log:
        log_of("generate_base"),
    benchmark:
        benchmark_of("generate_base")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.draw.base.generate_base",
        compute=COMPUTE,
        base_prompts=CONFIG.evaluation.base_prompts,
        drawing=CONFIG.drawing,
        sampling=CONTROLLED_SAMPLING,
        seed=CONFIG.evaluation.seed,
    script:
        "../workflow/run.py"


rule generate_refiner:
    """Images of held-out subjects: initial, and refined by each matching rule and each control."""
    input:
        multiview_heldout=data_root("multiview_heldout"),
        prompts=PROMPTS,
        drawer=model(DRAWER),
        text_to_image=model("text_to_image"),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
        refiner=model("refiner"),
        subject_encoder=model("subject_encoder"),
        segmenter=model("segmenter"),
        detector=detector(),
        calibration=MATCH_CALIBRATION,
    output:
        out=f"{RESULTS}/evaluation/refiner/images.h5",
    log:
        log_of("generate_refiner"),
    benchmark:
        benchmark_of("generate_refiner")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.draw.refiner.generate_refiner",
        compute=COMPUTE,
        subjects=CONFIG.evaluation.refiner_subjects,
        drawing=CONFIG.drawing,
        refining=CONFIG.refiner.refining,
        base_sampling=CONTROLLED_SAMPLING,
        seed=CONFIG.evaluation.seed,
        prompts_digest=digest_of(PROMPTS),
    script:
        "../workflow/run.py"


rule generate_views:
    """Views of held-out subjects in the pose of another real view."""
    input:
        multiview_heldout=data_root("multiview_heldout"),
        view_generator=model("view_generator"),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        depth_estimator=model("depth"),
    output:
        out=f"{RESULTS}/evaluation/views/images.h5",
    log:
        log_of("generate_views"),
    benchmark:
        benchmark_of("generate_views")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.draw.views.generate_views",
        compute=COMPUTE,
        subjects=CONFIG.evaluation.views_subjects,
        drawing=CONFIG.drawing,
        sampling=CONFIG.view_generator.sampling,
        seed=CONFIG.evaluation.seed,
    script:
        "../workflow/run.py"
