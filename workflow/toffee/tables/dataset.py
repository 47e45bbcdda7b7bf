"""Table `dataset`: how many pairs there are, what the filter leaves and why, the leakage check."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from toffee.evaluation.names import LEAKAGE_COLUMNS, LEAKAGE_METRICS, UNLIKE
from toffee.evaluation.scores_file import read_scores
from toffee.evaluation.statistics import MINUS, difference, summarise
from toffee.synthesis.filter import ALL_KINDS, Threshold, thresholds_of
from toffee.tables.markdown import markdown
from toffee.tables.published import EDITING, published_pairs
from toffee.tables.tidy import Row, measured, ordered, read_csv, tidy, write_table

THIS_RUN = "this run"
NEAREST, OWN = "nearest training subject", "photos of the same subject"


def tabulate_dataset(
    funnel: Path,
    quarantine: Path,
    scores: Path,
    leakage: Path,
    published: Path,
    thresholds: Mapping[str, float | str],
    csv: Path,
    page: Path,
    calibration: Path | None = None,
) -> None:
    """Counts and yields by kind, thresholds, pictures set aside, accepted against rejected pairs,
    and the nearest training subject of each benchmark subject.

    Args:
        funnel, quarantine: see `count_pairs`.
        scores: of the methods accepted and rejected.
        leakage: CSV of `score_leakage`.
        published: CSV of published costs, which has the size of the paper's dataset.
        thresholds: config section `filter`.
        calibration: what quantiles among them are looked up in.

    Raises:
        ToffeeError: one of the files lacks what is expected.
    """
    counted = pd.concat(
        [count_pairs(funnel, quarantine), published_pairs(published)], ignore_index=True
    )
    limits = threshold_rows(thresholds_of(thresholds, calibration))
    frame = ordered(read_scores(scores), ("accepted", "rejected"), ("accepted", "rejected"), scores)
    compared = similarity_rows(frame)
    nearest = leakage_rows(leakage)
    listed = nearest["setting"].str.contains(" ~ ")
    aside = counted["metric"] == "quarantined"
    yields = [metric for metric in counted["metric"].unique() if metric.startswith("yield_")]
    body = [
        markdown(counted[~aside], ["candidates", "pairs", "yield"]),
        markdown(counted[counted["metric"].isin(yields)], yields),
        "`yield`: share of the candidates that became pairs; `yield_A`: share of those that "
        "reached filter A and passed it, ± the binomial standard error.",
        markdown(limits),
        "Thresholds of the filter (config `filter`), and the kinds of pairs that each applies to.",
        markdown(counted[aside]),
        "Pictures that were set aside, by reason.",
        markdown(compared),
        "Similarity of the target to its subject's photo, by metrics that the filter never saw; "
        "equally many accepted and rejected pairs of each kind. An edit of colour, texture or "
        "style is to be less like the photo, so what all pairs reach says little. "
        "`view_dino_masked`: similarity of target and view; `view_unlike`: the share of pairs in "
        f"which it is below {UNLIKE:g}. Of the editing pairs `change_read`: with which "
        "probability the metric CLIP reads what was asked rather than any other thing that could "
        "have been asked, and did not in the input; `change_found`: the share in which that is "
        "above one half. Mean over subjects ± standard error over n subjects; the difference is "
        "that of two independent groups.",
        "### Leakage check",
        markdown(nearest[~listed]),
        "Each benchmark subject's photos against one picture of every training subject; the "
        "nearest is the nearest by `efficientnet_masked`. A trained subject would reach what its "
        "own photos reach among themselves, in both metrics. The nearest of many can be a "
        "look-alike: the control is the nearest of as many subjects that no training sees. One by "
        "one:",
        markdown(nearest[listed]),
    ]
    table = pd.concat([counted, limits, compared, nearest], ignore_index=True)
    write_table(table, csv, page, "Dataset", body)


def count_pairs(funnel: Path, quarantine: Path) -> pd.DataFrame:
    """Count the dataset.

    Rows of method `this run`, with the kind of pairs as setting (each one, `editing` for all but
    generation, `all`):

    - `candidates`, `pairs`: synthesized and accepted samples;
    - `yield`: pairs / candidates, with the binomial standard error √(y(1−y)/n);
    - `yield_<filter>`: share of what reached that filter and passed it, with its standard error;
    - `quarantined`: pictures set aside, setting is the reason (`all` for their sum).

    n is the number that a share is taken of; for a count it is the count itself.

    Args:
        funnel: the filter's funnel (CSV).
        quarantine: pictures set aside when the plan was made (CSV).

    Raises:
        ToffeeError: an input is missing or lacks a column.
    """
    steps = _with_editing(read_csv(funnel, ("kind", "filter", "remaining")))
    rows: list[Row] = []
    for kind, group in steps.groupby("kind", sort=False):
        left = [int(remaining) for remaining in group["remaining"]]
        rows.append((THIS_RUN, kind, "candidates", left[0], None, left[0]))
        rows.append((THIS_RUN, kind, "pairs", left[-1], None, left[-1]))
        rows.append((THIS_RUN, kind, "yield", *_share(left[-1], left[0])))
        for name, before, after in zip(group["filter"][1:], left, left[1:], strict=False):
            rows.append((THIS_RUN, kind, f"yield_{name}", *_share(after, before)))
    reasons = read_csv(quarantine, ("reason",))["reason"]
    counts = {str(reason): n for reason, n in reasons.value_counts().sort_index().items()}
    for reason, count in (counts | {ALL_KINDS: len(reasons)}).items():
        rows.append((THIS_RUN, reason, "quarantined", count, None, count))
    return tidy(rows)


def _with_editing(funnel: pd.DataFrame) -> pd.DataFrame:
    """The funnel with the sum of the editing kinds in front of `all`."""
    kinds = funnel["kind"]
    edits = funnel[~kinds.isin(["generation", ALL_KINDS])]
    summed = edits.groupby("filter", sort=False, as_index=False)["remaining"].sum()
    return pd.concat(
        [funnel[kinds != ALL_KINDS], summed.assign(kind=EDITING), funnel[kinds == ALL_KINDS]],
        ignore_index=True,
    )


def _share(part: int, whole: int) -> tuple[float, float, int]:
    """A share, its binomial standard error and what it is a share of; NaN of nothing."""
    if whole == 0:
        return math.nan, math.nan, 0
    share = part / whole
    return share, math.sqrt(share * (1 - share) / whole), whole


def similarity_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of methods `accepted`, `rejected` and their difference: of all pairs, and with the kind
    as setting of each kind that was scored.

    scores: of `score_dataset`, in the order that the table has.
    """
    parts = [scores, *(one.assign(setting=kind) for kind, one in scores.groupby("kind"))]
    apart = [difference(part, "accepted", "rejected") for part in parts]
    return measured([*map(summarise, parts), *apart])


