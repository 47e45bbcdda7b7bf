"""Figures of target `all`.

Needs: examples of the stages, shards, images of the evaluation, photographs.
Gives: figures/<name>.png.
"""


rule plot_pipeline:
    """Subject, initial, refined, the pose asked for and the view, one row per subject."""
    input:
        plan=first_shard(PLAN),
        subjects=data_root("subjects"),
        examples=EXAMPLES,
    output:
        out=item(f"{RESULTS}/figures/pipeline.png", "figure"),
    log:
        log_of("plot_pipeline"),
    benchmark:
        benchmark_of("plot_pipeline")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.pipeline.plot_pipeline",
        multiview_root=data_root("multiview"),
    script:
        "../workflow/run.py"


rule plot_editing:
    """Editing pairs of the four kinds: input, mask, target, and whether the metric CLIP reads it."""
    input:
        index=f"{RESULTS}/dataset/index.parquet",
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        scores=f"{RESULTS}/evaluation/dataset/scores.parquet",
    output:
        out=item(f"{RESULTS}/figures/editing.png", "figure"),
    log:
        log_of("plot_editing"),
    benchmark:
        benchmark_of("plot_editing")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.editing.plot_editing",
    script:
        "../workflow/run.py"


rule plot_dataset:
    """Kinds, yields and score histograms; a wall of accepted and rejected pairs."""
    input:
        index=f"{RESULTS}/dataset/index.parquet",
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        subjects=data_root("subjects"),
        calibration=FILTER_CALIBRATION,
    output:
        out=item(f"{RESULTS}/figures/dataset.png", "figure"),
    log:
        log_of("plot_dataset"),
    benchmark:
        benchmark_of("plot_dataset")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.dataset.plot_dataset",
        thresholds=CONFIG.filter,
    script:
        "../workflow/run.py"


rule plot_refiner:
    """Held-out subjects by matching rules, with initial image, control and ceiling."""
    input:
        images=f"{RESULTS}/evaluation/refiner/images.h5",
    output:
        out=item(f"{RESULTS}/figures/refiner.png", "figure"),
    log:
        log_of("plot_refiner"),
    benchmark:
        benchmark_of("plot_refiner")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.refiner.plot_refiner",
    script:
        "../workflow/run.py"


rule plot_views:
    """Held-out subjects: source view, target view, generated view."""
    input:
        images=f"{RESULTS}/evaluation/views/images.h5",
    output:
        out=item(f"{RESULTS}/figures/views.png", "figure"),
    log:
        log_of("plot_views"),
    benchmark:
        benchmark_of("plot_views")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.views.plot_views",
    script:
        "../workflow/run.py"
