"""The finished dataset as a repository of the Hugging Face hub: Parquet, card, Croissant metadata.

    <out>/README.md                              dataset card
    <out>/croissant.json                         Croissant 1.0 (mlcommons.org/croissant)
    <out>/data/train-00000-of-00002.parquet ...  one file a shard, accepted samples only

`datasets.load_dataset("<out>")` and `mlcroissant.Dataset("<out>/croissant.json")` read it offline.
The Parquet files are those of the exported shards, linked and not copied: a second name of the same
bytes. Here they get the names that say how many there are.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from toffee.export.card import card_of
from toffee.export.croissant import croissant_of
from toffee.export.release import Release
from toffee.export.shard import Summary
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, link_or_copy
from toffee.synthesis.filter import ALL_KINDS, FUNNEL_COLUMNS
from toffee.synthesis.thresholds import look_up_all


def export_dataset(
    parquet: Sequence[str | os.PathLike],
    summaries: Sequence[str | os.PathLike],
    funnel: str | os.PathLike,
    out: str | os.PathLike,
    name: str,
    subjects: str,
    views: str,
    resolution: int,
    seed: int,
    models: Mapping[str, str],
    model_licences: Mapping[str, str],
    thresholds: Mapping[str, float | str],
    licences: Sequence[str] | None,
    calibration: str | os.PathLike | None = None,
) -> int:
    """Put exported shards together as a hub repository.

    Args:
        parquet, summaries: what `export_shard` wrote for each shard, in any order.
        funnel: the yield of each filter, as `filter_dataset` wrote it.
        out: folder to write; one that exists is replaced as a whole.
        calibration: what quantiles among the thresholds are looked up in.
        The rest as in `Release`; licences are those that the shards were exported with.

    Returns:
        The number of samples in it.

    Raises:
        ToffeeError: shards do not belong together, a Parquet file is not the one that its summary
            is of, or no sample is left.
    """
    found = sorted((Summary.load(path) for path in summaries), key=lambda one: one.shard)
    paths = {Path(path).stem: Path(path) for path in parquet}
    for one in found:
        _check(one, found[0], paths)
    filled = [one for one in found if one.rows]
    names = [f"train-{number:05d}-of-{len(filled):05d}.parquet" for number in range(len(filled))]
    counts = _read_funnel(funnel)
    release = Release(
        name=name,
        subjects=subjects,
        views=views,
        resolution=resolution,
        seed=seed,
        models=models,
        model_licences=model_licences,
        thresholds=look_up_all(thresholds, calibration),
        funnel=counts.pop(ALL_KINDS),
        allowed=licences,
        files=dict(zip(names, filled, strict=True)),
        empty=[one for one in found if not one.rows],
    )
    _compare(release, counts, funnel)
    if not filled:
        raise ToffeeError(_nothing_left(release))
    metadata = json.dumps(croissant_of(release), indent=2, ensure_ascii=False) + "\n"
    with atomic_path(out) as folder:
        (folder / "data").mkdir(parents=True)
        for file, one in release.files.items():
            link_or_copy(paths[one.shard], folder / "data" / file)
        (folder / "README.md").write_text(card_of(release), encoding="utf-8")
        (folder / "croissant.json").write_text(metadata, encoding="utf-8")
    return release.rows


def _check(one: Summary, first: Summary, paths: Mapping[str, Path]) -> None:
    path = paths.get(one.shard)
    if path is None or not path.is_file():
        raise ToffeeError(f"shard {one.shard}: no Parquet file, expected {one.shard}.parquet")
    if path.stat().st_size != one.size:
        raise ToffeeError(
            f"{path}: {path.stat().st_size} bytes, expected {one.size} as in its summary; "
            "export the shard again"
        )
    if one.columns != first.columns:
        raise ToffeeError(
            f"shard {one.shard}: its images and columns differ from those of shard {first.shard}"
        )


def _read_funnel(path: str | os.PathLike) -> dict[str, dict[str, int]]:
    """Samples left after each filter, in order, by kind."""
    try:
        table = pd.read_csv(path)[list(FUNNEL_COLUMNS)]
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{path}: cannot be read, expected the filter's funnel") from error
    return {
        str(kind): dict(zip(part["filter"], part["remaining"].astype(int).tolist(), strict=True))
        for kind, part in table.groupby("kind", sort=False)
    }


def _compare(
    release: Release, counts: Mapping[str, Mapping[str, int]], funnel: str | os.PathLike
) -> None:
    """The shards' own counts are those of the filter, which saw all of them."""
    accepted = release.count("accepted")
    for kind, left in counts.items():
        expected, found = list(left.values())[-1], accepted.get(kind, 0)
        if found != expected:
            raise ToffeeError(
                f"{funnel}: {expected} samples of kind {kind} are accepted, the exported shards "
                f"have {found}; export them again"
            )


def _nothing_left(release: Release) -> str:
    left_out = release.count("left_out")
    listed = ", ".join(f"{licence} ({count})" for licence, count in left_out.items())
    return (
        f"no sample may be shared under export.licences {list(release.allowed or [])}; "
        f"accepted samples are under: {listed or 'none, nothing is accepted'}"
    )
