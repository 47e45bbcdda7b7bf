"""Means over subjects and their standard errors, over subjects and trainings.

The subject is the unit of replication: images of one subject are not independent, so values are
averaged within a subject first, and every standard error is over subjects. Scores are long-form
frames with the columns method, setting, subject, prompt, metric, value, and optionally training.

A method whose model was trained several times has a mean for each subject and training. Both are
random samples, crossed: the variance of the mean over both is that of the subjects' means over
subjects, and what the trainings add to it (see `training_variance`). One training adds nothing, as
it says nothing of others: the error is over subjects alone then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from toffee.runtime.errors import ToffeeError

COLUMNS = ("method", "setting", "subject", "prompt", "metric", "value")
RESULT = ("method", "setting", "metric", "value", "stderr", "n")
BOOTSTRAP = 2000
"""Draws of the bootstrap: its standard errors are within some two percent then."""
MINUS = "\N{MINUS SIGN}"


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over subject means by method, setting and metric: columns method, setting, metric,
    value, stderr, n.

    stderr: over subjects and trainings; of one training the standard deviation of the subject means
    (n − 1) over √n; NaN for a single subject. n: subjects. Raises ToffeeError on a missing column
    or a value that is not finite.
    """
    _check(scores)
    groups = scores.groupby(["method", "setting", "metric"], sort=False)
    rows = [(*map(str, cast(tuple, keys)), *_mean(subject_means(one))) for keys, one in groups]
    return pd.DataFrame(rows, columns=list(RESULT))


def subject_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean of each subject, one row each, in each training, one column each.

    Raises ToffeeError where a subject is not scored in every training.
    """
    if "training" not in scores:
        scores = scores.assign(training="0")
    means = scores.groupby(["subject", "training"])["value"].mean().unstack("training")
    if means.isna().any(axis=None):
        subject, training = cast(tuple, means.stack(future_stack=True).isna().idxmax())
        raise ToffeeError(
            f"scores: subject {subject!r} has none of training {training}, but of another"
        )
    return means


def training_variance(means: pd.DataFrame) -> float:
    """What chance in the training adds to the variance of the mean of all [subjects, trainings].

    The two-way layout with both factors random and one value for each cell: (MS_trainings −
    MS_residual) / (subjects · trainings), not below 0 (Searle, Casella, McCulloch: Variance
    Components, chapter 4). 0 for a single training or subject.
    """
    values = means.to_numpy()
    subjects, trainings = values.shape
    if min(subjects, trainings) < 2:
        return 0.0
    by_subject, by_training = values.mean(1, keepdims=True), values.mean(0, keepdims=True)
    residual = values - by_subject - by_training + values.mean()
    noise = np.square(residual).sum() / ((subjects - 1) * (trainings - 1))
    between = subjects * np.square(by_training - values.mean()).sum() / (trainings - 1)
    return max(0.0, float(between - noise)) / (subjects * trainings)


def paired_difference(scores: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Mean of a − b by metric, paired by subject and prompt, with the paired standard error over
    subjects, and over trainings where one of the two has several (they are paired by number).

    Returns rows as `summarise`, with the method "a − b" and a's setting, for the metrics that both
    have. Where the two share no prompt (photos have none), the subjects' means are paired. Raises
    ToffeeError where they cover different subjects, or the same prompts in part only: nothing is
    dropped to make a pair.
    """
    _check(scores)
    rows = [
        (f"{a} {MINUS} {b}", _setting(scores, a), metric, *_mean(_minus(left, right)))
        for metric, (left, right) in paired_values(scores, a, b).items()
    ]
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
    usual standard error where the gap is the same for all), and what several trainings of the
    method add. NaN where the ceiling is not above the base. Rows as `summarise`, with the method
    "gap_closed(method)" and its setting.
    """
    _check(scores)
    gaps = paired_values(scores, ceiling, base)
    rows = []
    for metric, (own, plain) in paired_values(scores, method, base).items():
        if metric not in gaps:
            continue
        gained, gap = _minus(own, plain), _minus(*gaps[metric]).mean(axis=1)
        whole = gap.reindex(gained.index).to_numpy()
        value, error, n = ratio_of_sums(gained.mean(axis=1).to_numpy(), whole)
        error = np.hypot(error, np.sqrt(training_variance(gained)) / whole.mean())
        rows.append((f"gap_closed({method})", _setting(scores, method), metric, value, error, n))
    return pd.DataFrame(rows, columns=list(RESULT))


def in_common(scores: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The scores of some methods on the subjects, prompts and generation seeds that all of them
    have, with every training of theirs.

    A method that was only drawn for a part is so compared on that part. Scores of photos (prompt
    "") are kept for the subjects in common. Raises ToffeeError where there is nothing in common.
    """
    scores = scores[scores["method"].isin(list(methods))]
    keys = [key for key in ("subject", "prompt", "seed") if key in scores]
    photos = scores["prompt"] == ""
    names = [name for name in ("method", "training") if name in scores]
    cells = scores.loc[~photos, [*names, *keys]].drop_duplicates()
    counts = cells.groupby(keys).size()
    both = counts.index[counts == len(cells[names].drop_duplicates())]
    if both.empty:
        raise ToffeeError(f"scores: no subject and prompt that all of {', '.join(methods)} have")
    kept = pd.MultiIndex.from_frame(scores[keys]).isin(both)
    subjects = set(both.get_level_values("subject"))
    return scores[kept | (photos & scores["subject"].isin(subjects))]


