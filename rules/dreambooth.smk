"""The baseline that the paper argues against: the base model fine-tuned for each subject.

Needs: the benchmark, base models; training subjects for the length of the fine-tuning.
Gives: evaluation/dreambench/<tuned>/<group>.h5, tuned on all photos of a subject (`dreambooth`) or on
the kept one alone (`dreambooth_one_photo`), the time that each subject took (seconds), and how many of
the former's images would be pairs (accepted); tables/dreambooth.csv, from which the number of steps was
chosen.
"""


rule generate_dreambooth:
    """Images of a group of the benchmark's subjects, each by its own fine-tuned model, with all seeds."""
    input:
        benchmark=data_root("benchmark"),
        references=lambda w: [] if row_of(w.tuned) == "dreambooth" else REFERENCES,
        text_to_image=model("text_to_image"),
    output:
        out=f"{RESULTS}/evaluation/dreambench/{{tuned}}/{{group}}.h5",
        seconds=f"{RESULTS}/evaluation/{{tuned}}/seconds/{{group}}.csv",
    log:
        log_of("generate_dreambooth/{tuned}/{group}"),
    benchmark:
        benchmark_of("generate_dreambooth/{tuned}/{group}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.draw.dreambooth.generate_dreambooth",
        compute=COMPUTE,
        groups=CONFIG.dreambooth.groups,
        draws=CONFIG.evaluation.images_per_prompt,
        tuning=lambda w: tuning_of(w.tuned),
        drawing=CONFIG.drawing,
        sampling=CONFIG.sampler.sampling,
        seed=CONFIG.evaluation.seed,
        references_digest=lambda w: {} if row_of(w.tuned) == "dreambooth" else digest_of(REFERENCES),
    script:
        "../workflow/run.py"


rule filter_dreambooth:
    """How many of DreamBooth's images the dataset's filter would accept as pairs."""
    input:
        images=benchmark_files("dreambooth", "h5"),
        benchmark=data_root("benchmark"),
        references=REFERENCES,
        subject_encoder=model("subject_encoder"),
        clip=model("clip"),
        segmenter=model("segmenter"),
        detector=detector(),
        calibration=FILTER_CALIBRATION,
    output:
        out=f"{RESULTS}/evaluation/dreambooth/accepted.csv",
    log:
        log_of("filter_dreambooth"),
    benchmark:
        benchmark_of("filter_dreambooth")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.score.dreambooth.filter_dreambooth",
        compute=COMPUTE,
        thresholds=CONFIG.filter,
        batch=CONFIG.sampler.batch,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"


rule tune_dreambooth:
    """Scores of DreamBooth by its number of steps, on training subjects."""
    input:
        multiview=data_root("multiview"),
        prompts=PROMPTS,
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        clip=model("clip"),
        metric_dino=model("metric_dino"),
        metric_clip=model("metric_clip"),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=f"{RESULTS}/evaluation/dreambooth/steps.parquet",
    log:
        log_of("tune_dreambooth"),
    benchmark:
        benchmark_of("tune_dreambooth")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.tune_dreambooth.tune_dreambooth",
        compute=COMPUTE,
        resolution=CONFIG.data.resolution,
        subjects=CONFIG.dreambooth.tuning_subjects,
        steps=CONFIG.dreambooth.tuning_steps,
        # `steps` has the numbers of steps.
        tuning=replace(CONFIG.training.applied(CONFIG.dreambooth.tuning), steps=0),
        sampling=CONFIG.sampler.sampling,
        batch=CONFIG.sampler.batch,
        seed=CONFIG.evaluation.seed,
        prompts_digest=digest_of(PROMPTS),
    script:
        "../workflow/run.py"


rule tabulate_dreambooth:
    """DreamBooth by its number of steps, from which the configuration's number was chosen."""
    input:
        scores=f"{RESULTS}/evaluation/dreambooth/steps.parquet",
    output:
        csv=item(f"{RESULTS}/tables/dreambooth.csv", "table"),
        page=f"{RESULTS}/tables/dreambooth.md",
    log:
        log_of("tabulate_dreambooth"),
    benchmark:
        benchmark_of("tabulate_dreambooth")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.dreambooth.tabulate_dreambooth",
        steps=CONFIG.dreambooth.steps,
        encoders=ENCODERS,
    script:
        "../workflow/run.py"
