"""The dataset: every candidate pair with all of its scores, then the filter's index.

Needs: the stages of every shard, base models.
Gives: dataset/shards/*.h5 (all candidates) and dataset/index.parquet (which are accepted).
"""


rule keep_examples:
    """Pictures of all stages, of some pairs of the first shard, for figure pipeline: it may be asked for
    when the stages are removed."""
    input:
        plan=first_shard(PLAN),
        initial=first_shard(stage("initial")),
        refined=first_shard(stage("refined")),
        views=first_shard(stage("views")),
    output:
        out=EXAMPLES,
    log:
        log_of("keep_examples"),
    benchmark:
        benchmark_of("keep_examples")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.synthesis.examples.keep_examples",
    script:
        "../workflow/run.py"


rule filter_dataset:
    """The index of accepted pairs and the yield of each threshold; reads scores only."""
    input:
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        after=EXAMPLES if CONFIG.synthesis.one_job else [],  # else scores of the first shard wait
        calibration=FILTER_CALIBRATION,
    output:
        out=f"{RESULTS}/dataset/index.parquet",
        funnel=f"{RESULTS}/dataset/funnel.csv",
    log:
        log_of("filter_dataset"),
    benchmark:
        benchmark_of("filter_dataset")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.synthesis.filter.filter_dataset",
        thresholds=CONFIG.filter,
    script:
        "../workflow/run.py"
