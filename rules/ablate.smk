"""Tables of ToffeeNet's variants: what it is trained on, reconstruction, input, λ, editing.

Needs: scores of the benchmark and of the held-out edits, published ablations.
Gives: tables/<name>.csv and .md; only targets `tables` and their own names build them. Which rows a table
has follows from config `variants`.
"""


rule tabulate_variants:
    """ToffeeNet and variants trained on other pairs, at generation and at editing."""
    input:
        after=ORACLE,
        generation=variant_scores("variants"),
        editing=edit_scores([BASE, *VARIANTS["variants"]]),
    output:
        csv=item(f"{RESULTS}/tables/variants.csv", "table"),
        page=f"{RESULTS}/tables/variants.md",
    log:
        log_of("tabulate_variants"),
    benchmark:
        benchmark_of("tabulate_variants")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.variants.tabulate_variants",
        after=GATE,
        encoders=ENCODERS,
    script:
        "../workflow/run.py"


rule tabulate_reconstruction:
    """ToffeeNet by the probability of reconstruction in training, beside the published rows."""
    input:
        after=ORACLE,
        scores=variant_scores("reconstruction"),
        published=PUBLISHED["ablations"],
    output:
        csv=item(f"{RESULTS}/tables/reconstruction.csv", "table"),
        page=f"{RESULTS}/tables/reconstruction.md",
    log:
        log_of("tabulate_reconstruction"),
    benchmark:
        benchmark_of("tabulate_reconstruction")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.reconstruction.tabulate_reconstruction",
        after=GATE,
        shares={name: CONFIG.variant(name).reconstruction for name in rows("reconstruction")},
        encoders=ENCODERS,
        source=BENCHMARK,
        resolution=CONFIG.data.resolution,
        published_digest=digest_of(PUBLISHED["ablations"]),
    script:
        "../workflow/run.py"


rule tabulate_segmentation:
    """ToffeeNet that sees the subject cut out, or its whole photo."""
    input:
        after=ORACLE,
        scores=variant_scores("segmentation"),
    output:
        csv=item(f"{RESULTS}/tables/segmentation.csv", "table"),
        page=f"{RESULTS}/tables/segmentation.md",
    log:
        log_of("tabulate_segmentation"),
    benchmark:
        benchmark_of("tabulate_segmentation")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.segmentation.tabulate_segmentation",
        after=GATE,
        segmented={name: CONFIG.variant(name).segmented for name in rows("segmentation")},
        encoders=ENCODERS,
    script:
        "../workflow/run.py"


rule tabulate_reference:
    """ToffeeNet by the way in which the subject's picture enters, and by how it is guided."""
    input:
        after=ORACLE,
        scores=variant_scores("reference"),
    output:
        csv=item(f"{RESULTS}/tables/reference.csv", "table"),
        page=f"{RESULTS}/tables/reference.md",
    log:
        log_of("tabulate_reference"),
    benchmark:
        benchmark_of("tabulate_reference")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.reference.tabulate_reference",
        after=GATE,
        references={name: CONFIG.variant(name).reference for name in rows("reference")},
        subject_guidance={name: CONFIG.variant(name).subject_guidance for name in rows("reference")},
        photos={name: CONFIG.variant(name).reference_photos for name in rows("reference")},
        own_photo={name: CONFIG.variant(name).own_photo for name in rows("reference")},
        guidance={name: CONFIG.variant(name).guidance for name in rows("reference")},
        encoders=ENCODERS,
    script:
        "../workflow/run.py"


rule tabulate_strength:
    """ToffeeNet by λ at inference, with the rank correlations of λ and the metrics."""
    input:
        after=ORACLE,
        scores=benchmark_files("strength", "parquet"),
    output:
        csv=item(f"{RESULTS}/tables/strength.csv", "table"),
        page=f"{RESULTS}/tables/strength.md",
    log:
        log_of("tabulate_strength"),
    benchmark:
        benchmark_of("tabulate_strength")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.strength.tabulate_strength",
        after=GATE,
        strengths=CONFIG.evaluation.strengths,
        encoders=ENCODERS,
    script:
        "../workflow/run.py"


rule tabulate_editing:
    """Editing by kind, and depth-controlled generation."""
    input:
        scores=edit_scores([BASE, *EDIT_CONTROLS, *VARIANTS["editing"]]),
    output:
        csv=item(f"{RESULTS}/tables/editing.csv", "table"),
        page=f"{RESULTS}/tables/editing.md",
    log:
        log_of("tabulate_editing"),
    benchmark:
        benchmark_of("tabulate_editing")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.editing.tabulate_editing",
        depth=[name for name in VARIANTS["editing"] if CONFIG.variant(name).depth],
        encoders=ENCODERS,
    script:
        "../workflow/run.py"
