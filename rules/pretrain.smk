"""The two generators that the paper pretrains on photographs without labels.

Needs: base models, multi-view sequences for training.
Gives: models/refiner/ and models/view_generator/, safetensors in hub layout. Each takes one thread,
because two processes side by side use two cores better than one process with two threads.
"""


rule pretrain_refiner:
    """The Refiner: draws an image from the patch tokens of the subject encoder."""
    input:
        multiview=data_root("multiview"),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
    output:
        out=directory(model("refiner")),
    log:
        log_of("pretrain_refiner"),
    benchmark:
        benchmark_of("pretrain_refiner")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.method.refiner.pretrain_refiner",
        compute=COMPUTE,
        resolution=CONFIG.data.resolution,
        training=CONFIG.training.applied(CONFIG.refiner.training),
        token_grid=CONFIG.refiner.token_grid,
        token_dropout=CONFIG.refiner.token_dropout,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule pretrain_view_generator:
    """The View Generator: draws another view of a subject from the patch tokens of one view."""
    input:
        multiview=data_root("multiview"),
        text_to_image=model("text_to_image"),
        subject_encoder=model("subject_encoder"),
        depth_estimator=model("depth"),
    output:
        out=directory(model("view_generator")),
    log:
        log_of("pretrain_view_generator"),
    benchmark:
        benchmark_of("pretrain_view_generator")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.method.view_generator.pretrain_view_generator",
        compute=COMPUTE,
        resolution=CONFIG.data.resolution,
        training=CONFIG.training.applied(CONFIG.view_generator.training),
        depth=CONFIG.view_generator.depth,
        reference=CONFIG.view_generator.reference,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"
