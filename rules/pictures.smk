"""Pictures of the benchmark that come from elsewhere, or go there.

Needs: a user's pictures (config `evaluation.pictures`); the benchmark's images.
Gives: evaluation/dreambench/<method>/<seed>.h5 of such pictures; evaluation/imagenhub/.
"""

from toffee.launch.prepare import fingerprints


rule import_pictures:
    """A user's own pictures of the benchmark, checked for their names, number and size."""
    input:
        benchmark=data_root("benchmark"),
    output:
        out=f"{RESULTS}/evaluation/dreambench/{{method}}/{{draw}}.h5",
    log:
        log_of("import_pictures/{method}/{draw}"),
    benchmark:
        benchmark_of("import_pictures/{method}/{draw}")
    wildcard_constraints:
        method="|".join(PICTURES) or "none",
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.evaluation.draw.pictures.import_pictures",
        draws=CONFIG.evaluation.images_per_prompt,
        source=lambda w: {"path": PICTURES[w.method]},
        sources_digest=lambda w: fingerprints([PICTURES[w.method]], RESULTS)(w),
    script:
        "../workflow/run.py"


rule export_imagenhub:
    """The benchmark's pictures in ImagenHub's layout, for scorers of others; built by its name alone."""
    input:
        images=[path for name in METHODS for path in benchmark_files(name, "h5")],
        benchmark=data_root("benchmark"),
        references=REFERENCES,
    output:
        out=directory(f"{RESULTS}/evaluation/imagenhub"),
    log:
        log_of("export_imagenhub"),
    benchmark:
        benchmark_of("export_imagenhub")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=2000,
    params:
        function="toffee.evaluation.imagenhub.export_imagenhub",
        draws=CONFIG.evaluation.images_per_prompt,
        references_digest=digest_of(REFERENCES),
    script:
        "../workflow/run.py"
