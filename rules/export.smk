"""What leaves the project: the dataset as a repository of the hub, ToffeeNet as a diffusers pipeline.

Needs: finished shards, the filter's funnel, ToffeeNet, base models.
Gives: dataset/export/<shard>.parquet and .json, dataset/hub/, pipeline/; by its name alone dataset/folder/.
More shards leave the exported ones as they are.
"""

from toffee.config.drawing import licences_of, names_of

# What the dataset's card says of where it comes from.
KIND_OF = {name: CONFIG.data.real.kind(name) for name in ("subjects", "multiview")}
# Copied as they are: here comments count too.
PIPELINE_FILES = project_files("workflow/toffee/export/diffusers_code", "[!_]*.py")


rule export_shard:
    """A shard's accepted pairs that may be shared, in Parquet, and a summary of them."""
    input:
        shard=f"{RESULTS}/dataset/shards/{{shard}}.h5",
        calibration=FILTER_CALIBRATION,
    output:
        out=f"{RESULTS}/dataset/export/{{shard}}.parquet",
        summary=f"{RESULTS}/dataset/export/{{shard}}.json",
    log:
        log_of("export_shard/{shard}"),
    benchmark:
        benchmark_of("export_shard/{shard}")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.export.shard.export_shard",
        thresholds=CONFIG.filter,
        model_licences=licences_of(MODELS),
        licences=CONFIG.export.licences,
    script:
        "../workflow/run.py"


rule export_dataset:
    """The exported shards as a Hugging Face repository: Parquet, card and Croissant metadata."""
    input:
        parquet=expand(f"{RESULTS}/dataset/export/{{shard}}.parquet", shard=SHARDS),
        summaries=expand(f"{RESULTS}/dataset/export/{{shard}}.json", shard=SHARDS),
        funnel=f"{RESULTS}/dataset/funnel.csv",
        calibration=FILTER_CALIBRATION,
    output:
        out=directory(f"{RESULTS}/dataset/hub"),
    log:
        log_of("export_dataset"),
    benchmark:
        benchmark_of("export_dataset")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.export.dataset.export_dataset",
        thresholds=CONFIG.filter,
        name=f"toffee-{CONFIG.scale}",
        subjects=KIND_OF["subjects"],
        views=KIND_OF["multiview"],
        resolution=CONFIG.data.resolution,
        models=names_of(MODELS),
        model_licences=licences_of(MODELS),
        licences=CONFIG.export.licences,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


# What is exported without being asked for by name.
HUB = [rules.export_dataset.output.out] if CONFIG.export.hub else []


rule export_folder:
    """The generation pairs as a folder of pictures with a list, as SynCD has them; built by its name alone."""
    input:
        parquet=expand(f"{RESULTS}/dataset/export/{{shard}}.parquet", shard=SHARDS),
    output:
        out=directory(f"{RESULTS}/dataset/folder"),
    log:
        log_of("export_folder"),
    benchmark:
        benchmark_of("export_folder")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.export.folder.export_folder",
    script:
        "../workflow/run.py"


rule export_pipeline:
    """ToffeeNet as a diffusers pipeline, a folder that stands alone."""
    input:
        toffeenet=model(BASE),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
    output:
        out=directory(f"{RESULTS}/pipeline"),
    log:
        log_of("export_pipeline"),
    benchmark:
        benchmark_of("export_pipeline")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.export.pipeline.export_pipeline",
        name=f"toffeenet-{CONFIG.scale}",
        resolution=CONFIG.data.resolution,
        subject_scale=CONFIG.toffeenet.subject_scale,
        sampling=CONFIG.toffeenet.sampling,
        subject_guidance=CONFIG.toffeenet.subject_guidance,
        edit_guidance=CONFIG.toffeenet.edit_guidance,
        edit_subject_guidance=CONFIG.toffeenet.edit_subject_guidance,
        models=names_of(MODELS),
        model_licences=licences_of(MODELS),
        files_digest=digest_of_all(PIPELINE_FILES),
    script:
        "../workflow/run.py"
