"""What is to be synthesized: usable subjects, and every sample of a shard.

Needs: training subjects, multi-view sequences, prompts.
Gives: dataset/subjects.parquet, donors.parquet, quarantine.csv and plan/<shard>.parquet. Nothing here
knows how many shards there are, so one more changes none of the others.
"""


rule list_subjects:
    """The usable subjects and the frames that lend poses; what cannot be read is set aside."""
    input:
        subjects=data_root("subjects"),
        multiview=data_root("multiview"),
    output:
        out=f"{RESULTS}/dataset/subjects.parquet",
        donors=f"{RESULTS}/dataset/donors.parquet",
        quarantine=f"{RESULTS}/dataset/quarantine.csv",
    log:
        log_of("list_subjects"),
    benchmark:
        benchmark_of("list_subjects")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.synthesis.listing.list_subjects",
        subject_poses=CONFIG.synthesis.subject_poses,
    script:
        "../workflow/run.py"


rule plan_shard:
    """What every sample of a shard is: subject, prompt, kind and donor of the pose."""
    input:
        subjects=f"{RESULTS}/dataset/subjects.parquet",
        donors=f"{RESULTS}/dataset/donors.parquet",
        prompts=PROMPTS,
        texts=TEXTS,
    output:
        out=PLAN,
    log:
        log_of("plan_shard/{shard}"),
    benchmark:
        benchmark_of("plan_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.synthesis.plan.plan_shard",
        kinds=CONFIG.synthesis.kinds,
        subjects_root=data_root("subjects"),
        multiview_root=data_root("multiview"),
        samples_per_shard=CONFIG.synthesis.samples_per_shard,
        seed=CONFIG.seed,
        prompts_digest=digest_of(PROMPTS),
        texts_digest=digest_of(TEXTS) if TEXTS else None,
    script:
        "../workflow/run.py"