def threshold_rows(thresholds: Sequence[Threshold]) -> pd.DataFrame:
    """The filter's thresholds; the setting is the kinds of pairs that each is for."""
    return tidy(
        (THIS_RUN, ", ".join(one.kinds) or ALL_KINDS, one.name, one.value) for one in thresholds
    )


def leakage_rows(path: Path) -> pd.DataFrame:
    """Mean similarity to the nearest training subject and among own photos, their paired
    difference; the same of as many trained and untrained subjects; and the list.

    Raises ToffeeError where the file is not `score_leakage`'s.
    """
    table = read_csv(path, LEAKAGE_COLUMNS, dtype={"subject": str, "nearest": str})
    among = table["among"].iloc[0]
    trained = f"nearest of {among} training subjects"
    untrained = f"nearest of {among} other held-out subjects"
    rows: list[Row] = []

    def compare(a: str, b: str, columns: Mapping[str, tuple[str, str]]) -> None:
        for name in (a, b, f"{a} {MINUS} {b}"):
            for metric, (left, right) in columns.items():
                values = {a: table[left], b: table[right]}.get(name, table[left] - table[right])
                # A subject with one photo has no other one of its own to be compared with.
                rows.append((name, "", metric, values.mean(), values.sem(), values.count()))

    compare(OWN, NEAREST, {name: (f"own_{name}", f"nearest_{name}") for name in LEAKAGE_METRICS})
    compare(trained, untrained, {LEAKAGE_METRICS[0]: ("trained", "untrained")})
    rows += [
        (NEAREST, f"{row['subject']} ~ {row['nearest']}", name, row[f"nearest_{name}"])
        for row in table.to_dict("records")
        for name in LEAKAGE_METRICS
    ]
    return tidy(rows)
