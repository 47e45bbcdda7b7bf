"""Means over subjects and their standard errors.

The subject is the unit of replication: images of one subject are not independent, so values are
averaged within a subject first, and every standard error is over subjects. Scores are long-form
frames with the columns method, setting, subject, prompt, metric, value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from toffee.runtime.errors import ToffeeError

COLUMNS = ("method", "setting", "subject", "prompt", "metric", "value")
RESULT = ("method", "setting", "metric", "value", "stderr", "n")
MINUS = "\N{MINUS SIGN}"


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over subject means by method, setting and metric: columns method, setting, metric,
    value, stderr, n.

    stderr: standard deviation of the subject means (n − 1) over √n; NaN for a single subject. n:
    subjects. Raises ToffeeError on a missing column or a value that is not finite.
    """
    _check(scores)
    keys = ["method", "setting", "metric"]
    means = scores.groupby([*keys, "subject"], sort=False)["value"].mean()
    groups = means.groupby(level=keys, sort=False)
    table = pd.DataFrame({"value": groups.mean(), "stderr": groups.sem(ddof=1), "n": groups.size()})
    return table.reset_index()[list(RESULT)]


def paired_difference(scores: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Mean of a − b by metric, paired by subject and prompt, with the paired standard error over
    subjects.

    Returns rows as `summarise`, with the method "a − b" and a's setting, for the metrics that both
    have. Where the two share no prompt (photos have none), the subjects' means are paired. Raises
    ToffeeError where they cover different subjects, or the same prompts in part only: nothing is
    dropped to make a pair.
    """
    _check(scores)
    pairs = paired_values(scores, a, b)
    rows = []
    for metric, frame in pairs.groupby("metric", sort=False):
        difference = frame["a"] - frame["b"]
        rows.append((f"{a} {MINUS} {b}", _setting(scores, a), metric, *_mean(difference)))
    return pd.DataFrame(rows, columns=list(RESULT))


def difference(scores: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Difference of the means of a and b by metric, for groups that are not paired.

    Rows as `summarise`, with the method "a − b", the standard error √(stderr_a² + stderr_b²) and,
    as n, the subjects of the smaller group. Raises ToffeeError where one of the two has no scores.
    """
    rows = summarise(scores)
    sides = [rows[rows["method"] == method] for method in (a, b)]
    for method, side in zip((a, b), sides, strict=True):
        if side.empty:
            raise ToffeeError(f"scores: no scores of method {method!r}")
    both = sides[0].merge(sides[1], on="metric", suffixes=("", "_b"))
    return pd.DataFrame(
        {
            "method": f"{a} {MINUS} {b}",
            "setting": both["setting"],
            "metric": both["metric"],
            "value": both["value"] - both["value_b"],
            "stderr": np.hypot(both["stderr"], both["stderr_b"]),
            "n": both[["n", "n_b"]].min(axis=1),
        }
    )


def gap_closed(scores: pd.DataFrame, base: str, method: str, ceiling: str) -> pd.DataFrame:
    """Share of the gap between `base` and `ceiling` that `method` closes: (method − base) /
    (ceiling − base) by metric.

    A ratio of means over subjects, with the jackknife's standard error over subjects (it equals the
    usual standard error where the gap is the same for all). NaN where the ceiling is not above the
    base. Rows as `summarise`, with the method "gap_closed(method)" and its setting.
    """
    _check(scores)
    gained = paired_values(scores, method, base)
    gap = paired_values(scores, ceiling, base)
    rows = []
    for metric, frame in gained.groupby("metric", sort=False):
        rest = gap[gap["metric"] == metric].set_index("subject")
        if rest.empty:
            continue
        subjects = frame["subject"]
        part = (frame["a"] - frame["b"]).to_numpy()
        whole = (rest["a"] - rest["b"]).reindex(subjects).to_numpy()
        rows.append(
            (f"gap_closed({method})", _setting(scores, method), metric, *ratio_of_sums(part, whole))
        )
    return pd.DataFrame(rows, columns=list(RESULT))


def in_common(scores: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The scores of some methods on the subjects, prompts and generation seeds that all of them
    have.

    A method that was only drawn for a part is so compared on that part. Scores of photos (prompt
    "") are kept for the subjects in common. Raises ToffeeError where there is nothing in common.
    """
    scores = scores[scores["method"].isin(list(methods))]
    keys = [key for key in ("subject", "prompt", "seed") if key in scores]
    photos = scores["prompt"] == ""
    cells = scores.loc[~photos, ["method", *keys]].drop_duplicates()
    counts = cells.groupby(keys).size()
    both = counts.index[counts == cells["method"].nunique()]
    if both.empty:
        raise ToffeeError(f"scores: no subject and prompt that all of {', '.join(methods)} have")
    kept = pd.MultiIndex.from_frame(scores[keys]).isin(both)
    subjects = set(both.get_level_values("subject"))
    return scores[kept | (photos & scores["subject"].isin(subjects))]


def spearman(scores: pd.DataFrame, order: Sequence[str], name: str) -> pd.DataFrame:
    """Spearman's rank correlation of the settings' order with the mean over subjects, by metric.

    scores: of one method; order: its settings, rising. Rows as `summarise`, with the method
    "spearman(name)", no setting and the jackknife's standard error over subjects. NaN where the
    means are all equal.
    """
    _check(scores)
    rank = {setting: place for place, setting in enumerate(order)}
    rows = []
    for metric, group in scores.groupby("metric", sort=False):
        means = group.pivot_table(index="subject", columns="setting", values="value")
        means = means[sorted(means, key=lambda setting: rank[str(setting)])]
        n = len(means)
        whole = _rank_correlation(means)
        without = np.array([_rank_correlation(means.drop(subject)) for subject in means.index])
        error = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
        rows.append((f"spearman({name})", "", metric, whole, error if n > 1 else np.nan, n))
    return pd.DataFrame(rows, columns=list(RESULT))


def _rank_correlation(means: pd.DataFrame) -> float:
    curve = means.mean().round(12).rank()
    return float(curve.corr(pd.Series(range(len(curve)), index=curve.index, dtype=float)))


def paired_values(scores: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Subject means of a and b side by side: columns metric, subject, a, b. Pairing as in
    `paired_difference`."""
    frames = []
    for metric in dict.fromkeys(scores.loc[scores["method"] == a, "metric"]):
        left, right = (
            scores[(scores["method"] == name) & (scores["metric"] == metric)] for name in (a, b)
        )
        if right.empty:
            continue
        keys = ["subject", "prompt"]
        left, right = (side.groupby(keys)["value"].mean() for side in (left, right))
        _check_pairs(left.index, right.index, f"{a} {MINUS} {b}, metric {metric}")
        means = {
            name: side.groupby(level="subject").mean() for name, side in (("a", left), ("b", right))
        }
        frames.append(pd.DataFrame(means).reset_index().assign(metric=metric))
    if not frames:
        raise ToffeeError(f"scores: {a!r} and {b!r} have no metric in common")
    return pd.concat(frames, ignore_index=True)[["metric", "subject", "a", "b"]]


def _check_pairs(left: pd.MultiIndex, right: pd.MultiIndex, what: str) -> None:
    """With equal (subject, prompt) cells the difference of subject means is the mean of paired
    differences."""
    subjects = set(left.get_level_values("subject")) ^ set(right.get_level_values("subject"))
    if subjects:
        raise ToffeeError(
            f"{what}: subject {sorted(subjects)[0]!r} is scored for one of the two only"
        )
    share = set(left.get_level_values("prompt")) & set(right.get_level_values("prompt"))
    if share and set(left) != set(right):
        cell = sorted(set(left) ^ set(right))[0]
        raise ToffeeError(f"{what}: subject and prompt {cell} are scored for one of the two only")


def _setting(scores: pd.DataFrame, method: str) -> str:
    settings = scores.loc[scores["method"] == method, "setting"].unique()
    if len(settings) != 1:
        raise ToffeeError(f"scores: method {method!r} has {len(settings)} settings, expected one")
    return settings[0]


def _mean(values: pd.Series) -> tuple[float, float, int]:
    stderr: Any = values.sem(ddof=1)
    return float(values.mean()), float(stderr), len(values)


def ratio_of_sums(part: np.ndarray, whole: np.ndarray) -> tuple[float, float, int]:
    """Σ part / Σ whole, its jackknife standard error over the n places, and n.

    NaN where `whole` does not add up to more than 0; no error of a single place.
    """
    n = len(part)
    if whole.sum() <= 0:
        return float("nan"), float("nan"), n
    if n < 2:
        return float(part.sum() / whole.sum()), float("nan"), n
    without = (part.sum() - part) / (whole.sum() - whole)
    error = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    return float(part.sum() / whole.sum()), float(error), n


def _check(scores: pd.DataFrame) -> None:
    missing = [column for column in COLUMNS if column not in scores]
    if missing:
        raise ToffeeError(f"scores: missing column {missing[0]!r}, expected {', '.join(COLUMNS)}")
    if not np.isfinite(scores["value"]).all():
        row = scores[~np.isfinite(scores["value"])].iloc[0]
        raise ToffeeError(
            f"scores: {row['metric']} of {row['method']}, subject {row['subject']}, is not finite"
        )
