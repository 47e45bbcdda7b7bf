"""Table `cost`: seconds of compute per accepted pair, here and by fine-tuning for each subject."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pandas as pd

from toffee.evaluation.names import ONE_PHOTO
from toffee.evaluation.statistics import ratio_of_sums
from toffee.runtime.errors import ToffeeError
from toffee.tables.equal_quality import Quality, equal_quality
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
    steps_scores: Path,
    pair_scores: Path,
    published: Path,
    csv: Path,
    page: Path,
    thresholds: Mapping[str, float | str],
    steps: int,
    calibration: Path | None = None,
) -> None:
    """Seconds of compute for each accepted pair, by this pipeline and by DreamBooth.

    Args:
        stages: benchmark files of the stages' jobs: <stage>/<shard>.tsv or <stage>.tsv.
        pretraining: benchmark files of the generators' trainings, pretrain_<generator>.tsv.
        index, plan: accepted pairs, and every shard's candidates that they were chosen from.
        seconds, accepted: what DreamBooth took for each subject, and how many of its images the
            dataset's filter would accept (CSV).
        steps_scores, pair_scores: scores of DreamBooth by its steps, and of the dataset's pairs.
        thresholds, steps: config section `filter`, and `dreambooth.steps`.
        published: CSV of published costs.
        calibration: file that quantiles among the thresholds are looked up in.

    Raises:
        ToffeeError: a file is not what is expected, or nothing was accepted.
    """
    pairs = pd.read_parquet(index, columns=["shard", "accepted"]).groupby("shard")["accepted"].sum()
    planned = pd.concat([pd.read_parquet(path, columns=["subject"]) for path in plan])["subject"]
    images = len(planned) / planned.nunique()
    per_subject = pairs.sum() / planned.nunique()
    trained = {generator_name(path): benchmark_seconds(path) for path in pretraining}
    stage_rows, ours = pipeline_rows(group_by_stage(stages), pairs)
    rival = Rival(seconds, accepted)
    theirs = rival.per_pair(images)
    equal = equal_quality(steps_scores, pair_scores, thresholds, calibration)
    rows = [
        *stage_rows,
        *pretraining_rows(trained, pairs.sum(), per_subject),
        *rival.rows(images),
        *quality_rows(equal),
        *ratio_rows(
            ours,
            sum(trained.values()),
            {"this run's pairs": pairs.sum(), "1 million subjects": MILLION * per_subject},
            theirs,
            rival.per_pair(images, equal.steps / steps, equal.share),
            images_name(images),
            equal.name,
        ),
        *projection_rows(ours, theirs, sum(trained.values()), per_subject),
    ]
    table = pd.concat([tidy(rows), published_hours(published)], ignore_index=True)
    texts = describe(images, planned)
    write_table(table, csv, page, "Cost of an accepted pair", [markdown(table), *texts])


def describe(images: float, planned: pd.Series) -> list[str]:
    """What the rows mean.

    images: candidates per subject; planned: the subject of each candidate.
    """
    return [
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
        "`ratio`: what a pair costs by DreamBooth, over what it costs here. Marginal: one more "
        "pair, the generators being trained. Then with their training, shared by the pairs of this "
        "run or of 1 million subjects. At equal quality: DreamBooth with the steps at which those "
        "of its images that the filter accepts are as similar to one photo of the subject as the "
        f"accepted generation pairs are (`{ONE_PHOTO}`); on training subjects, interpolated "
        "between the numbers of steps of table `dreambooth`. The error of that number is not in "
        "the ratio's.",
        "**Measured and published hours are not comparable here**: other models, pictures and "
        "machines; published hours are GPU or TPU hours of full-size models. Only the ratios "
        "within a kind of rows mean something.",
    ]


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


def pretraining_rows(trained: Mapping[str, float], pairs: float, per_subject: float) -> list[Row]:
    """Rows of the generators' training, shared by this run's pairs or by those of 1 million
    subjects.

    trained: seconds by generator; pairs: accepted ones; per_subject: of these.
    """
    whole = sum(trained.values())
    return [
        *((OURSELVES, f"pretraining of the {name}", "seconds", t) for name, t in trained.items()),
        (OURSELVES, "pretraining, shared by this run's pairs", PER_PAIR, whole / pairs),
        (
            OURSELVES,
            "pretraining, shared by 1 million subjects",
            PER_PAIR,
            whole / (MILLION * per_subject),
        ),
    ]


class Rival:
    """What DreamBooth took for each subject, and how many of its images the filter accepts."""

    def __init__(self, seconds: Sequence[Path], accepted: Path) -> None:
        spent = pd.concat([pd.read_csv(path) for path in seconds]).set_index("subject")
        counts = pd.read_csv(accepted).set_index("subject").loc[spent.index]
        if not counts["accepted"].sum():
            raise ToffeeError(f"{accepted}: the filter accepts no image of DreamBooth")
        self.tune, self.draw = spent["tune_seconds"], spent["draw_seconds"] / spent["images"]
        self.share = counts["accepted"] / counts["candidates"]
        self.prior = spent.loc[spent["prior_seconds"] > 0.01, "prior_seconds"]

    def per_pair(self, images: float, tuned: float = 1.0, share: float | None = None) -> Ratio:
        """Seconds for each accepted image.

        images: drawn for each subject, as the pipeline draws candidates; tuned: share of the
        fine-tuning's steps; share: of the images that are accepted, if not the measured ones.
        """
        spent = tuned * self.tune + images * self.draw
        taken = self.share if share is None else pd.Series(share, index=spent.index)
        return ratio_of_sums(spent.to_numpy(), (images * taken).to_numpy())

    def rows(self, images: float) -> list[Row]:
        """Its rows of the table."""

        def mean(values: pd.Series) -> Ratio:
            return values.mean(), cast(float, values.sem()), len(values)

        prior = "images of a class, once per class (not counted)"
        return [
            (RIVAL, "fine-tuning, per subject", "seconds", *mean(self.tune)),
            (RIVAL, "drawing, per image", "seconds", *mean(self.draw)),
            (RIVAL, prior, "seconds", *mean(self.prior)),
            (RIVAL, "accepted by the filter", "share", *mean(self.share)),
            *(
                (RIVAL, images_name(count), PER_PAIR, *self.per_pair(count))
                for count in (images, *MORE_IMAGES)
            ),
        ]


def quality_rows(equal: Quality) -> list[Row]:
    """Rows of what is equal where DreamBooth is as good as the pairs."""
    return [
        (OURSELVES, "accepted pairs", ONE_PHOTO, equal.wanted),
        (RIVAL, f"accepted images, {equal.name}", ONE_PHOTO, equal.reached),
        (RIVAL, f"accepted by the filter, {equal.name}", "share", equal.share),
    ]


def ratio_rows(
    ours: Ratio,
    training: float,
    shared_by: Mapping[str, float],
    theirs: Ratio,
    equal: Ratio,
    images: str,
    quality: str,
) -> list[Row]:
    """Rows of DreamBooth's seconds for a pair over ours, side by side.

    Args:
        ours: seconds for each accepted pair, without the generators' training.
        training: seconds of that training.
        shared_by: numbers of pairs that may share it.
        theirs: DreamBooth's, with the configuration's steps.
        equal: DreamBooth's, with the steps at which its images are as similar as the pairs.
        images, quality: what the settings say of candidates and of steps.
    """

    def row(setting: str, rival: Ratio, shared: float = 0.0) -> Row:
        own, value = ours[0] + shared, rival[0] / (ours[0] + shared)
        error = value * math.hypot(rival[1] / rival[0], ours[1] / own)
        return f"{RIVAL} / {OURSELVES}", setting, "ratio", value, error, rival[2]

    return [
        row(f"marginal, {images}", theirs),
        *(
            row(f"pretraining shared by {name}", theirs, training / count)
            for name, count in shared_by.items()
        ),
        row(f"at equal quality, {quality}", equal),
    ]


def projection_rows(ours: Ratio, theirs: Ratio, training: float, per_subject: float) -> list[Row]:
    """Rows of the hours that 1 million subjects would take.

    ours, theirs: seconds for each accepted pair; training: seconds of the generators' training;
    per_subject: accepted pairs.
    """
    hours = MILLION * per_subject / 3600
    name = f"projection: 1 million subjects, {per_subject:.2f} pairs each"
    return [
        (OURSELVES, name, "hours", hours * ours[0] + training / 3600),
        (RIVAL, name, "hours", hours * theirs[0], hours * theirs[1], theirs[2]),
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
