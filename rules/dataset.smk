"""The dataset: every candidate pair with all of its scores, then the filter's index.

Needs: the stages of every shard, base models.
Gives: dataset/shards/*.h5 (all candidates) and dataset/index.parquet (which are accepted).
"""


rule score_shard:
    """A finished shard: every candidate's images, prompts, ids and all of its scores."""
    input:
        plan=PLAN,
        refined=stage("refined"),
        views=stage("views"),
        edits=stage("edits"),
        subject_encoder=model("subject_encoder"),
        clip=model("clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        shard=f"{RESULTS}/dataset/shards/{{shard}}.h5",
    log:
        log_of("score_shard/{shard}"),
    benchmark:
        benchmark_of("score_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        **COMPUTE,
        subjects_root=data_root("subjects"),
        resolution=CONFIG.data.resolution,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        code=code_digest("score_shard"),
    script:
        "../workflow/scripts/score_shard.py"


rule filter_dataset:
    """The index of accepted pairs and the yield of each threshold; reads scores only."""
    input:
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
    output:
        index=f"{RESULTS}/dataset/index.parquet",
        funnel=f"{RESULTS}/dataset/funnel.csv",
    log:
        log_of("filter_dataset"),
    benchmark:
        benchmark_of("filter_dataset")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        min_subject_similarity=CONFIG.filter.min_subject_similarity,
        min_text_alignment=CONFIG.filter.min_text_alignment,
        max_copy_rate=CONFIG.filter.max_copy_rate,
        min_mask_area=CONFIG.filter.min_mask_area,
        max_mask_area=CONFIG.filter.max_mask_area,
        min_mask_connectedness=CONFIG.filter.min_mask_connectedness,
        code=code_digest("filter_dataset"),
    script:
        "../workflow/scripts/filter_dataset.py"
