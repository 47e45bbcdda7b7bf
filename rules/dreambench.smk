"""The real DreamBench: its download, and the gate before every comparison on a benchmark.

Needs: a git repository of the dataset, unless the configuration names a local folder; the oracle's
scores.
Gives: data/benchmark/ (for `data_root`), evaluation/dreambench/oracle.json. On a cluster both run where
Snakemake runs: the download needs internet access, and the check takes a second.
"""


rule download_dreambench:
    """DreamBench at its pinned commit, with licences; every file is hashed and every photo decoded."""
    output:
        out=directory(f"{RESULTS}/data/benchmark"),
    log:
        log_of("download_dreambench"),
    benchmark:
        benchmark_of("download_dreambench")
    priority: FIRST
    localrule: True
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.download.dreambench.download_dreambench",
        url=CONFIG.data.dreambench.url,
        revision=CONFIG.data.dreambench.revision,
        sha256=CONFIG.data.dreambench.sha256,
    script:
        "../workflow/run.py"


rule check_oracle:
    """The oracle's check: without it, no method is compared on the benchmark."""
    input:
        scores=f"{RESULTS}/evaluation/dreambench/oracle.parquet",
    output:
        out=ORACLE,
    log:
        log_of("check_oracle"),
    benchmark:
        benchmark_of("check_oracle")
    priority: FIRST
    localrule: True
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.evaluation.oracle.check_oracle",
        dino=CONFIG.evaluation.oracle.dino,
        clip_i=CONFIG.evaluation.oracle.clip_i,
        tolerance=CONFIG.evaluation.oracle.tolerance,
    script:
        "../workflow/run.py"
