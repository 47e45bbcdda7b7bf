"""The zoo: base models of the tiny scale, trained from nothing on the procedural world.

Needs: nothing. Gives: results/zoo/<part>/ and results/zoo/assembled/, a zoo that config `models.zoo` may
name. Nobody needs to run this to use the models: they are in workflow/zoo, where `make zoo` puts new
ones. Steps, rates and seeds are in toffee_zoo/recipes.py.
"""


rule draw_zoo_renders:
    """Renders of the training split that every part of the zoo learns from."""
    output:
        out=directory("results/zoo/renders"),
    log:
        "results/zoo/logs/draw_zoo_renders.log",
    benchmark:
        "results/zoo/benchmarks/draw_zoo_renders.tsv"
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=3000,
    params:
        function="toffee_zoo.renders.draw_zoo_renders",
    script:
        "../workflow/run.py"


rule train_zoo_part:
    """One model of the zoo, with the record of its training."""
    input:
        renders=rules.draw_zoo_renders.output.out,
        needs=lambda wildcards: expand("results/zoo/{part}", part=ZOO_PARTS[wildcards.part]),
    output:
        out=directory("results/zoo/{part}"),
    log:
        "results/zoo/logs/train_zoo_part/{part}.log",
    benchmark:
        "results/zoo/benchmarks/train_zoo_part/{part}.tsv"
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=4000,
    params:
        function="toffee_zoo.recipes.train_zoo_part",
    script:
        "../workflow/run.py"


rule assemble_zoo:
    """A zoo: a folder a role, and the manifest with every digest and how it was trained."""
    input:
        parts=expand("results/zoo/{part}", part=ROLES),
    output:
        out=directory("results/zoo/assembled"),
    log:
        "results/zoo/logs/assemble_zoo.log",
    benchmark:
        "results/zoo/benchmarks/assemble_zoo.tsv"
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee_zoo.assemble.assemble_zoo",
    script:
        "../workflow/run.py"


rule zoo:
    """The tiny scale's base models, trained from nothing."""
    input:
        rules.assemble_zoo.output.out,
