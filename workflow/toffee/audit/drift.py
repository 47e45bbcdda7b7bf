"""How far the files of two runs of a job are apart, in the unit of their format."""

import csv
import math
from pathlib import Path

import numpy as np

from toffee.runtime.files import file_digest

NUMBER_DRIFT = 1e-6
"""A number of a table that moves by no more is the same one, printed after another rounding."""


def drift_of(before: Path, after: Path) -> str:
    """How far a file, or the worst file of a folder, moved; "" where it did not.

    The unit follows from the format: levels of 0 to 255 for the images of HDF5 files, the numbers'
    own for tables and weights.
    """
    if before.is_dir():
        names = sorted({p.relative_to(d) for d in (before, after) for p in d.rglob("*")})
        files = [name for name in names if not (before / name).is_dir()]
        files = [name for name in files if name.name != ".snakemake_timestamp"]
        moved = ((name, drift_of(before / name, after / name)) for name in files)
        return "; ".join(f"{name}: {drift}" for name, drift in moved if drift)
    if not before.exists() or not after.exists():
        return "a file that only one of the two runs has"
    if file_digest(before) == file_digest(after):
        return ""
    measure = {
        ".h5": _images_drift,
        ".csv": _table_drift,
        ".safetensors": _weights_drift,
        ".parquet": _parquet_drift,
    }.get(before.suffix, lambda *_: "other bytes")
    try:
        return measure(before, after)
    except Exception as error:  # a file that is damaged in whatever way its library finds
        return f"other bytes ({type(error).__name__})"


def _images_drift(before: Path, after: Path) -> str:
    from toffee.storage.reader import Shard

    worst = 0.0
    with Shard(before) as one, Shard(after) as two:
        if len(one) != len(two) or list(one.image_names) != list(two.image_names):
            return f"another content: {len(two)} samples instead of {len(one)}"
        for name in one.image_names:
            for row in range(len(one)):
                have = [shard.has(name, row) for shard in (one, two)]
                if have[0] != have[1]:
                    return f"another content: {name} of row {row} in one of the two runs alone"
                if not have[0]:
                    continue
                a, b = (shard.arrays(name, [row])[0].astype(float) for shard in (one, two))
                worst = max(worst, float(np.abs(a - b).mean()))
    return f"images that differ by up to {worst:.3g} levels in the mean"


def _table_drift(before: Path, after: Path) -> str:
    tables = [list(csv.reader(path.open(encoding="utf-8"))) for path in (before, after)]
    if [len(row) for row in tables[0]] != [len(row) for row in tables[1]]:
        return "another number of rows or columns"
    worst, where = 0.0, ""
    for one, two in zip(*tables, strict=True):
        for a, b in zip(one, two, strict=True):
            if a == b:
                continue
            try:
                moved = abs(float(a) - float(b))
            except ValueError:
                moved = float("nan")
            if math.isnan(moved):
                return f"{b!r} instead of {a!r} in the row of {one[0]}"
            if moved > worst:
                worst, where = moved, f"{b} instead of {a} in the row {', '.join(one[:3])}"
    return where if worst > NUMBER_DRIFT else ""


def _parquet_drift(before: Path, after: Path) -> str:
    import pandas as pd

    one, two = pd.read_parquet(before), pd.read_parquet(after)
    if one.shape != two.shape or list(one.columns) != list(two.columns):
        return f"another table: {two.shape} instead of {one.shape}"
    numbers = one.select_dtypes("number").columns
    if not one[numbers].isna().equals(two[numbers].isna()):
        return "numbers where there were none, or none where there were"
    if not one.drop(columns=numbers).equals(two.drop(columns=numbers)):
        return "other texts"
    worst = float((one[numbers] - two[numbers]).abs().max().max()) if len(numbers) else 0.0
    return f"numbers that differ by up to {worst:.3g}" if worst > NUMBER_DRIFT else ""


def _weights_drift(before: Path, after: Path) -> str:
    from safetensors.torch import load_file

    one, two = load_file(before), load_file(after)
    if {k: v.shape for k, v in one.items()} != {k: v.shape for k, v in two.items()}:
        return "other tensors"
    worst = max(float((one[name].float() - two[name].float()).abs().max()) for name in one)
    return f"weights that differ by up to {worst:.3g}"
