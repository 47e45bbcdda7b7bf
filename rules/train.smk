"""ToffeeNet, trained on the accepted pairs.

Needs: the dataset's index and shards, base models.
Gives: models/toffeenet/, safetensors in hub layout.
"""


rule train_toffeenet:
    """ToffeeNet: one model for subject-driven generation and editing."""
    input:
        index=f"{RESULTS}/dataset/index.parquet",
        shards=expand(f"{RESULTS}/dataset/shards/{{shard}}.h5", shard=SHARDS),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        depth_estimator=model("depth"),
        view_generator=model("view_generator"),
    output:
        model=directory(model("toffeenet")),
    log:
        log_of("train_toffeenet"),
    benchmark:
        benchmark_of("train_toffeenet")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        resolution=CONFIG.data.resolution,
        steps=CONFIG.toffeenet.steps,
        batch=CONFIG.toffeenet.batch,
        learning_rate=CONFIG.toffeenet.learning_rate,
        ema=CONFIG.toffeenet.ema,
        kinds=CONFIG.toffeenet.kinds,
        reconstruction=CONFIG.toffeenet.reconstruction,
        drop_text=CONFIG.toffeenet.drop_text,
        drop_subject=CONFIG.toffeenet.drop_subject,
        drop_both=CONFIG.toffeenet.drop_both,
        segmented=CONFIG.toffeenet.segmented,
        depth=CONFIG.toffeenet.depth,
        seed=CONFIG.seed,
        code=code_digest("train_toffeenet"),
    script:
        "../workflow/scripts/train_toffeenet.py"


rule train:
    """The model that the paper is about."""
    input:
        rules.train_toffeenet.output.model,
