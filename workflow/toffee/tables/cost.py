"""Table and figure `cost`: what an accepted pair costs, here and by fine-tuning each subject."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.evaluation.statistics import ratio_of_sums
from toffee.figures.chart import (
    INK,
    MUTED,
    OTHER,
    OURS,
    OURS_LIGHT,
    as_picture,
    new_figure,
    plain,
)
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.tables.tidy import TABLE, markdown, write_table

OURSELVES, RIVAL = "Toffee", "DreamBooth"
ALL_STAGES = "all stages"
MILLION = 1_000_000
MORE_IMAGES = (10, 100)
"""Images a subject besides this run's: the more, the less a fine-tuning weighs."""

Row = tuple[str, str, str, float, float, int | None, str]


def tabulate_cost(
    stages: Sequence[Path],
    pretraining: Sequence[Path],
    index: Path,
    plan: Sequence[Path],
    seconds: Sequence[Path],
    accepted: Path,
    published: Path,
    csv: Path,
    page: Path,
) -> None:
    """Seconds of compute for each accepted pair, by this pipeline and by DreamBooth.

    Args:
        stages: benchmark files of the stages' jobs: <stage>/<shard>.tsv or <stage>.tsv.
        pretraining: benchmark files of the generators' trainings, pretrain_<generator>.tsv.
        index, plan: accepted pairs, and every shard's candidates that they were chosen from.
        seconds, accepted: what DreamBooth took for each subject, and how many of its images the
            dataset's filter would accept (CSV).
        published: CSV of published costs.

    Raises:
        ToffeeError: a file is not what is expected, or nothing was accepted.
    """
    pairs = pd.read_parquet(index, columns=["shard", "accepted"]).groupby("shard")["accepted"].sum()
    planned = pd.concat([pd.read_parquet(path, columns=["subject"]) for path in plan])["subject"]
    subjects, images = planned.nunique(), len(planned) / planned.nunique()
    ours = pipeline_rows(by_stage(stages), pairs)
    per_pair = next(row[3] for row in ours if row[1] == ALL_STAGES)
    error = next(row[4] for row in ours if row[1] == ALL_STAGES)
    trained = {generator_name(path): benchmark_seconds(path) for path in pretraining}
    per_subject = pairs.sum() / subjects
    total = sum(trained.values())
    ours += [(OURSELVES, f"pretraining of the {name}", "seconds", t) for name, t in trained.items()]
    shared = total / (MILLION * per_subject)
    ours.append(
        (OURSELVES, "pretraining, shared by 1 million subjects", "seconds_per_pair", shared)
    )
    theirs, rival, rival_error = dreambooth_rows(seconds, accepted, images)
    ratio = rival / per_pair
    spread = ratio * math.hypot(rival_error / rival, error / per_pair)
    count = len(pd.read_csv(accepted))
    hours = MILLION * per_subject / 3600
    rows = [
        *ours,
        *theirs,
        (f"{RIVAL} / {OURSELVES}", images_name(images), "ratio", ratio, spread, count),
        (OURSELVES, projected(per_subject), "hours", hours * per_pair + total / 3600),
        (RIVAL, projected(per_subject), "hours", hours * rival, hours * rival_error, count),
    ]
    measured = [(*row, *(math.nan, None)[len(row) - 4 :], "measured") for row in rows]
    table = pd.DataFrame(measured + published_hours(published), columns=list(TABLE))
    table = table.astype({"value": "float64", "stderr": "float64", "n": "Int64"})
    texts = [
        "Wall seconds of jobs with one thread each, on one machine in one run. The pipeline's are "
        "whole jobs, from the start of the program to its end, and contain the scoring; "
        "DreamBooth's are fine-tuning and drawing alone, so the comparison leans its way. Its "
        "images are judged by the dataset's filter as if they were pairs with the subject's photo. "
        "Standard errors: over shards (pipeline), over subjects (DreamBooth).",
        f"Both get the same number of candidates for each subject: {images:.2f} here "
        f"({len(planned)} for {subjects} subjects); with more images a subject a fine-tuning is "
        f"shared by more pairs, as the rows with {MORE_IMAGES[0]} and {MORE_IMAGES[1]} show. Both "
        "start from the same base models, whose training is not counted. The projection takes "
        "this run's number of accepted pairs for each of 1 million subjects.",
        "**Measured and published hours are not comparable here**: other models, pictures and "
        "machines; published hours are GPU or TPU hours of full-size models. Only the ratios "
        "within a kind of rows mean something.",
    ]
    body = [markdown(table), *texts]
    write_table(table, csv, page, "Cost of an accepted pair", body)


