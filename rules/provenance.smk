"""What an auditor reads: the ledger, the crate, the audit's verdict and the page that shows all of it.

Needs: tables and figures (config `report.scope` says which); the records that all jobs left in records/.
Gives: tables/ledger.csv and .md, ro-crate-metadata.json, verdict.tsv, site/. They cover the jobs that led
to those tables, figures and exports; what else the folder holds is named, not counted.
"""

WHOLE = CONFIG.report.scope == "whole"
SHOWN_TABLES = [*TABLES, *(MORE_TABLES if WHOLE else [])]
SHOWN_FIGURES = [*FIGURES, *(MORE_FIGURES if WHOLE else [])]
REPORTED = [*table_files(SHOWN_TABLES), *figure_files(SHOWN_FIGURES)]
EXPORTS = [*HUB, rules.export_pipeline.output.out]

# Files of the page besides code, and the captions of tables and figures.
PAGE_FILES = project_files("workflow/toffee/site/static", "**/*")
CAPTIONS = project_files("workflow/report", "*.rst")


rule write_ledger:
    """What each rule's jobs took and wrote, in all and for each accepted pair."""
    input:
        targets=REPORTED,
        exports=EXPORTS,
        index=f"{RESULTS}/dataset/index.parquet",
    output:
        csv=f"{RESULTS}/tables/ledger.csv",
        page=f"{RESULTS}/tables/ledger.md",
    log:
        log_of("write_ledger"),
    benchmark:
        benchmark_of("write_ledger")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.tables.ledger.write_ledger",
        results=RESULTS,
    script:
        "../workflow/run.py"


rule write_crate:
    """A Workflow Run RO-Crate of the results: every job, file and digest in one standard document."""
    input:
        targets=[*REPORTED, *EXPORTS, rules.write_ledger.output.csv],
    output:
        out=f"{RESULTS}/ro-crate-metadata.json",
        source=directory(f"{RESULTS}/source"),
    log:
        log_of("write_crate"),
    benchmark:
        benchmark_of("write_crate")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.provenance.crate.write.write_crate",
        results=RESULTS,
    script:
        "../workflow/run.py"


rule write_verdict:
    """What the audit says of the results, for the page; it fails nothing."""
    input:
        targets=[*REPORTED, rules.write_crate.output.out],
    output:
        out=f"{RESULTS}/verdict.tsv",
    log:
        log_of("write_verdict"),
    benchmark:
        benchmark_of("write_verdict")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.audit.run.write_verdict",
        results=RESULTS,
    script:
        "../workflow/run.py"


rule write_site:
    """The page: tables and figures, and a way from every number to the jobs behind it."""
    input:
        tables=[f"{RESULTS}/tables/{name}.csv" for name in SHOWN_TABLES],
        figures=figure_files(SHOWN_FIGURES),
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        index=f"{RESULTS}/dataset/index.parquet",
        ledger=rules.write_ledger.output.csv,
        verdict=rules.write_verdict.output.out,
        captions=[project_input(path) for path in CAPTIONS],
    output:
        out=directory(f"{RESULTS}/site"),
    log:
        log_of("write_site"),
    benchmark:
        benchmark_of("write_site")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.site.write.write_site",
        results=RESULTS,
        source=CONFIG.data.source,
        resolution=CONFIG.data.resolution,
        page_digest=digest_of_all([*CAPTIONS, *PAGE_FILES]),
    script:
        "../workflow/run.py"


rule audit:
    """Audit the results as they are now, and fail where something is found. It makes nothing first:
    what is missing would be an hour of training."""
    log:
        log_of("audit"),
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.audit.run.require_clean",
        results=RESULTS,
    script:
        "../workflow/run.py"


rule crate:
    """The results as a Workflow Run RO-Crate."""
    input:
        rules.write_crate.output.out,


rule site:
    """The page."""
    input:
        rules.write_site.output.out,


rule ledger:
    """What everything took."""
    input:
        rules.write_ledger.output,
