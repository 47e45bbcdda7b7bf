"""What an accepted pair costs, here and by fine-tuning for each subject (the paper's Figure 2).

Needs: benchmarks of the jobs that synthesize the dataset and pretrain its generators, DreamBooth's
seconds and accepted images, published hours.
Gives: tables/cost.csv and .md, figures/cost.png; only targets `tables`, `figures` and `cost` build them.
"""

SHARD_STAGES = [
    "plan_shard",
    *(
        ["synthesize_shard"]
        if CONFIG.synthesis.one_job
        else ["draw_initial", "refine_shard", "draw_views", "make_edits", "score_shard"]
    ),
    *(["export_shard"] if CONFIG.export.hub else []),
]
SINGLE_STAGES = [
    "list_subjects",
    "filter_dataset",
    *(["export_dataset"] if CONFIG.export.hub else []),
]


rule tabulate_cost:
    """Seconds of compute for each accepted pair, by stage, beside DreamBooth's."""
    input:
        stages=[
            *(benchmark_of(f"{stage}/{shard}") for stage in SHARD_STAGES for shard in SHARDS),
            *map(benchmark_of, SINGLE_STAGES),
        ],
        pretraining=[benchmark_of("pretrain_refiner"), benchmark_of("pretrain_view_generator")],
        index=f"{RESULTS}/dataset/index.parquet",
        plan=expand(PLAN, shard=SHARDS),
        seconds=expand(f"{RESULTS}/evaluation/dreambooth/seconds/{{group}}.csv", group=GROUPS),
        accepted=f"{RESULTS}/evaluation/dreambooth/accepted.csv",
        steps_scores=f"{RESULTS}/evaluation/dreambooth/steps.parquet",
        pair_scores=f"{RESULTS}/evaluation/dataset/scores.parquet",
        published=PUBLISHED["cost"],
        calibration=FILTER_CALIBRATION,
    output:
        csv=item(f"{RESULTS}/tables/cost.csv", "table"),
        page=f"{RESULTS}/tables/cost.md",
    log:
        log_of("tabulate_cost"),
    benchmark:
        benchmark_of("tabulate_cost")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.cost.tabulate_cost",
        thresholds=CONFIG.filter,
        steps=CONFIG.dreambooth.steps,
        published_digest=digest_of(PUBLISHED["cost"]),
    script:
        "../workflow/run.py"


rule plot_cost:
    """Measured seconds and published hours, in panels of their own."""
    input:
        table=f"{RESULTS}/tables/cost.csv",
    output:
        out=item(f"{RESULTS}/figures/cost.png", "figure"),
    log:
        log_of("plot_cost"),
    benchmark:
        benchmark_of("plot_cost")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.figures.cost.plot_cost",
    script:
        "../workflow/run.py"
