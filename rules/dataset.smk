"""The dataset: every candidate pair with all of its scores, then the filter's index.

Needs: the stages of every shard, base models.
Gives: dataset/shards/*.h5 (all candidates) and dataset/index.parquet (which are accepted).
"""


rule score_shard:
    """A finished shard: every candidate's images, prompts, ids and all of its scores."""
    input:
        plan=PLAN,
        prompts=PROMPTS,
        texts=TEXTS,
        refined=stage("refined"),
        views=stage("views"),
        edits=stage("edits"),
        # Made in every run that scores the first shard: nothing draws its stages again for a figure.
        after=lambda w: EXAMPLES if w.shard == SHARDS[0] else [],
        subject_encoder=model("subject_encoder"),
        clip=model("clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/dataset/shards/{{shard}}.h5",
    log:
        log_of("score_shard/{shard}"),
    benchmark:
        benchmark_of("score_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.synthesis.scores.score_shard",
        compute=COMPUTE,
        subjects_root=data_root("subjects"),
        drawing=CONFIG.drawing,
        prompts_digest=digest_of(PROMPTS),
        texts_digest=digest_of(TEXTS) if TEXTS else None,
    script:
        "../workflow/run.py"


rule filter_dataset:
    """The index of accepted pairs and the yield of each threshold; reads scores only."""
    input:
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        calibration=FILTER_CALIBRATION,
    output:
        out=f"{RESULTS}/dataset/index.parquet",
        funnel=f"{RESULTS}/dataset/funnel.csv",
    log:
        log_of("filter_dataset"),
    benchmark:
        benchmark_of("filter_dataset")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.synthesis.filter.filter_dataset",
        thresholds=CONFIG.filter,
    script:
        "../workflow/run.py"
