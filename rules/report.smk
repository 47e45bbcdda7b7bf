"""Tables, figures, and the page that holds them.

Needs: scores, the filter's yield, published numbers, shards.
Gives: tables/<name>.csv and .md, figures/<name>.png, report.html; each table and figure is a target by
its name. The rows' `source` says what was measured and what was published.
"""


rule tabulate_base:
    """What a reader sees in the base model's images, and in real ones."""
    input:
        scores=f"{RESULTS}/evaluation/base/scores.parquet",
    output:
        csv=item(f"{RESULTS}/tables/base.csv", "table"),
        markdown=f"{RESULTS}/tables/base.md",
    log:
        log_of("tabulate_base"),
    benchmark:
        benchmark_of("tabulate_base")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code_digest("tabulate_base"),
    script:
        "../workflow/scripts/tabulate_base.py"


rule tabulate_refiner:
    """Refiner: initial image, control, matching rules, wrong subject, ceiling."""
    input:
        scores=f"{RESULTS}/evaluation/refiner/scores.parquet",
    output:
        csv=item(f"{RESULTS}/tables/refiner.csv", "table"),
        markdown=f"{RESULTS}/tables/refiner.md",
    log:
        log_of("tabulate_refiner"),
    benchmark:
        benchmark_of("tabulate_refiner")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        default=CONFIG.refiner.matching,
        code=code_digest("tabulate_refiner"),
    script:
        "../workflow/scripts/tabulate_refiner.py"


rule tabulate_views:
    """View Generator: own against other subject, target against source pose."""
    input:
        scores=f"{RESULTS}/evaluation/views/scores.parquet",
    output:
        csv=item(f"{RESULTS}/tables/views.csv", "table"),
        markdown=f"{RESULTS}/tables/views.md",
    log:
        log_of("tabulate_views"),
    benchmark:
        benchmark_of("tabulate_views")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code_digest("tabulate_views"),
    script:
        "../workflow/scripts/tabulate_views.py"


rule tabulate_dreambench:
    """DreamBench: measured methods, the real-photo oracle and published rows."""
    input:
        scores=dreambench_scores(),
        oracle=f"{RESULTS}/evaluation/dreambench/oracle.parquet",
        published=PUBLISHED["dreambench"],
    output:
        csv=item(f"{RESULTS}/tables/dreambench.csv", "table"),
        markdown=f"{RESULTS}/tables/dreambench.md",
    log:
        log_of("tabulate_dreambench"),
    benchmark:
        benchmark_of("tabulate_dreambench")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        source=CONFIG.data.source,
        resolution=CONFIG.data.resolution,
        encoders=ENCODERS,
        published_digest=digest_of(PUBLISHED["dreambench"]),
        code=code_digest("tabulate_dreambench"),
    script:
        "../workflow/scripts/tabulate_dreambench.py"


rule tabulate_dataset:
    """Dataset: kinds, yields and thresholds, accepted against rejected, leakage."""
    input:
        funnel=f"{RESULTS}/dataset/funnel.csv",
        quarantine=f"{RESULTS}/dataset/quarantine.csv",
        scores=f"{RESULTS}/evaluation/dataset/scores.parquet",
        leakage=f"{RESULTS}/evaluation/dataset/leakage.csv",
        published=PUBLISHED["cost"],
    output:
        csv=item(f"{RESULTS}/tables/dataset.csv", "table"),
        markdown=f"{RESULTS}/tables/dataset.md",
    log:
        log_of("tabulate_dataset"),
    benchmark:
        benchmark_of("tabulate_dataset")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        **CONFIG.filter.model_dump(),
        published_digest=digest_of(PUBLISHED["cost"]),
        code=code_digest("tabulate_dataset"),
    script:
        "../workflow/scripts/tabulate_dataset.py"


rule plot_pipeline:
    """Subject, initial, refined and view, one row a subject."""
    input:
        plan=PLAN.format(shard=SHARDS[0]),
        subjects=data_root("subjects"),
        initial=stage("initial").format(shard=SHARDS[0]),
        refined=stage("refined").format(shard=SHARDS[0]),
        views=stage("views").format(shard=SHARDS[0]),
    output:
        figure=item(f"{RESULTS}/figures/pipeline.png", "figure"),
    log:
        log_of("plot_pipeline"),
    benchmark:
        benchmark_of("plot_pipeline")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_digest("plot_pipeline"),
    script:
        "../workflow/scripts/plot_pipeline.py"


