"""Figures of λ and of the held-out edits.

Needs: images and scores of the benchmark, held-out edits.
Gives: figures/strength.png and edits.png; only targets `figures` and their own names build them.
"""


rule plot_strength:
    """Similarity against text alignment over λ, and pictures of the same noise by λ."""
    input:
        after=ORACLE,
        scores=benchmark_files("strength", "parquet"),
        images=benchmark_files("strength", "h5")[0],
        benchmark=data_root("benchmark"),
        references=REFERENCES,
    output:
        out=item(f"{RESULTS}/figures/strength.png", "figure"),
    log:
        log_of("plot_strength"),
    benchmark:
        benchmark_of("plot_strength")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.strength.plot_strength",
        after=GATE,
        strengths=CONFIG.evaluation.strengths,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"


rule plot_edits:
    """Held-out edits by ToffeeNet and with depth, beside the base model's own."""
    input:
        pairs=f"{RESULTS}/evaluation/editing/pairs.h5",
        images=[f"{RESULTS}/evaluation/editing/{name}.h5" for name in rows("editing")],
    output:
        out=item(f"{RESULTS}/figures/edits.png", "figure"),
    log:
        log_of("plot_edits"),
    benchmark:
        benchmark_of("plot_edits")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.edits.plot_edits",
        methods=rows("editing"),
    script:
        "../workflow/run.py"
