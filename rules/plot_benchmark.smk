"""Figures of target `all` that show pictures of the benchmark.

Needs: images of the benchmark and their scores, the benchmark's photographs.
Gives: figures/toffeenet.png and worst.png.
"""


rule plot_toffeenet:
    """Held-out subjects by prompts, ToffeeNet beside the text-only model."""
    input:
        images=[benchmark_files(name, "h5")[0] for name in SHOWN],
        benchmark=data_root("benchmark"),
        references=REFERENCES,
    output:
        out=item(f"{RESULTS}/figures/toffeenet.png", "figure"),
    log:
        log_of("plot_toffeenet"),
    benchmark:
        benchmark_of("plot_toffeenet")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.toffeenet.plot_toffeenet",
        methods=SHOWN,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"


rule plot_worst:
    """The pictures of ToffeeNet that score least, by similarity and by agreement with the text."""
    input:
        after=ORACLE,
        images=benchmark_files(BASE, "h5")[0],
        scores=benchmark_files(BASE, "parquet")[0],
        benchmark=data_root("benchmark"),
        references=REFERENCES,
    output:
        out=item(f"{RESULTS}/figures/worst.png", "figure"),
    log:
        log_of("plot_worst"),
    benchmark:
        benchmark_of("plot_worst")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.figures.worst.plot_worst",
        after=GATE,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"
