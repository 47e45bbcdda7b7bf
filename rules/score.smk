"""Scores of held-out images, and of the dataset itself.

Needs: images of rules/generate.smk, the dataset, photographs, metric encoders.
Gives: evaluation/<name>/scores.parquet (one row per image and metric), evaluation/dataset/leakage.csv.
No generator is conditioned on the metric encoders, and the dataset's filter does not use them.
"""


rule score_base:
    """Class, colour and background as the metric CLIP reads them in renders and in drawn images."""
    input:
        images=f"{RESULTS}/evaluation/base/images.h5",
        metric_clip=model("metric_clip"),
    output:
        out=f"{RESULTS}/evaluation/base/scores.parquet",
    log:
        log_of("score_base"),
    benchmark:
        benchmark_of("score_base")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.base.score_base",
        batch=CONFIG.sampler.batch,
    script:
        "../workflow/run.py"


rule score_refiner:
    """Similarity of every method's images to the held-out subjects and to the text."""
    input:
        images=f"{RESULTS}/evaluation/refiner/images.h5",
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/refiner/scores.parquet",
    log:
        log_of("score_refiner"),
    benchmark:
        benchmark_of("score_refiner")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.refiner.score_refiner",
        batch=CONFIG.sampler.batch,
    script:
        "../workflow/run.py"


rule score_views:
    """Similarity and pose of generated views, against real views."""
    input:
        images=f"{RESULTS}/evaluation/views/images.h5",
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/views/scores.parquet",
    log:
        log_of("score_views"),
    benchmark:
        benchmark_of("score_views")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.views.score_views",
        batch=CONFIG.sampler.batch,
    script:
        "../workflow/run.py"


rule score_dataset:
    """Scores of accepted and of rejected pairs, by metrics that the filter does not use."""
    input:
        index=f"{RESULTS}/dataset/index.parquet",
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        subjects=data_root("subjects"),
        prompts=PROMPTS,
        texts=TEXTS,
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/dataset/scores.parquet",
    log:
        log_of("score_dataset"),
    benchmark:
        benchmark_of("score_dataset")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.dataset.score_dataset",
        pairs=CONFIG.evaluation.dataset_pairs,
        batch=CONFIG.sampler.batch,
        seed=CONFIG.evaluation.seed,
        prompts_digest=digest_of(PROMPTS),
        texts_digest=digest_of(TEXTS) if TEXTS else None,
    script:
        "../workflow/run.py"


rule score_leakage:
    """The nearest training subject of every benchmark subject, by metrics trained elsewhere."""
    input:
        benchmark=data_root("benchmark"),
        subjects=data_root("subjects"),
        multiview=data_root("multiview"),
        multiview_heldout=data_root("multiview_heldout"),
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/dataset/leakage.csv",
    log:
        log_of("score_leakage"),
    benchmark:
        benchmark_of("score_leakage")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.leakage.score_leakage",
        resolution=CONFIG.data.resolution,
        batch=CONFIG.sampler.batch,
    script:
        "../workflow/run.py"
