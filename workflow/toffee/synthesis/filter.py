"""The filter: scores and thresholds in, an index of accepted samples out. It draws nothing."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.config.sections.filter import SCORES, Filter
from toffee.config.sections.synthesis import KINDS
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.storage.reader import Shard
from toffee.synthesis.thresholds import look_up_all

INDEX_COLUMNS = ("sample_id", "shard", "row", "kind", "accepted", "reason")
FUNNEL_COLUMNS = ("kind", "filter", "remaining")
ALL_KINDS = "all"


@dataclass(frozen=True)
class Threshold:
    """One filter: the score must be at least (`min`) or at most (`max`) the value.

    It applies to the kinds of pairs that `SCORES` names for the score.
    """

    name: str
    value: float

    @property
    def score(self) -> str:
        """Name of the score."""
        return self.name[len("min_") :]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of pairs that it applies to; every kind if empty."""
        return SCORES[self.score].kinds

    def passes(self, frame: pd.DataFrame) -> pd.Series:
        """Which rows pass; a NaN does not."""
        score = frame[self.score]
        good = score >= self.value if self.name.startswith("min_") else score <= self.value
        if self.kinds:
            good |= ~frame["kind"].isin(self.kinds)
        return good


def filter_dataset(
    shards: Sequence[str | os.PathLike[str]],
    thresholds: Mapping[str, float | str],
    out: str | os.PathLike[str],
    funnel: str | os.PathLike[str],
    calibration: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """Write which samples are accepted, and how many are left after each filter.

    The index (Parquet) has a row for each candidate in the order of shard and row: sample_id, shard
    (the file's name without its suffix), row, kind, accepted, reason ("" if accepted, else
    `missing <score>` or the name of the first filter that the sample failed). The funnel (CSV) has
    kind (each one and `all`), filter (`candidates`, `scored`, then the filters in their order),
    remaining (samples).

    A score that is NaN is a missing one, and its sample is rejected. A threshold rejects pairs of
    the kinds that its score is meant for only (see `toffee.config.sections.filter.SCORES`).

    Args:
        shards: finished shards, in any order.
        thresholds: config section `filter`, as `thresholds_of` takes it.
        out: index to write.
        funnel: table to write.
        calibration: what quantiles among the thresholds are looked up in; None: there are none.

    Raises:
        ToffeeError: a shard is missing or lacks a column, a sample stands in two shards, or nothing
            is accepted; nothing is written then.
    """
    filters = thresholds_of(thresholds, calibration)
    candidates = read_scores(shards)
    index, counts = judge(candidates, filters)
    if not index["accepted"].any():
        raise ToffeeError(_nothing_left(candidates, filters))
    with atomic_path(out) as temporary:
        index.to_parquet(temporary, index=False)
    with atomic_path(funnel) as temporary:
        counts.to_csv(temporary, index=False)
    return index


def thresholds_of(
    values: Mapping[str, float | str], calibration: str | os.PathLike[str] | None = None
) -> list[Threshold]:
    """The filters, from the values of config section `filter`, in the order of its keys.

    calibration: file that quantiles among them are looked up in.

    Raises:
        ToffeeError: a key of the section is missing, or there is another one, or a quantile is of
            nothing that was measured.
    """
    names = list(Filter.model_fields)
    for name in sorted({*names} ^ {*values}):
        found = "is missing" if name in names else f"is no threshold; expected {', '.join(names)}"
        raise ToffeeError(f"filter.{name} {found}")
    numbers = look_up_all(values, calibration)
    return [Threshold(name, numbers[name]) for name in names]


def read_scores(shards: Sequence[str | os.PathLike[str]]) -> pd.DataFrame:
    """All candidates' scores, by shard and row: sample_id, shard, row, kind and `SCORES`.

    Raises:
        ToffeeError: there is no shard, a column is missing, or a sample stands in two places.
    """
    if not shards:
        raise ToffeeError("no shards to filter, expected at least one")
    frames = []
    for path in sorted(map(Path, shards), key=lambda path: path.name):
        with Shard(path) as shard:
            columns = {"sample_id": shard.column("sample_id"), "shard": path.stem}
            columns |= {"row": np.arange(len(shard)), "kind": shard.column("kind")}
            columns |= {name: shard.column(name) for name in SCORES}
            frames.append(pd.DataFrame(columns))
    candidates = pd.concat(frames, ignore_index=True)
    twice = candidates["sample_id"].duplicated()
    if twice.any():
        first = candidates[twice].iloc[0]
        raise ToffeeError(
            f"sample {first['sample_id']} (shard {first['shard']}, row {first['row']}) "
            "stands in two places, expected every sample once"
        )
    return candidates


def judge(
    candidates: pd.DataFrame, thresholds: Sequence[Threshold]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The index and the funnel of candidates under thresholds, applied in their order."""
    reason = pd.Series("", index=candidates.index, dtype=object)
    stages = [("candidates", pd.Series(True, index=candidates.index))]
    for name in SCORES:
        reason[(reason == "") & ~np.isfinite(candidates[name].astype(float))] = f"missing {name}"
    stages.append(("scored", reason == ""))
    for threshold in thresholds:
        reason[(reason == "") & ~threshold.passes(candidates)] = threshold.name
        stages.append((threshold.name, reason == ""))
    index = candidates[["sample_id", "shard", "row", "kind"]].assign(
        accepted=reason == "", reason=reason
    )
    kinds = [kind for kind in KINDS if (candidates["kind"] == kind).any()]
    kinds += sorted(set(candidates["kind"]) - set(kinds))
    counts = [
        (kind, name, int((left & (candidates["kind"] == kind)).sum()))
        for kind in kinds
        for name, left in stages
    ]
    counts += [(ALL_KINDS, name, int(left.sum())) for name, left in stages]
    return index[list(INDEX_COLUMNS)], pd.DataFrame(counts, columns=list(FUNNEL_COLUMNS))


def _nothing_left(candidates: pd.DataFrame, thresholds: Sequence[Threshold]) -> str:
    total = len(candidates)
    missing = {name: int((~np.isfinite(candidates[name].astype(float))).sum()) for name in SCORES}
    worst = max(missing, key=missing.__getitem__)
    alone = {rule: int((~rule.passes(candidates)).sum()) for rule in thresholds}
    strictest = max(alone, key=alone.__getitem__)
    # Failing a threshold because the score is missing is no fault of the threshold.
    if missing[worst] == total:
        return f"none of {total} candidates is accepted: score {worst} is missing in all of them"
    return (
        f"none of {total} candidates is accepted; the strictest threshold is "
        f"filter.{strictest.name} = {strictest.value:g}, which alone rejects {alone[strictest]}"
    )
