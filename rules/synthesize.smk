"""The dataset: every candidate pair with all of its scores, then the filter's index.

Needs: base models, the Refiner, the View Generator, training subjects, multi-view sequences.
Gives: dataset/shards/*.h5 (all candidates), dataset/index.parquet (which are accepted) and dataset/hub/
(those as a repository of the hub). A shard goes through the stages on its own, each with one file; a
killed job resumes inside its shard.
"""


rule list_subjects:
    """The usable subjects and the frames that lend poses; what cannot be read is set aside."""
    input:
        subjects=data_root("subjects"),
        multiview=data_root("multiview"),
    output:
        subjects=f"{RESULTS}/dataset/subjects.parquet",
        donors=f"{RESULTS}/dataset/donors.parquet",
        quarantine=f"{RESULTS}/dataset/quarantine.csv",
    log:
        log_of("list_subjects"),
    benchmark:
        benchmark_of("list_subjects")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_digest("list_subjects"),
    script:
        "../workflow/scripts/list_subjects.py"


rule plan_shard:
    """What every sample of a shard is: subject, prompt, kind and donor of the pose."""
    input:
        subjects=f"{RESULTS}/dataset/subjects.parquet",
        donors=f"{RESULTS}/dataset/donors.parquet",
        prompts=PROMPTS,
    output:
        plan=PLAN,
    log:
        log_of("plan_shard/{shard}"),
    benchmark:
        benchmark_of("plan_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        **CONFIG.synthesis.kinds.model_dump(),
        samples_per_shard=CONFIG.synthesis.samples_per_shard,
        seed=CONFIG.seed,
        prompts_digest=digest_of(PROMPTS),
        code=code_digest("plan_shard"),
    script:
        "../workflow/scripts/plan_shard.py"


rule draw_initial:
    """Initial images: the prompt drawn over the subject's depth; text right, details lost."""
    input:
        plan=PLAN,
        subjects=data_root("subjects"),
        text_to_image=model("text_to_image"),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
    output:
        images=stage("initial"),
    log:
        log_of("draw_initial/{shard}"),
    benchmark:
        benchmark_of("draw_initial/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        sampler_steps=CONFIG.sampler.steps,
        guidance=CONFIG.sampler.guidance,
        control_scale=CONFIG.synthesis.control_scale,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        seed=CONFIG.seed,
        code=code_digest("draw_initial"),
    script:
        "../workflow/scripts/draw_initial.py"


rule refine_shard:
    """Refined images: the initial ones with the subject's own patch tokens where they match."""
    input:
        plan=PLAN,
        subjects=data_root("subjects"),
        initial=stage("initial"),
        refiner=model("refiner"),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        segmenter=model("segmenter"),
    output:
        images=stage("refined"),
    log:
        log_of("refine_shard/{shard}"),
    benchmark:
        benchmark_of("refine_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        matching=CONFIG.refiner.matching,
        match_threshold=CONFIG.refiner.match_threshold,
        position_weight=CONFIG.refiner.position_weight,
        strength=CONFIG.refiner.strength,
        keep_background=CONFIG.refiner.keep_background,
        sampler_steps=CONFIG.refiner.sampler_steps,
        guidance=CONFIG.refiner.guidance,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        seed=CONFIG.seed,
        code=code_digest("refine_shard"),
    script:
        "../workflow/scripts/refine_shard.py"


rule draw_views:
    """Views: the subject in the pose of a donor frame, so that a pair's input is no copy."""
    input:
        plan=PLAN,
        subjects=data_root("subjects"),
        multiview=data_root("multiview"),
        view_generator=model("view_generator"),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        depth_estimator=model("depth"),
    output:
        images=stage("views"),
    log:
        log_of("draw_views/{shard}"),
    benchmark:
        benchmark_of("draw_views/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        sampler_steps=CONFIG.view_generator.sampler_steps,
        guidance=CONFIG.view_generator.guidance,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        seed=CONFIG.seed,
        code=code_digest("draw_views"),
    script:
        "../workflow/scripts/draw_views.py"


rule make_edits:
    """Editing pairs: one thing changed inside a lossless mask, equal pixels outside it."""
    input:
        plan=PLAN,
        refined=stage("refined"),
        text_to_image=model("text_to_image"),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
        segmenter=model("segmenter"),
    output:
        images=stage("edits"),
    log:
        log_of("make_edits/{shard}"),
    benchmark:
        benchmark_of("make_edits/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        edit_strength=CONFIG.synthesis.edit_strength,
        sampler_steps=CONFIG.sampler.steps,
        guidance=CONFIG.sampler.guidance,
        control_scale=CONFIG.synthesis.control_scale,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        seed=CONFIG.seed,
        code=code_digest("make_edits"),
    script:
        "../workflow/scripts/make_edits.py"


rule score_shard:
    """A finished shard: every candidate's images, prompts, ids and all of its scores."""
    input:
        plan=PLAN,
        subjects=data_root("subjects"),
        refined=stage("refined"),
        views=stage("views"),
        edits=stage("edits"),
        subject_encoder=model("subject_encoder"),
        clip=model("clip"),
        segmenter=model("segmenter"),
    output:
        shard=f"{RESULTS}/dataset/shards/{{shard}}.h5",
    log:
        log_of("score_shard/{shard}"),
    benchmark:
        benchmark_of("score_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        code=code_digest("score_shard"),
    script:
        "../workflow/scripts/score_shard.py"


rule filter_dataset:
    """The index of accepted pairs and the yield of each threshold; reads scores only."""
    input:
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
    output:
        index=f"{RESULTS}/dataset/index.parquet",
        funnel=f"{RESULTS}/dataset/funnel.csv",
    log:
        log_of("filter_dataset"),
    benchmark:
        benchmark_of("filter_dataset")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        min_subject_similarity=CONFIG.filter.min_subject_similarity,
        min_text_alignment=CONFIG.filter.min_text_alignment,
        max_copy_rate=CONFIG.filter.max_copy_rate,
        min_mask_area=CONFIG.filter.min_mask_area,
        max_mask_area=CONFIG.filter.max_mask_area,
        min_mask_connectedness=CONFIG.filter.min_mask_connectedness,
        code=code_digest("filter_dataset"),
    script:
        "../workflow/scripts/filter_dataset.py"


rule export_dataset:
    """The accepted pairs as a Hugging Face repository: Parquet, card and Croissant metadata."""
    input:
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        index=f"{RESULTS}/dataset/index.parquet",
    output:
        hub=directory(f"{RESULTS}/dataset/hub"),
    log:
        log_of("export_dataset"),
    benchmark:
        benchmark_of("export_dataset")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        scale=CONFIG.scale,
        code=code_digest("export_dataset"),
    script:
        "../workflow/scripts/export_dataset.py"
