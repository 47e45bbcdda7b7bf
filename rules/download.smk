"""Base models and data.

Needs: the catalogue of models (config/models.yaml) and the zoo, or the hub.
Gives: models/<role>/ for every role; world/ where the data come from the procedural world.
"""


rule download_model:
    """The base model of a role in hub layout, every file compared with its known SHA-256."""
    input:
        # The digests below say when a model changed; a fresh checkout's times do not.
        zoo=ancient(zoo_paths),
    output:
        model=directory(f"{RESULTS}/models/{{role}}"),
    log:
        log_of("download_model/{role}"),
    benchmark:
        benchmark_of("download_model/{role}")
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        source=lambda wildcards: MODELS[wildcards.role].model_dump(exclude={"note", "licence"}),
        digests=lambda wildcards: {
            name: entry["sha256"] for name, entry in zoo_files(wildcards.role).items()
        },
        zoo=ZOO,
        code=code_digest("download_model"),
    script:
        "../workflow/scripts/download_model.py"


rule write_world:
    """The procedural world's photographs in the layouts of the real sources, the same from a seed."""
    output:
        subjects=directory(f"{RESULTS}/world/subjects"),
        multiview=directory(f"{RESULTS}/world/multiview"),
        multiview_heldout=directory(f"{RESULTS}/world/multiview_heldout"),
        benchmark=directory(f"{RESULTS}/world/benchmark"),
    log:
        log_of("write_world"),
    benchmark:
        benchmark_of("write_world")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        subjects=CONFIG.data.subjects,
        sequences=CONFIG.data.sequences,
        views=CONFIG.data.views,
        heldout_sequences=CONFIG.data.heldout_sequences,
        benchmark_subjects=CONFIG.data.benchmark_subjects,
        resolution=CONFIG.data.resolution,
        seed=CONFIG.seed,
        code=code_digest("write_world"),
    script:
        "../workflow/scripts/write_world.py"


rule models:
    """Every base model of the chosen set."""
    input:
        expand(rules.download_model.output.model, role=MODELS),


rule world:
    """The photographs that everything is trained on and evaluated with."""
    input:
        [data_root(n) for n in ("subjects", "multiview", "multiview_heldout", "benchmark")],
