"""A shard in one job, which loads its libraries and models once (config `synthesis.one_job`).

In place of rules/synthesize.smk, which makes the same files (on a CPU to the byte) in a job a stage: there a
changed value draws again what it changes, here all of the shard.
Needs: the shard's plan and the pictures that it names by digest, base models, the two generators.
Gives: dataset/stages/<stage>/<shard>.h5 and dataset/shards/<shard>.h5, as there.
"""


rule synthesize_shard:
    """A shard from its plan to its scores: all pictures of its stages, then its candidates."""
    input:
        plan=PLAN,
        prompts=PROMPTS,
        texts=TEXTS,
        drawer=model(DRAWER) if DRAWER != "text_to_image" else [],
        text_to_image=model("text_to_image"),
        controlnet_depth=model("controlnet_depth"),
        depth_estimator=model("depth"),
        refiner=model("refiner"),
        view_generator=model("view_generator"),
        subject_encoder=model("subject_encoder"),
        clip=model("clip"),
        segmenter=model("segmenter"),
        detector=detector(),
        calibration=MATCH_CALIBRATION,
    output:
        initial=stage_output("initial"),
        refined=stage_output("refined"),
        views=stage_output("views"),
        edits=stage_output("edits"),
        out=f"{RESULTS}/dataset/shards/{{shard}}.h5",
    log:
        log_of("synthesize_shard/{shard}"),
    benchmark:
        benchmark_of("synthesize_shard/{shard}")
    priority: ON_THE_WAY
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.synthesis.shard.synthesize_shard",
        compute=COMPUTE,
        subjects_root=data_root("subjects"),
        multiview_root=data_root("multiview"),
        drawing=CONFIG.drawing,
        sampling=CONTROLLED_SAMPLING,
        view_sampling=CONFIG.view_generator.sampling,
        refining=CONFIG.refiner.refining,
        edit_strength=CONFIG.synthesis.edit_strength,
        seed=CONFIG.seed,
        prompts_digest=digest_of(PROMPTS),
        texts_digest=digest_of(TEXTS) if TEXTS else None,
    script:
        "../workflow/run.py"
