"""The procedural world's photographs in the layouts of the real sources, the same from a seed.

Needs: nothing. Gives: world/<folder>/ where config `data.source` is `world`; otherwise nothing here runs.
Every folder has a rule of its own, so that more subjects in one retrain nothing that reads another.
"""


rule write_subjects:
    """Training subjects, one photo each."""
    output:
        out=directory(f"{RESULTS}/world/subjects"),
    log:
        log_of("write_subjects"),
    benchmark:
        benchmark_of("write_subjects")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.data.world.write.write_subjects",
        subjects=CONFIG.data.subjects,
        resolution=CONFIG.data.resolution,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule write_multiview:
    """Walks around training subjects of their own."""
    output:
        out=directory(f"{RESULTS}/world/multiview"),
    log:
        log_of("write_multiview"),
    benchmark:
        benchmark_of("write_multiview")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.data.world.write.write_multiview",
        sequences=CONFIG.data.sequences,
        views=CONFIG.data.views,
        resolution=CONFIG.data.resolution,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule write_heldout:
    """Walks around held-out subjects, which no training sees."""
    output:
        out=directory(f"{RESULTS}/world/multiview_heldout"),
    log:
        log_of("write_heldout"),
    benchmark:
        benchmark_of("write_heldout")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.data.world.write.write_multiview",
        split="heldout",
        sequences=CONFIG.data.heldout_sequences,
        views=CONFIG.data.views,
        resolution=CONFIG.data.resolution,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule write_benchmark:
    """Held-out subjects with several photos each, and the benchmark's prompts."""
    output:
        out=directory(f"{RESULTS}/world/benchmark"),
    log:
        log_of("write_benchmark"),
    benchmark:
        benchmark_of("write_benchmark")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.data.world.write.write_benchmark",
        subjects=CONFIG.data.benchmark_subjects,
        resolution=CONFIG.data.resolution,
        seed=CONFIG.benchmark_seed,
        apart_from=None if CONFIG.benchmark_seed == CONFIG.seed else CONFIG.seed,
    script:
        "../workflow/run.py"


rule world:
    """The photographs that everything is trained on and evaluated with."""
    input:
        [data_root(n) for n in ("subjects", "multiview", "multiview_heldout", "benchmark")],
