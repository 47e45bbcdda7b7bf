"""The paper's thesis: ToffeeNet by the number of pairs and subjects, beside DreamBooth by its steps.

Needs: the dataset and further shards of the same synthesis, the benchmark, table cost.
Gives: dataset/times_<n>/index.parquet, the filter's index over n times the dataset's shards;
tables/scaling.csv and .md, figures/scaling.png. Only their own name builds them: each row is a training.
"""


use rule filter_dataset as filter_more with:
    input:
        shards=lambda w: shards_of(w.times),
        after=rules.filter_dataset.input.after,
        calibration=FILTER_CALIBRATION,
    output:
        out=f"{RESULTS}/dataset/times_{{times}}/index.parquet",
        funnel=f"{RESULTS}/dataset/times_{{times}}/funnel.csv",
    log:
        log_of("filter_more/{times}"),
    benchmark:
        benchmark_of("filter_more/{times}")


use rule encode_pairs as encode_more with:
    input:
        index=rules.filter_more.output.out,
        shards=lambda w: shards_of(w.times),
        text_to_image=model("text_to_image"),
    output:
        out=directory(f"{RESULTS}/dataset/times_{{times}}/encoded"),
    log:
        log_of("encode_more/{times}"),
    benchmark:
        benchmark_of("encode_more/{times}")


rule tabulate_scaling:
    """ToffeeNet by its pairs, subjects and steps; DreamBooth by its steps; whether there is a slope."""
    input:
        after=ORACLE,
        scores=[*variant_scores("scaling"), *scores_of(frontier())],
        models=[net_model(name) for name in rows("scaling")],
        trained=[benchmark_of(f"train_toffeenet/{net_of(name)}") for name in rows("scaling")],
        seconds=[
            f"{RESULTS}/evaluation/{name}/seconds/{group}.csv"
            for name in frontier()
            for group in GROUPS
        ],
        cost=f"{RESULTS}/tables/cost.csv",
    output:
        csv=item(f"{RESULTS}/tables/scaling.csv", "table"),
        page=f"{RESULTS}/tables/scaling.md",
    log:
        log_of("tabulate_scaling"),
    benchmark:
        benchmark_of("tabulate_scaling")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.tables.scaling.tabulate_scaling",
        after=GATE,
        steps={name: CONFIG.variant(name).steps for name in rows("scaling")},
        shares={name: CONFIG.variant(name).subjects for name in rows("scaling")},
        tuned=frontier(),
        encoders=ENCODERS,
    script:
        "../workflow/run.py"


rule plot_scaling:
    """Quality against pairs and against cost, with DreamBooth's frontier."""
    input:
        table=f"{RESULTS}/tables/scaling.csv",
    output:
        out=item(f"{RESULTS}/figures/scaling.png", "figure"),
    log:
        log_of("plot_scaling"),
    benchmark:
        benchmark_of("plot_scaling")
    conda:
        "../envs/toffee.yaml"
    resources:
        mem_mb=1000,
    params:
        function="toffee.figures.scaling.plot_scaling",
    script:
        "../workflow/run.py"
