"""ToffeeNet, trained on the accepted pairs.

Needs: the dataset's index and shards, base models.
Gives: dataset/encoded/, models/toffeenet/ and models/variants/<name>/, safetensors in hub layout. A
variant is a row of config `variants`; it differs in the keys named there and shares everything else. A
number at the end of a name is that of a further training, with other draws.
"""


rule encode_pairs:
    """The latents of all accepted pairs, which every training of ToffeeNet reads."""
    input:
        index=f"{RESULTS}/dataset/index.parquet",
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        text_to_image=model("text_to_image"),
    output:
        out=directory(f"{RESULTS}/dataset/encoded"),
    log:
        log_of("encode_pairs"),
    benchmark:
        benchmark_of("encode_pairs")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.method.pair_latents.encode_pairs",
        compute=COMPUTE,
    script:
        "../workflow/run.py"


rule train_toffeenet:
    """ToffeeNet, or a variant of it: one model for subject-driven generation and editing."""
    input:
        index=lambda w: index_of(times_of(w.net)),
        shards=lambda w: shards_of(times_of(w.net)),
        encoded=lambda w: encoded_of(times_of(w.net)),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        depth_estimator=model("depth"),
        view_generator=model("view_generator"),
    output:
        out=directory(model("{net}")),
    log:
        log_of("train_toffeenet/{net}"),
    benchmark:
        benchmark_of("train_toffeenet/{net}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.method.toffeenet.train_toffeenet",
        compute=COMPUTE,
        resolution=CONFIG.data.resolution,
        training=net_training,
        conditioning=of_net("conditioning"),
        seed=CONFIG.seed,
        training_seed=lambda w: training_number(Path(w.net).name),
        subset=of_net("subset"),
    script:
        "../workflow/run.py"


rule train:
    """The model that the paper is about."""
    input:
        model(BASE),
