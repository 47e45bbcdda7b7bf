"""Figures of λ, of the held-out edits, and of all trainings.

Needs: images and scores of the benchmark, held-out edits, trained models.
Gives: figures/strength.png, edits.png and learning.png; only targets `figures` and their own names build them.
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
        scores=[
            f"{RESULTS}/evaluation/editing/{name}.parquet"
            for name in EDIT_CONTROLS + rows("editing")
        ],
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


rule plot_learning:
    """The loss of every training: of the two generators, ToffeeNet and its variants."""
    input:
        models=[model("refiner"), model("view_generator"), *map(model, NETS_OF_TABLES)],
    output:
        out=item(f"{RESULTS}/figures/learning.png", "figure"),
    log:
        log_of("plot_learning"),
    benchmark:
        benchmark_of("plot_learning")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.figures.learning.plot_learning",
    script:
        "../workflow/run.py"
