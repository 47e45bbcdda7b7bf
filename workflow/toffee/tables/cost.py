"""Table `cost`: seconds of compute per accepted pair, here and by fine-tuning for each subject."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pandas as pd

from toffee.evaluation.statistics import ratio_of_sums
from toffee.runtime.errors import ToffeeError
from toffee.tables.markdown import markdown
from toffee.tables.published import published_hours
from toffee.tables.tidy import Row, read_csv, tidy, write_table

OURSELVES, RIVAL = "Toffee", "DreamBooth"
ALL_STAGES = "all stages"
PER_PAIR = "seconds_per_pair"
MILLION = 1_000_000
MORE_IMAGES = (10, 100)
"""Images per subject besides this run's number: the more, the less a fine-tuning weighs."""

Ratio = tuple[float, float, int | None]
"""A value, its standard error, and the number of places that it is taken over."""


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
    images = len(planned) / planned.nunique()
    per_subject = pairs.sum() / planned.nunique()
    trained = {generator_name(path): benchmark_seconds(path) for path in pretraining}
    stage_rows, ours = pipeline_rows(group_by_stage(stages), pairs)
    rival_rows, theirs = dreambooth_rows(seconds, accepted, images)
    rows = [
        *stage_rows,
        *pretraining_rows(trained, per_subject),
        *rival_rows,
        *comparison_rows(ours, theirs, sum(trained.values()), per_subject, images),
    ]
    table = pd.concat([tidy(rows), published_hours(published)], ignore_index=True)
    texts = [
        "Wall seconds of jobs with one thread each, on one machine in one run. The pipeline's are "
        "whole jobs, from the start of the program to its end, and contain the scoring; "
        "DreamBooth's are fine-tuning and drawing alone, so the comparison leans its way. Its "
        "images pass the dataset's filter as if they were pairs with the subject's photo. "
        "Standard errors: over shards (pipeline), over subjects (DreamBooth).",
        f"Both get the same number of candidates for each subject: {images:.2f} here "
        f"({len(planned)} for {planned.nunique()} subjects); with more images per subject a "
        f"fine-tuning is shared by more pairs, as the rows with {MORE_IMAGES[0]} and "
        f"{MORE_IMAGES[1]} show. Both start from the same base models, whose training is not "
        "counted. The projection takes this run's number of accepted pairs for each of 1 million "
        "subjects.",
        "**Measured and published hours are not comparable here**: other models, pictures and "
        "machines; published hours are GPU or TPU hours of full-size models. Only the ratios "
        "within a kind of rows mean something.",
    ]
    write_table(table, csv, page, "Cost of an accepted pair", [markdown(table), *texts])