rule plot_editing:
    """Editing pairs of the four kinds: input, mask, target."""
    input:
        index=f"{RESULTS}/dataset/index.parquet",
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
    output:
        figure=item(f"{RESULTS}/figures/editing.png", "figure"),
    log:
        log_of("plot_editing"),
    benchmark:
        benchmark_of("plot_editing")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_digest("plot_editing"),
    script:
        "../workflow/scripts/plot_editing.py"


rule plot_toffeenet:
    """Held-out subjects by prompts, ToffeeNet beside the text-only model."""
    input:
        images=[benchmark_files(name, "h5")[0] for name in SHOWN],
        benchmark=data_root("benchmark"),
        references=REFERENCES,
    output:
        figure=item(f"{RESULTS}/figures/toffeenet.png", "figure"),
    log:
        log_of("plot_toffeenet"),
    benchmark:
        benchmark_of("plot_toffeenet")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        methods=SHOWN,
        references_digest=digest_of(REFERENCES),
        code=code_digest("plot_toffeenet"),
    script:
        "../workflow/scripts/plot_toffeenet.py"


rule plot_dataset:
    """Kinds, yields and score histograms; a wall of accepted and rejected pairs."""
    input:
        index=f"{RESULTS}/dataset/index.parquet",
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        subjects=data_root("subjects"),
    output:
        figure=item(f"{RESULTS}/figures/dataset.png", "figure"),
    log:
        log_of("plot_dataset"),
    benchmark:
        benchmark_of("plot_dataset")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        **CONFIG.filter.model_dump(),
        code=code_digest("plot_dataset"),
    script:
        "../workflow/scripts/plot_dataset.py"


rule plot_refiner:
    """Held-out subjects by matching rules, with initial image, control and ceiling."""
    input:
        images=f"{RESULTS}/evaluation/refiner/images.h5",
    output:
        figure=item(f"{RESULTS}/figures/refiner.png", "figure"),
    log:
        log_of("plot_refiner"),
    benchmark:
        benchmark_of("plot_refiner")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_digest("plot_refiner"),
    script:
        "../workflow/scripts/plot_refiner.py"


rule plot_views:
    """Held-out subjects: source view, target view, generated view."""
    input:
        images=f"{RESULTS}/evaluation/views/images.h5",
    output:
        figure=item(f"{RESULTS}/figures/views.png", "figure"),
    log:
        log_of("plot_views"),
    benchmark:
        benchmark_of("plot_views")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_digest("plot_views"),
    script:
        "../workflow/scripts/plot_views.py"


rule write_report:
    """One page with every table and figure, without remote addresses."""
    input:
        tables=expand(f"{RESULTS}/tables/{{table}}.csv", table=TABLES),
        figures=expand(f"{RESULTS}/figures/{{figure}}.png", figure=FIGURES),
    output:
        page=f"{RESULTS}/report.html",
    log:
        log_of("write_report"),
    benchmark:
        benchmark_of("write_report")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        scale=CONFIG.scale,
        code=code_digest("write_report"),
    script:
        "../workflow/scripts/write_report.py"


rule tables:
    """Every table, as csv and as Markdown."""
    input:
        table_files([*TABLES, *MORE_TABLES]),


rule figures:
    """Every figure."""
    input:
        figure_files([*FIGURES, *MORE_FIGURES]),


rule report:
    """The page of target `all`, with all that it shows."""
    input:
        table_files(TABLES),
        figure_files(FIGURES),
        rules.write_report.output.page,


# A table and a figure may share a name, and some share that of more: a target is all of them.
MORE_FILES = {
    "dataset": [rules.filter_dataset.output.index, rules.export_dataset.output.hub],
    "editing": figure_files(["edits"]),
}
ALL_TABLES = [*TABLES, *MORE_TABLES, *OWN_TABLES]
ALL_FIGURES = [*FIGURES, *MORE_FIGURES]
for target in sorted({*ALL_TABLES, *ALL_FIGURES}):

    rule:
        name:
            target
        input:
            table_files([target] if target in ALL_TABLES else []),
            figure_files([target] if target in ALL_FIGURES else []),
            MORE_FILES.get(target, []),
