"""Base models.

Needs: the catalogue of models (config/models.yaml) and the zoo, or the hub.
Gives: models/<role>/ for every role; what came from a hub is also noted in the lock
(config/models.lock.yaml), which no rule has as an input: a first download must not rerun itself. On a
cluster this runs where Snakemake runs: compute nodes may lack internet access.
"""


rule download_model:
    """The base model of a role in hub layout, every file compared with its known SHA-256."""
    input:
        # The digests below say when a model changed; a fresh checkout's times do not.
        zoo=ancient(zoo_paths),
    output:
        out=directory(f"{RESULTS}/models/{{role}}"),
    log:
        log_of("download_model/{role}"),
    benchmark:
        benchmark_of("download_model/{role}")
    localrule: True
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.download.model.download_model",
        source=lambda wildcards: source_of(wildcards.role),
        digests=lambda wildcards: {
            name: entry["sha256"] for name, entry in zoo_files(wildcards.role).items()
        },
        zoo=canonical(ZOO),
    script:
        "../workflow/run.py"


rule models:
    """Every base model of the chosen set."""
    input:
        [model(role) for role in MODELS],
