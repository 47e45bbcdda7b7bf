"""The benchmark in DreamBench's layout: images of methods, variants and values of λ, and their scores.

Needs: base models, trained ToffeeNets, the benchmark's photographs and which of them are kept.
Gives: evaluation/dreambench/<method>/<seed>.h5 and .parquet, one file a generation seed, so that
further seeds and methods draw nothing again.
"""


rule generate_benchmark:
    """One method's images of the benchmark's subjects and prompts, with one generation seed."""
    input:
        benchmark=data_root("benchmark"),
        references=REFERENCES,
        text_to_image=model("text_to_image"),
        controlnet_depth=lambda w: model("controlnet_depth") if w.method == "initial" else [],
        depth_estimator=lambda w: model("depth") if w.method == "initial" else [],
        toffeenet=lambda w: [] if w.method in BASE_METHODS else net_model(w.method),
        subject_encoder=lambda w: [] if w.method in BASE_METHODS else model("subject_encoder"),
        segmenter=lambda w: [] if w.method in BASE_METHODS else model("segmenter"),
        detector=lambda w: [] if w.method in BASE_METHODS else detector(),
    output:
        out=f"{RESULTS}/evaluation/dreambench/{{method}}/{{draw}}.h5",
    log:
        log_of("generate_benchmark/{method}/{draw}"),
    benchmark:
        benchmark_of("generate_benchmark/{method}/{draw}")
    wildcard_constraints:
        method="|".join(DRAWN),
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.draw.benchmark.generate_benchmark",
        compute=COMPUTE,
        resolution=CONFIG.data.resolution,
        prompts=lambda w: prompts_of(w.method),
        attempt=lambda w: int(w.draw),
        subject_scales=lambda w: scales_of(w.method),
        sampler_steps=of_net("sampler_steps"),
        guidance=of_net("guidance"),
        control_scale=lambda w: CONFIG.synthesis.control_scale if w.method == "initial" else 0,
        batch=CONFIG.sampler.batch,
        quality=CONFIG.synthesis.quality,
        seed=CONFIG.evaluation.seed,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"


rule score_oracle:
    """Real photographs against each other, and their features, which all methods' scores share."""
    input:
        benchmark=data_root("benchmark"),
        references=REFERENCES,
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/dreambench/oracle.parquet",
        features=f"{RESULTS}/evaluation/dreambench/photos.safetensors",
    log:
        log_of("score_oracle"),
    benchmark:
        benchmark_of("score_oracle")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.dreambench.score_oracle",
        batch=CONFIG.sampler.batch,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"


rule score_dreambench:
    """DreamBench scores of one method and generation seed, by both reference policies."""
    input:
        images=f"{RESULTS}/evaluation/dreambench/{{method}}/{{draw}}.h5",
        photos=f"{RESULTS}/evaluation/dreambench/photos.safetensors",
        benchmark=data_root("benchmark"),
        references=REFERENCES,
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/dreambench/{{method}}/{{draw}}.parquet",
    log:
        log_of("score_dreambench/{method}/{draw}"),
    benchmark:
        benchmark_of("score_dreambench/{method}/{draw}")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.dreambench.score_dreambench",
        batch=CONFIG.sampler.batch,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"
