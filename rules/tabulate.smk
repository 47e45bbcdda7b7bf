"""Tables of target `all`.

Needs: scores, the filter's yield, published numbers.
Gives: tables/<name>.csv and .md. The rows' `source` says what was measured and what was published.
"""


rule tabulate_base:
    """What a reader sees in the base model's images, and in real ones."""
    input:
        scores=f"{RESULTS}/evaluation/base/scores.parquet",
    output:
        csv=item(f"{RESULTS}/tables/base.csv", "table"),
        page=f"{RESULTS}/tables/base.md",
    log:
        log_of("tabulate_base"),
    benchmark:
        benchmark_of("tabulate_base")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.base.tabulate_base",
    script:
        "../workflow/run.py"


rule tabulate_refiner:
    """Refiner: initial image, control, matching rules, wrong subject, ceiling."""
    input:
        scores=f"{RESULTS}/evaluation/refiner/scores.parquet",
    output:
        csv=item(f"{RESULTS}/tables/refiner.csv", "table"),
        page=f"{RESULTS}/tables/refiner.md",
    log:
        log_of("tabulate_refiner"),
    benchmark:
        benchmark_of("tabulate_refiner")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.refiner.tabulate_refiner",
        default=CONFIG.refiner.matching,
    script:
        "../workflow/run.py"


rule tabulate_views:
    """View Generator: own against other subject, target against source pose."""
    input:
        scores=f"{RESULTS}/evaluation/views/scores.parquet",
    output:
        csv=item(f"{RESULTS}/tables/views.csv", "table"),
        page=f"{RESULTS}/tables/views.md",
    log:
        log_of("tabulate_views"),
    benchmark:
        benchmark_of("tabulate_views")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.views.tabulate_views",
    script:
        "../workflow/run.py"


rule tabulate_dreambench:
    """DreamBench: measured methods, the real-photo oracle and published rows.

    It has the gate's values too: else a table from before a failed check would pass for one after it.
    """
    input:
        scores=dreambench_scores(),
        oracle=f"{RESULTS}/evaluation/dreambench/oracle.parquet",
        benchmark=data_root("benchmark"),
        after=ORACLE,
        published=PUBLISHED["dreambench"],
    output:
        csv=item(f"{RESULTS}/tables/dreambench.csv", "table"),
        page=f"{RESULTS}/tables/dreambench.md",
    log:
        log_of("tabulate_dreambench"),
    benchmark:
        benchmark_of("tabulate_dreambench")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.dreambench.tabulate_dreambench",
        source=CONFIG.data.source,
        resolution=CONFIG.data.resolution,
        encoders=ENCODERS,
        gate=GATE,
        published_digest=digest_of(PUBLISHED["dreambench"]),
    script:
        "../workflow/run.py"


rule tabulate_dataset:
    """Dataset: kinds, yields and thresholds, accepted against rejected, leakage."""
    input:
        funnel=f"{RESULTS}/dataset/funnel.csv",
        quarantine=f"{RESULTS}/dataset/quarantine.csv",
        scores=f"{RESULTS}/evaluation/dataset/scores.parquet",
        leakage=f"{RESULTS}/evaluation/dataset/leakage.csv",
        published=PUBLISHED["cost"],
        calibration=FILTER_CALIBRATION,
    output:
        csv=item(f"{RESULTS}/tables/dataset.csv", "table"),
        page=f"{RESULTS}/tables/dataset.md",
    log:
        log_of("tabulate_dataset"),
    benchmark:
        benchmark_of("tabulate_dataset")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.dataset.tabulate_dataset",
        thresholds=CONFIG.filter,
        published_digest=digest_of(PUBLISHED["cost"]),
    script:
        "../workflow/run.py"
