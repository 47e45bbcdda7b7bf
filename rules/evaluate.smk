"""Images of held-out subjects and prompts, and their scores.

Needs: base models, the trained models, held-out photographs, the dataset for its own check.
Gives: evaluation/<name>/images.h5 and scores.parquet (one row an image and metric). The metric encoders
condition and filter nothing. Generation and scoring are apart, so that a new metric draws nothing.
"""


rule generate_base:
    """The base model's images of held-out prompts, with text alone and over a depth map."""
    input:
        text_to_image=model("text_to_image"),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
    output:
        images=f"{RESULTS}/evaluation/base/images.h5",
    log:
        log_of("generate_base"),
    benchmark:
        benchmark_of("generate_base")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        base_prompts=CONFIG.evaluation.base_prompts,
        sampler_steps=CONFIG.sampler.steps,
        guidance=CONFIG.sampler.guidance,
        control_scale=CONFIG.synthesis.control_scale,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        seed=CONFIG.evaluation.seed,
        code=code_digest("generate_base"),
    script:
        "../workflow/scripts/generate_base.py"


rule score_base:
    """What the metric CLIP reads in real held-out photographs and in the base model's images."""
    input:
        images=f"{RESULTS}/evaluation/base/images.h5",
        metric_clip=model("metric_clip"),
    output:
        scores=f"{RESULTS}/evaluation/base/scores.parquet",
    log:
        log_of("score_base"),
    benchmark:
        benchmark_of("score_base")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        batch=CONFIG.sampler.batch,
        code=code_digest("score_base"),
    script:
        "../workflow/scripts/score_base.py"


rule generate_refiner:
    """Initial, control, each matching rule, wrong subject and ceiling of held-out subjects."""
    input:
        multiview_heldout=data_root("multiview_heldout"),
        prompts=PROMPTS,
        text_to_image=model("text_to_image"),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
        refiner=model("refiner"),
        subject_encoder=model("subject_encoder"),
        segmenter=model("segmenter"),
    output:
        images=f"{RESULTS}/evaluation/refiner/images.h5",
    log:
        log_of("generate_refiner"),
    benchmark:
        benchmark_of("generate_refiner")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        subjects=CONFIG.evaluation.refiner_subjects,
        matching=CONFIG.refiner.matching,
        match_threshold=CONFIG.refiner.match_threshold,
        position_weight=CONFIG.refiner.position_weight,
        strength=CONFIG.refiner.strength,
        keep_background=CONFIG.refiner.keep_background,
        sampler_steps=CONFIG.refiner.sampler_steps,
        guidance=CONFIG.refiner.guidance,
        base_steps=CONFIG.sampler.steps,
        base_guidance=CONFIG.sampler.guidance,
        control_scale=CONFIG.synthesis.control_scale,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        seed=CONFIG.evaluation.seed,
        prompts_digest=digest_of(PROMPTS),
        code=code_digest("generate_refiner"),
    script:
        "../workflow/scripts/generate_refiner.py"


rule score_refiner:
    """Similarity to the subject and to the text, of every method on every held-out subject."""
    input:
        images=f"{RESULTS}/evaluation/refiner/images.h5",
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
    output:
        scores=f"{RESULTS}/evaluation/refiner/scores.parquet",
    log:
        log_of("score_refiner"),
    benchmark:
        benchmark_of("score_refiner")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        batch=CONFIG.sampler.batch,
        code=code_digest("score_refiner"),
    script:
        "../workflow/scripts/score_refiner.py"


rule generate_views:
    """Views of held-out subjects in the pose of another real view."""
    input:
        multiview_heldout=data_root("multiview_heldout"),
        view_generator=model("view_generator"),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        depth_estimator=model("depth"),
    output:
        images=f"{RESULTS}/evaluation/views/images.h5",
    log:
        log_of("generate_views"),
    benchmark:
        benchmark_of("generate_views")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        subjects=CONFIG.evaluation.views_subjects,
        sampler_steps=CONFIG.view_generator.sampler_steps,
        guidance=CONFIG.view_generator.guidance,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        seed=CONFIG.evaluation.seed,
        code=code_digest("generate_views"),
    script:
        "../workflow/scripts/generate_views.py"


rule score_views:
    """Identity and pose of generated views against real views."""
    input:
        images=f"{RESULTS}/evaluation/views/images.h5",
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
    output:
        scores=f"{RESULTS}/evaluation/views/scores.parquet",
    log:
        log_of("score_views"),
    benchmark:
        benchmark_of("score_views")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        batch=CONFIG.sampler.batch,
        code=code_digest("score_views"),
    script:
        "../workflow/scripts/score_views.py"


rule score_dataset:
    """Accepted against rejected pairs, by yardsticks that the filter never saw."""
    input:
        index=f"{RESULTS}/dataset/index.parquet",
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        subjects=data_root("subjects"),
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
    output:
        scores=f"{RESULTS}/evaluation/dataset/scores.parquet",
    log:
        log_of("score_dataset"),
    benchmark:
        benchmark_of("score_dataset")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        pairs=CONFIG.evaluation.dataset_pairs,
        batch=CONFIG.sampler.batch,
        seed=CONFIG.evaluation.seed,
        code=code_digest("score_dataset"),
    script:
        "../workflow/scripts/score_dataset.py"


rule score_leakage:
    """The nearest training subject of every benchmark subject, by a yardstick trained elsewhere."""
    input:
        benchmark=data_root("benchmark"),
        subjects=data_root("subjects"),
        multiview=data_root("multiview"),
        multiview_heldout=data_root("multiview_heldout"),
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
    output:
        nearest=f"{RESULTS}/evaluation/dataset/leakage.csv",
    log:
        log_of("score_leakage"),
    benchmark:
        benchmark_of("score_leakage")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        batch=CONFIG.sampler.batch,
        code=code_digest("score_leakage"),
    script:
        "../workflow/scripts/score_leakage.py"
