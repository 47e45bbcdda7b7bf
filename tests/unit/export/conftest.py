"""Three small shards of a dataset, and their export."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from toffee.export.dataset import export_dataset
from toffee.export.shard import export_shard
from toffee.synthesis.filter import filter_dataset

from ..synthesis.conftest import LIMITS, random_rows, write_shard

MODELS = {"text_to_image": "zoo/text_to_image", "depth": "zoo/depth"}
MODEL_LICENCES = {"text_to_image": "openrail++", "depth": "apache-2.0"}
RELEASE = {
    "name": "toffee-test",
    "subjects": "world",
    "views": "world",
    "resolution": 8,
    "seed": 0,
    "models": MODELS,
    "model_licences": MODEL_LICENCES,
    "thresholds": LIMITS,
}
SUBJECT_LICENCES = ("cc-by-4.0", "mvimgnet terms of use", "")


class Export:
    """A folder of shards, their index, and what is exported of them."""

    def __init__(self, folder: Path, shards: Sequence[Path]) -> None:
        self.folder, self.shards = folder, list(shards)
        self.index, self.funnel = folder / "index.parquet", folder / "funnel.csv"
        self.hub = folder / "hub"

    def filter(self, **limits: float) -> "Export":
        filter_dataset(self.shards, out=self.index, funnel=self.funnel, thresholds=LIMITS | limits)
        return self

    def parquet(self, shard: Path) -> Path:
        return self.folder / "export" / f"{shard.stem}.parquet"

    def one(self, shard: Path, licences: Sequence[str] | None = None):
        out = self.parquet(shard)
        arguments = (shard, LIMITS, MODEL_LICENCES, licences, out, out.with_suffix(".json"))
        return export_shard(*arguments)

    def all(self, licences: Sequence[str] | None = None, **changes) -> "Export":
        for shard in self.shards:
            self.one(shard, licences)
        return self.assemble(licences=licences, **changes)

    def assemble(self, shards: Sequence[Path] | None = None, **changes) -> "Export":
        parquet = [self.parquet(shard) for shard in shards or self.shards]
        summaries = [path.with_suffix(".json") for path in parquet]
        values = {"out": self.hub, "licences": None} | RELEASE | changes
        export_dataset(parquet, summaries, self.funnel, **values)
        return self

    @property
    def accepted(self) -> pd.DataFrame:
        frame = pd.read_parquet(self.index)
        return frame[frame["accepted"]].reset_index(drop=True)

    @property
    def files(self) -> list[Path]:
        return sorted((self.hub / "data").iterdir())

    @property
    def rows(self) -> pd.DataFrame:
        return pd.concat([pd.read_parquet(file) for file in self.files], ignore_index=True)


def licensed_rows(count: int, seed: int, **scores: float) -> list[dict]:
    """Random rows, but for these scores, whose photographs have the three licences in turn."""
    rows = [row | scores for row in random_rows(count, seed)]
    for number, row in enumerate(rows):
        row["subject_licence"] = SUBJECT_LICENCES[number % 3]
        row["donor_licence"] = "apache-2.0"
    return rows


def write_shards(folder: Path, *scores: dict[str, float]) -> list[Path]:
    """A shard of 100 candidates for each of these scores that all of its rows have."""
    return [
        write_shard(folder / f"{number:05d}.h5", licensed_rows(100, number, **given), 100 * number)
        for number, given in enumerate(scores)
    ]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Three shards, filtered."""
    return Export(tmp_path, write_shards(tmp_path / "shards", {}, {}, {})).filter()


@pytest.fixture
def with_empty(tmp_path: Path) -> Export:
    """The same, but nothing of the second one is accepted."""
    shards = write_shards(tmp_path / "some", {}, {"text_alignment": 0.0}, {})
    return Export(tmp_path / "empty", shards).filter()
