"""What the configured encoders say of real photos, for thresholds that are quantiles of it.

Needs: held-out multi-view sequences, the encoder and the CLIP that match and filter.
Gives: dataset/calibration.json, tables/calibration.csv and .md (target `tables`, and its own name).
"""


rule calibrate:
    """Cosines of photos of the same subject, of one class and of different classes: their quantiles."""
    input:
        multiview_heldout=data_root("multiview_heldout"),
        subject_encoder=model("subject_encoder"),
        clip=model("clip"),
    output:
        out=CALIBRATION,
    log:
        log_of("calibrate"),
    benchmark:
        benchmark_of("calibrate")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.evaluation.calibrate.calibrate",
        compute=COMPUTE,
        subjects=CONFIG.evaluation.refiner_subjects,
        resolution=CONFIG.data.resolution,
    script:
        "../workflow/run.py"


rule tabulate_calibration:
    """Distributions of the cosines, and the thresholds that were chosen of them."""
    input:
        calibration=rules.calibrate.output.out,
    output:
        csv=item(f"{RESULTS}/tables/calibration.csv", "table"),
        page=f"{RESULTS}/tables/calibration.md",
    log:
        log_of("tabulate_calibration"),
    benchmark:
        benchmark_of("tabulate_calibration")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.calibration.tabulate_calibration",
        thresholds=CONFIG.filter,
        match_threshold=CONFIG.refiner.match_threshold,
    script:
        "../workflow/run.py"