def by_stage(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Benchmark files by the rule of their jobs, in their order."""
    stages: dict[str, list[Path]] = {}
    for path in paths:
        shard = path.parent.name != "benchmarks"
        stages.setdefault(path.parent.name if shard else path.stem, []).append(path)
    return stages


def generator_name(path: Path) -> str:
    """A generator's name out of the benchmark file of its training."""
    return path.stem.removeprefix("pretrain_").replace("_", " ").title()


def pipeline_rows(stages: Mapping[str, Sequence[Path]], pairs: pd.Series) -> list[tuple]:
    """Seconds for each accepted pair, by stage and in all.

    pairs: accepted pairs of each shard.
    """
    if not pairs.sum():
        raise ToffeeError("cost: no accepted pair to share the seconds")
    rows: list[tuple] = []
    by_shard = pd.Series(0.0, index=pairs.index)
    single = 0.0
    for name, paths in stages.items():
        times = {Path(path).stem: benchmark_seconds(path) for path in paths}
        if set(times) == set(pairs.index):
            spent = pd.Series(times)[pairs.index]
            by_shard += spent
            value = ratio_of_sums(spent.to_numpy(), pairs.to_numpy())
        else:
            single += sum(times.values())
            value = (sum(times.values()) / pairs.sum(), math.nan, None)
        rows.append((OURSELVES, name, "seconds_per_pair", *value))
    value, error, count = ratio_of_sums(by_shard.to_numpy(), pairs.to_numpy())
    whole = value + single / pairs.sum()
    rows.append((OURSELVES, ALL_STAGES, "seconds_per_pair", whole, error, count))
    return rows


def dreambooth_rows(
    seconds: Sequence[Path], accepted: Path, images: float
) -> tuple[list[tuple], float, float]:
    """DreamBooth's rows, and its seconds for each accepted pair with their standard error.

    images: drawn for each subject, as the pipeline draws candidates.
    """
    spent = pd.concat([pd.read_csv(path) for path in seconds]).set_index("subject")
    judged = pd.read_csv(accepted).set_index("subject").loc[spent.index]
    if not judged["accepted"].sum():
        raise ToffeeError(f"{accepted}: the filter accepts no image of DreamBooth")
    tune, draw = spent["tune_seconds"], spent["draw_seconds"] / spent["images"]
    share = judged["accepted"] / judged["candidates"]
    prior = spent.loc[spent["prior_seconds"] > 0.01, "prior_seconds"]

    def mean(values: pd.Series) -> tuple[float, float, int]:
        return float(values.mean()), float(values.sem()), len(values)

    def per_pair(count: float) -> tuple[float, float, int]:
        return ratio_of_sums((tune + count * draw).to_numpy(), (count * share).to_numpy())

    rows = [
        (RIVAL, "fine-tuning, a subject", "seconds", *mean(tune)),
        (RIVAL, "drawing, an image", "seconds", *mean(draw)),
        (RIVAL, "images of a class, once a class (not counted)", "seconds", *mean(prior)),
        (RIVAL, "accepted by the filter", "share", *mean(share)),
    ]
    rows += [
        (RIVAL, images_name(count), "seconds_per_pair", *per_pair(count))
        for count in (images, *MORE_IMAGES)
    ]
    value, error, _ = per_pair(images)
    return rows, value, error


def published_hours(path: Path) -> list[Row]:
    """The published rows: hours of compute."""
    try:
        rows = pd.read_csv(path).to_dict("records")
        return [
            (
                row["system"],
                f"{_amount(row)}, {row['compute_unit']} hours, {row['bound']}; {row['source']}",
                "hours",
                float(row["compute_hours"]),
                math.nan,
                None,
                "published",
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{path}: expected a CSV of published costs ({error})") from None


def _amount(row: Mapping[str, float]) -> str:
    subjects = row["subjects"]
    return f"{subjects:,.0f} subjects" if pd.notna(subjects) else f"{row['pairs']:,.0f} pairs"


def images_name(count: float) -> str:
    """The setting of so many images a subject."""
    return f"{count:.3g} images a subject"


def projected(per_subject: float) -> str:
    """The setting of the projection."""
    return f"projection: 1 million subjects, {per_subject:.2f} pairs each"


def benchmark_seconds(path: str | Path) -> float:
    """Wall seconds of a job, from the file of its rule's `benchmark`.

    Raises:
        ToffeeError: the file is not such a one.
    """
    try:
        return float(pd.read_csv(path, sep="\t")["s"].mean())
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{path}: expected a job's benchmark with a column s ({error})") from None


def draw_cost(table: Path, out: Path, width: int = 1200) -> None:
    """Measured seconds and published hours, as bars in panels of their own.

    table: the CSV of `tabulate_cost`.
    """
    rows = pd.read_csv(table)
    measured = rows[rows["source"] == "measured"].set_index(["method", "setting", "metric"])
    figure = new_figure(width, 6.4)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.1))
    top.suptitle("Measured here: seconds of compute for each accepted pair", x=0.01, ha="left")
    left, right = top.subplots(1, 2, width_ratios=(3, 2))
    seconds = measured.xs("seconds_per_pair", level="metric")
    stages = seconds.loc[OURSELVES]
    stages = stages.iloc[: list(stages.index).index(ALL_STAGES)]
    rivals = seconds.loc[RIVAL]
    whole = seconds.loc[OURSELVES, ALL_STAGES]
    bars(
        left,
        {f"{RIVAL}, {name}": row for name, row in rivals.iterrows()} | {OURSELVES: whole},
        [OTHER] * len(rivals) + [OURS],
        "seconds, logarithmic",
        logarithmic=True,
    )
    bars(
        right,
        {name.replace("_", " "): row for name, row in stages.iloc[::-1].iterrows()},
        [OURS_LIGHT] * len(stages),
        f"seconds, {OURSELVES} by stage",
    )
    bottom.suptitle("Published: hours of compute, as the sources print them", x=0.01, ha="left")
    printed = rows[rows["source"] == "published"].sort_values("value", ascending=False)
    names = {
        f"{row.method}\n{row.setting.partition(';')[0]}": pd.Series(
            {"value": row.value, "stderr": np.nan}
        )
        for row in printed.itertuples()
    }
    colours = [OURS if method == OURSELVES else MUTED for method in printed["method"]]
    bars(bottom.subplots(), names, colours, "hours, of GPUs or TPUs (not of this machine)")
    with atomic_path(out) as temporary:
        as_picture(figure).save(temporary, "PNG", optimize=True)


def bars(axes, rows: Mapping[str, pd.Series], colours, label: str, logarithmic=False) -> None:
    """Horizontal bars, the first at the bottom, with their values beside them."""
    values = [float(row["value"]) for row in rows.values()]
    errors = [0.0 if np.isnan(row["stderr"]) else float(row["stderr"]) for row in rows.values()]
    axes.barh(list(rows), values, xerr=errors, color=colours, ecolor=INK, height=0.62)
    for place, (value, error) in enumerate(zip(values, errors, strict=True)):
        text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        axes.annotate(
            text, (value + error, place), (5, 0), textcoords="offset points", va="center", color=INK
        )
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 3, max(values) * 4)
    else:
        axes.set_xlim(0, max(values) * 1.18)
    axes.set_xlabel(label)
    plain(axes, "x")