def spearman(scores: pd.DataFrame, order: Sequence[str], name: str) -> pd.DataFrame:
    """Spearman's rank correlation of the settings' order with the mean over subjects, by metric.

    scores: of one method; order: its settings, rising. Rows as `summarise`, with the method
    "spearman(name)", no setting and the bootstrap's standard error over subjects (`BOOTSTRAP`
    draws of as many subjects, from a fixed seed). NaN where the means are all equal.
    """
    _check(scores)
    rank = {setting: place for place, setting in enumerate(order)}
    rows = []
    for metric, group in scores.groupby("metric", sort=False):
        means = group.pivot_table(index="subject", columns="setting", values="value")
        table = means[sorted(means, key=lambda setting: rank[str(setting)])].to_numpy()
        n = len(table)
        draws = np.random.default_rng(0).integers(n, size=(BOOTSTRAP, n))
        whole, *drawn = _rank_correlations(np.stack([table.mean(0), *table[draws].mean(1)]))
        error = np.nanstd(drawn, ddof=1) if n > 1 and np.isfinite(drawn).any() else np.nan
        rows.append((f"spearman({name})", "", metric, whole, error, n))
    return pd.DataFrame(rows, columns=list(RESULT))


def _rank_correlations(curves: np.ndarray) -> np.ndarray:
    """Of each curve [N, places] with its rising places; NaN of a flat one."""
    ranks = pd.DataFrame(curves.round(12)).rank(axis=1).to_numpy()
    ranks = ranks - ranks.mean(1, keepdims=True)
    rising = np.arange(curves.shape[1]) - (curves.shape[1] - 1) / 2
    with np.errstate(invalid="ignore"):
        return ranks @ rising / np.sqrt(np.square(ranks).sum(1) * np.square(rising).sum())


def paired_values(
    scores: pd.DataFrame, a: str, b: str
) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Means of a and of b, each by subject and training (see `subject_means`), by metric. Pairing
    as in `paired_difference`."""
    pairs = {}
    for metric in dict.fromkeys(scores.loc[scores["method"] == a, "metric"]):
        left, right = (
            scores[(scores["method"] == name) & (scores["metric"] == metric)] for name in (a, b)
        )
        if right.empty:
            continue
        cells = [pd.MultiIndex.from_frame(side[["subject", "prompt"]]) for side in (left, right)]
        _check_pairs(cells[0], cells[1], f"{a} {MINUS} {b}, metric {metric}")
        pairs[metric] = subject_means(left), subject_means(right)
    if not pairs:
        raise ToffeeError(f"scores: {a!r} and {b!r} have no metric in common")
    return pairs


def _minus(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Differences by subject and training; a side with one training has the same in all."""
    if len(right.columns) == 1:
        return left.sub(right.iloc[:, 0], axis="index")
    if len(left.columns) == 1:
        return -right.sub(left.iloc[:, 0], axis="index")
    if list(left.columns) != list(right.columns):
        numbers = [", ".join(map(str, side.columns)) for side in (left, right)]
        raise ToffeeError(
            f"scores: trainings {numbers[0]} and {numbers[1]} are no pairs, expected the same ones "
            "(config evaluation.trainings)"
        )
    return left - right


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


def _mean(means: pd.DataFrame) -> tuple[float, float, int]:
    """Of subjects and trainings: mean, standard error over both, number of subjects."""
    stderr: Any = means.mean(axis=1).sem(ddof=1)
    return (
        float(means.to_numpy().mean()),
        float(np.hypot(stderr, np.sqrt(training_variance(means)))),
        len(means),
    )


def shows(value: float, stderr: float) -> bool:
    """Whether a difference is one: beyond two of its standard errors, and beyond rounding."""
    return abs(value) > max(2 * stderr, 1e-9)


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
