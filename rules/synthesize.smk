"""A shard: a stage a rule, each with one file. rules/synthesize_shard.smk makes the same in one job.

Needs: the shard's plan and the pictures that it names by digest, base models, the two generators.
Gives: dataset/stages/<stage>/<shard>.h5, which are removed once the shard is scored where config
`synthesis.keep_stages` is false, and dataset/shards/<shard>.h5, all candidates with their scores. A
killed job resumes inside its shard.
"""


rule draw_initial:
    """Initial images: the prompt drawn over the subject's depth; text right, details lost."""
    input:
        plan=PLAN,
        drawer=model(DRAWER),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
    output:
        out=stage_output("initial"),
    log:
        log_of("draw_initial/{shard}"),
    benchmark:
        benchmark_of("draw_initial/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.synthesis.initial.draw_initial",
        compute=COMPUTE,
        subjects_root=data_root("subjects"),
        drawing=CONFIG.drawing,
        sampling=CONTROLLED_SAMPLING,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule refine_shard:
    """Refined images: the initial ones with the subject's own patch tokens where they match."""
    input:
        plan=PLAN,
        initial=stage("initial"),
        refiner=model("refiner"),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        segmenter=model("segmenter"),
        detector=detector(),
        calibration=MATCH_CALIBRATION,
    output:
        out=stage_output("refined"),
    log:
        log_of("refine_shard/{shard}"),
    benchmark:
        benchmark_of("refine_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.synthesis.refined.refine_shard",
        compute=COMPUTE,
        subjects_root=data_root("subjects"),
        drawing=CONFIG.drawing,
        refining=CONFIG.refiner.refining,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule draw_views:
    """Views: the subject in the pose of a donor frame, so that a pair's input is no copy."""
    input:
        plan=PLAN,
        view_generator=model("view_generator"),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        depth_estimator=model("depth"),
    output:
        out=stage_output("views"),
    log:
        log_of("draw_views/{shard}"),
    benchmark:
        benchmark_of("draw_views/{shard}")
    priority: FIRST  # else the other stages of all shards might wait for them on the disk
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.synthesis.views.draw_views",
        compute=COMPUTE,
        subjects_root=data_root("subjects"),
        multiview_root=data_root("multiview"),
        drawing=CONFIG.drawing,
        sampling=CONFIG.view_generator.sampling,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule make_edits:
    """Editing pairs: one thing changed inside a lossless mask, equal pixels outside it."""
    input:
        plan=PLAN,
        refined=stage("refined"),
        drawer=model(DRAWER),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=stage_output("edits"),
    log:
        log_of("make_edits/{shard}"),
    benchmark:
        benchmark_of("make_edits/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.synthesis.edits.make_edits",
        compute=COMPUTE,
        drawing=CONFIG.drawing,
        sampling=CONTROLLED_SAMPLING,
        edit_strength=CONFIG.synthesis.edit_strength,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule score_shard:
    """A finished shard: every candidate's images, prompts, ids and all of its scores."""
    input:
        plan=PLAN,
        prompts=PROMPTS,
        texts=TEXTS,
        refined=stage("refined"),
        views=stage("views"),
        edits=stage("edits"),
        # Made in every run that scores the first shard: nothing draws its stages again for a figure.
        after=lambda w: EXAMPLES if w.shard == SHARDS[0] else [],
        subject_encoder=model("subject_encoder"),
        clip=model("clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/dataset/shards/{{shard}}.h5",
    log:
        log_of("score_shard/{shard}"),
    benchmark:
        benchmark_of("score_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.synthesis.scores.score_shard",
        compute=COMPUTE,
        subjects_root=data_root("subjects"),
        drawing=CONFIG.drawing,
        prompts_digest=digest_of(PROMPTS),
        texts_digest=digest_of(TEXTS) if TEXTS else None,
    script:
        "../workflow/run.py"
