"""The benchmark in DreamBench's layout: images of methods, variants and values of λ, and their scores.

Needs: base models, trained ToffeeNets, the benchmark's photographs and which of them are kept.
Gives: evaluation/dreambench/<method>/<seed>.h5 and .parquet, one file per generation seed, so that
further seeds and methods redraw nothing; diversity.parquet over all seeds.
"""


rule generate_benchmark:
    """One method's images of the benchmark, from the same noise as every other method's."""
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
        prompts=lambda w: prompts_of(w.method),
        subject_scales=lambda w: scales_of(w.method),
        drawing=CONFIG.drawing,
        sampling=lambda w: sampling_of(w.method),
        subject_guidance=lambda w: subject_guidance_of(w.method),
        reference_photos=lambda w: reference_photos_of(w.method),
        seed=CONFIG.evaluation.seed,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"


rule score_oracle:
    """Scores of real photographs against each other, and their features, which all scores share."""
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


rule score_diversity:
    """How much a method's images of one subject and prompt differ from noise to noise."""
    input:
        images=lambda w: benchmark_files(w.method, "h5"),
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/dreambench/{{method}}/diversity.parquet",
    log:
        log_of("score_diversity/{method}"),
    benchmark:
        benchmark_of("score_diversity/{method}")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.diversity.score_diversity",
        batch=CONFIG.sampler.batch,
    script:
        "../workflow/run.py"
