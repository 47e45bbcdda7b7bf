"""Real photographs, read once from their source into the layouts that everything else reads.

Needs: the sources of config `data.real`; for subjects that are drawn, base models.
Gives: data/<folder>/ where config `data.source` is `real`, each with sources.csv (SHA-256 of what was
read), quarantine.csv and its licences. Where a section's kind is `folder`, that folder is used where
it is, and nothing here runs for it. A source is no input: hashing it would read it once more.
"""


rule import_subjects:
    """Training subjects out of a folder of pictures or a data set of the hub, at this run's size."""
    output:
        out=directory(f"{RESULTS}/data/subjects"),
    log:
        log_of("import_subjects"),
    benchmark:
        benchmark_of("import_subjects")
    priority: FIRST
    # Compute nodes may lack internet access.
    localrule: CONFIG.data.real.kind("subjects") in ("hub", "subjects200k")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.data.importers.subjects.import_subjects",
        source=CONFIG.data.real.keys("subjects"),
        subjects=CONFIG.data.subjects,
        resolution=CONFIG.data.resolution,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule draw_subjects:
    """Training subjects that the base model draws, with masks: of listed class words, or of those of
    the sequences that lend them their poses."""
    input:
        classes=WORD_LISTS.get("classes", []),
        living=WORD_LISTS.get("living", []),
        multiview=[] if "classes" in WORD_LISTS else data_root("multiview"),
        text_to_image=model(DRAWER),
        segmenter=model("segmenter"),
        detector=detector(),
    output:
        out=directory(f"{RESULTS}/data/drawn"),
    log:
        log_of("draw_subjects"),
    benchmark:
        benchmark_of("draw_subjects")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee.synthesis.drawn_subjects.draw_subjects",
        compute=COMPUTE,
        per_class=CONFIG.data.real.keys("subjects").get("per_class"),
        subjects=CONFIG.data.subjects,
        licence=getattr(MODELS[DRAWER], "licence", "Apache-2.0"),
        resolution=CONFIG.data.resolution,
        sampling=SAMPLING,
        batch=CONFIG.sampler.batch,
        seed=CONFIG.seed,
        lists_digest=[digest_of(path) for path in WORD_LISTS.values()],
    script:
        "../workflow/run.py"


rule import_multiview:
    """Multi-view sequences for training out of a release of MVImgNet or uCO3D, at this run's size."""
    output:
        out=directory(f"{RESULTS}/data/multiview"),
    log:
        log_of("import_multiview"),
    benchmark:
        benchmark_of("import_multiview")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=8000,
    params:
        function="toffee.data.importers.views.import_multiview",
        heldout=False,
        source=CONFIG.data.real.keys("multiview"),
        sequences=CONFIG.data.sequences,
        views=CONFIG.data.views,
        resolution=CONFIG.data.resolution,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"


rule import_heldout:
    """Multi-view sequences that no training sees, out of the same release."""
    output:
        out=directory(f"{RESULTS}/data/multiview_heldout"),
    log:
        log_of("import_heldout"),
    benchmark:
        benchmark_of("import_heldout")
    priority: FIRST
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=8000,
    params:
        function="toffee.data.importers.views.import_multiview",
        heldout=True,
        source=CONFIG.data.real.keys("multiview"),
        sequences=CONFIG.data.heldout_sequences,
        views=CONFIG.data.views,
        resolution=CONFIG.data.resolution,
        seed=CONFIG.seed,
    script:
        "../workflow/run.py"
