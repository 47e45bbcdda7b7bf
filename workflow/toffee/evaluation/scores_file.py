"""Files of scores: Parquet, one row per generated image and metric.

Columns: method, setting, subject, prompt, metric, value; benchmark scores also have references and
seed. Nothing here loads a model, so that tables and figures do not either.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from toffee.evaluation.statistics import COLUMNS
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path


def write_scores(scores: pd.DataFrame, out: str | Path) -> None:
    """Write scores as Parquet, whole or not at all."""
    with atomic_path(out) as temporary:
        scores.to_parquet(temporary, index=False)


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read scores. Raises ToffeeError that names the file where it cannot be read or lacks a
    column."""
    try:
        scores = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: expected a Parquet file of scores ({error})") from None
    missing = [column for column in COLUMNS if column not in scores]
    if missing:
        raise ToffeeError(f"{path}: missing column {missing[0]!r}")
    return scores


def read_all_scores(paths: Sequence[Path]) -> pd.DataFrame:
    """The scores of several files, one after the other.

    Column `training` has the number of the training that a method's name ends in ("0" without one,
    see `toffee.config.variants.training_name`); the method is without it then.
    """
    scores = pd.concat([read_scores(path) for path in paths], ignore_index=True)
    names = pd.Series(scores["method"].unique(), dtype=str)
    parts = names.str.extract(r"^(.*?)(?:-(\d+))?$").set_index(names)
    return scores.assign(
        method=scores["method"].map(parts[0]),
        training=scores["method"].map(parts[1].fillna("0")),
    )
