"""The tables of the report as the page shows them: published rows under the measured ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from toffee.tables.markdown import blocks
from toffee.tables.tidy import PUBLISHED, TABLE, read_csv, without


def read_table(path: Path) -> pd.DataFrame:
    """A tidy table. Raises ToffeeError where it is none."""
    empty = {"value": "", "stderr": "", "n": ""}
    table = read_csv(path, TABLE, keep_default_na=False, na_values=empty)
    return table.astype({"method": str, "setting": str, "metric": str})


def describe_table(path: Path) -> dict[str, Any]:
    """A table in panels of rows that share metrics.

    Returns:
        conditions: what the settings of all measured rows say, which is left out of the rows.
        published: whether there are published rows.
        panels: metrics (the published ones first, so that they stand beside the measured ones) and
            groups: title (measured, difference, share of the gap, published) and rows of method,
            setting, n and cells (text by metric).
    """
    table = read_table(path)
    conditions = shared_conditions(table)
    table = without(table, *conditions)
    keys = table[["method", "setting"]].apply(tuple, axis=1)
    panels = []
    for metrics in metric_groups(table.groupby(keys, sort=False)["metric"].agg(set).tolist()):
        for rows in _with_alike(table[table["metric"].isin(metrics)]):
            published_first = rows.sort_values(
                "source", key=lambda s: s != PUBLISHED, kind="stable"
            )
            names = list(published_first["metric"].unique())
            groups = [_group(lines, names) for lines in blocks(rows, names)]
            panels.append({"metrics": names, "groups": groups})
    published = bool((table["source"] == PUBLISHED).any())
    return {"conditions": conditions, "published": published, "panels": panels}


def _with_alike(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of one panel, or of two: measured rows that have less than half of the metrics would be
    dashes on most of a narrow screen, and stand in a panel of their own."""
    lines = rows.groupby(["method", "setting"])["metric"].transform("nunique")
    few = (2 * lines < rows["metric"].nunique()) & (rows["source"] != PUBLISHED)
    parts = [rows[~few], rows[few]]
    measured = (rows.loc[~few, "source"] != PUBLISHED).any()
    return [part for part in parts if len(part)] if measured else [rows]


def metric_groups(rows: Iterable[set[str]]) -> list[set[str]]:
    """Metrics that belong together, because a chain of rows has them in common; in the order of
    the rows."""
    groups: list[set[str]] = []
    for metrics in rows:
        touching = [group for group in groups if group & metrics]
        place = groups.index(touching[0]) if touching else len(groups)
        rest = [group for group in groups if group not in touching]
        groups = [*rest[:place], metrics.union(*touching), *rest[place:]]
    return groups


def shared_conditions(table: pd.DataFrame) -> list[str]:
    """The conditions that the settings of all measured rows have in common, in their order."""
    settings = table.loc[table["source"] != PUBLISHED, "setting"].unique()
    if len(settings) == 0:
        return []
    conditions = [setting.split("; ") for setting in settings]
    return [one for one in conditions[0] if one and all(one in others for others in conditions)]


def _group(lines: Sequence[Sequence[str]], metrics: Sequence[str]) -> dict[str, Any]:
    """A block of `blocks` by the names in its head."""
    head, *rows = lines
    title, names = head[0], ["method", *head[1:]]
    named = [dict(zip(names, row, strict=True)) for row in rows]
    return {
        "title": title,
        "rows": [
            {
                "method": row["method"],
                "setting": row.get("setting", ""),
                "n": row.get("n", ""),
                "cells": [row.get(metric, "–") for metric in metrics],
            }
            for row in named
        ],
    }
