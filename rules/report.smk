"""The page that holds tables and figures, and the targets that build them.

Needs: tables, figures. Gives: report.html; each table and figure is a target by its name.
"""


rule write_report:
    """One page with every table and figure, without remote addresses."""
    input:
        tables=expand(f"{RESULTS}/tables/{{table}}.csv", table=TABLES),
        figures=expand(f"{RESULTS}/figures/{{figure}}.png", figure=FIGURES),
    output:
        out=f"{RESULTS}/report.html",
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
        function="toffee.site.page.write_page",
        scale=CONFIG.scale,
    script:
        "../workflow/run.py"


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
        rules.write_report.output.out,


# A table and a figure may share a name, and some share that of more: a target is all of them.
MORE_FILES = {
    "dataset": [rules.filter_dataset.output.out, rules.export_dataset.output.out],
    "editing": figure_files(["edits"]),
    "pipeline": [rules.export_pipeline.output.out],
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