def group_by_stage(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Benchmark files by the rule of their jobs, in their order."""
    stages: dict[str, list[Path]] = {}
    for path in map(Path, paths):
        of_shard = path.parent.name != "benchmarks"
        stages.setdefault(path.parent.name if of_shard else path.stem, []).append(path)
    return stages


def generator_name(path: Path) -> str:
    """A generator's name out of the benchmark file of its training."""
    return Path(path).stem.removeprefix("pretrain_").replace("_", " ").title()


def pipeline_rows(
    stages: Mapping[str, Sequence[Path]], pairs: pd.Series
) -> tuple[list[Row], Ratio]:
    """Rows of the seconds per accepted pair, by stage and in all; and that sum.

    pairs: accepted pairs of each shard.
    """
    if not pairs.sum():
        raise ToffeeError("cost: no accepted pair to share the seconds")
    rows: list[Row] = []
    by_shard = pd.Series(0.0, index=pairs.index)
    single = 0.0
    for name, paths in stages.items():
        times = {path.stem: benchmark_seconds(path) for path in paths}
        ratio: Ratio
        if set(times) == set(pairs.index):
            spent = pd.Series(times)[pairs.index]
            by_shard += spent
            ratio = ratio_of_sums(spent.to_numpy(), pairs.to_numpy())
        else:
            single += sum(times.values())
            ratio = sum(times.values()) / pairs.sum(), math.nan, None
        rows.append((OURSELVES, name, PER_PAIR, *ratio))
    value, error, count = ratio_of_sums(by_shard.to_numpy(), pairs.to_numpy())
    whole = value + single / pairs.sum(), error, count
    return [*rows, (OURSELVES, ALL_STAGES, PER_PAIR, *whole)], whole


def pretraining_rows(trained: Mapping[str, float], per_subject: float) -> list[Row]:
    """Rows of the generators' training, which the pairs of 1 million subjects would share.

    trained: seconds by generator; per_subject: accepted pairs per subject.
    """
    shared = sum(trained.values()) / (MILLION * per_subject)
    return [
        *((OURSELVES, f"pretraining of the {name}", "seconds", t) for name, t in trained.items()),
        (OURSELVES, "pretraining, shared by 1 million subjects", PER_PAIR, shared),
    ]


def dreambooth_rows(
    seconds: Sequence[Path], accepted: Path, images: float
) -> tuple[list[Row], Ratio]:
    """DreamBooth's rows, and its seconds for each accepted pair.

    images: drawn for each subject, as the pipeline draws candidates.
    """
    spent = pd.concat([pd.read_csv(path) for path in seconds]).set_index("subject")
    counts = pd.read_csv(accepted).set_index("subject").loc[spent.index]
    if not counts["accepted"].sum():
        raise ToffeeError(f"{accepted}: the filter accepts no image of DreamBooth")
    tune, draw = spent["tune_seconds"], spent["draw_seconds"] / spent["images"]
    share = counts["accepted"] / counts["candidates"]
    prior = spent.loc[spent["prior_seconds"] > 0.01, "prior_seconds"]

    def mean(values: pd.Series) -> Ratio:
        return values.mean(), cast(float, values.sem()), len(values)

    def per_pair(count: float) -> tuple[float, float, int]:
        return ratio_of_sums((tune + count * draw).to_numpy(), (count * share).to_numpy())

    rows: list[Row] = [
        (RIVAL, "fine-tuning, per subject", "seconds", *mean(tune)),
        (RIVAL, "drawing, per image", "seconds", *mean(draw)),
        (RIVAL, "images of a class, once per class (not counted)", "seconds", *mean(prior)),
        (RIVAL, "accepted by the filter", "share", *mean(share)),
    ]
    rows += [
        (RIVAL, images_name(count), PER_PAIR, *per_pair(count)) for count in (images, *MORE_IMAGES)
    ]
    return rows, per_pair(images)


def comparison_rows(
    ours: Ratio, theirs: Ratio, training: float, per_subject: float, images: float
) -> list[Row]:
    """Rows of the ratio of both costs, and of the hours that 1 million subjects would take.

    ours, theirs: seconds per accepted pair; training: seconds of the generators' training;
    per_subject: accepted pairs, and images: candidates, per subject.
    """
    (own, own_error, _), (rival, rival_error, count) = ours, theirs
    ratio = rival / own
    error = ratio * math.hypot(rival_error / rival, own_error / own)
    hours = MILLION * per_subject / 3600
    name = f"projection: 1 million subjects, {per_subject:.2f} pairs each"
    return [
        (f"{RIVAL} / {OURSELVES}", images_name(images), "ratio", ratio, error, count),
        (OURSELVES, name, "hours", hours * own + training / 3600),
        (RIVAL, name, "hours", hours * rival, hours * rival_error, count),
    ]


def images_name(count: float) -> str:
    """The setting of a number of images per subject."""
    return f"{count:.3g} images per subject"


def benchmark_seconds(path: Path) -> float:
    """Wall seconds of a job, from the file of its rule's `benchmark`.

    Raises:
        ToffeeError: the file has no such column.
    """
    return float(read_csv(path, ("s",), sep="\t")["s"].mean())
