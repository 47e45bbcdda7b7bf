"""The hub repository: what `datasets` and `mlcroissant` read is what the shards hold."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from toffee.errors import ToffeeError
from toffee.files import file_digest
from toffee.storage import Shard, decode
from toffee.synthesis.export import export_dataset
from toffee.synthesis.filter import SCORES, filter_dataset

from .conftest import LIMITS


@pytest.fixture
def index(shards: list[Path], tmp_path: Path) -> Path:
    filter_dataset(shards, out=tmp_path / "index.parquet", funnel=tmp_path / "f.csv", **LIMITS)
    return tmp_path / "index.parquet"


@pytest.fixture
def hub(shards: list[Path], index: Path, tmp_path: Path) -> Path:
    export_dataset(shards, index, tmp_path / "hub", name="toffee-test")
    return tmp_path / "hub"


def accepted(index: Path) -> pd.DataFrame:
    frame = pd.read_parquet(index)
    return frame[frame["accepted"]]


def test_accepted_pairs_and_only_they(hub: Path, index: Path, shards: list[Path]) -> None:
    files = sorted((hub / "data").iterdir())
    assert [file.name for file in files] == [
        f"train-{number:05d}-of-00003.parquet" for number in range(3)
    ]
    table = pd.concat([pq.read_table(file).to_pandas() for file in files], ignore_index=True)
    expected = accepted(index)
    assert table["sample_id"].tolist() == expected["sample_id"].tolist()
    for row, place in zip(table.itertuples(), expected.itertuples(), strict=True):
        with Shard(shards[int(place.shard)]) as shard:
            assert row.target["bytes"] == shard.encoded("target", place.row)
            assert row.mask["bytes"] == shard.encoded("mask", place.row)
            assert row.subject == shard.column("subject")[place.row]
            assert row.subject_image["bytes"] == shard.encoded("subject", place.row)
            assert row.subject_image["path"] == f"{row.sample_id}_subject.png"
            assert row.target["path"] == f"{row.sample_id}_target.jpg"
            assert (row.input is not None) == shard.has("input", place.row)
            assert row.copy_rate == shard.column("copy_rate")[place.row]


def test_datasets_reads_images(hub: Path, index: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = sorted(map(str, (hub / "data").iterdir()))
    pairs = datasets.Dataset.from_parquet(files, cache_dir=str(hub.parent / "cache"))
    assert len(pairs) == len(accepted(index))
    for name in ("input", "target", "mask", "subject_image"):
        assert isinstance(pairs.features[name], datasets.Image)
    first = pairs[0]
    assert first["target"].size == (8, 8) and first["mask"].mode == "1"
    assert isinstance(first["prompt"], str) and isinstance(first["copy_rate"], float)


def test_card(hub: Path, index: Path) -> None:
    text = (hub / "README.md").read_text()
    _, head, body = text.split("---\n", 2)
    values = yaml.safe_load(head)
    assert values["license"] == "apache-2.0" and values["size_categories"] == ["n<1K"]
    assert values["configs"][0]["data_files"][0]["path"] == "data/train-*.parquet"
    for kind, count in accepted(index)["kind"].value_counts().items():
        assert f"| {kind} | {count} |" in body
    for name in ("target", "mask", "subject", "subject_image", *SCORES):
        assert f"| `{name}` |" in body


def test_croissant_lists_every_file_with_its_digest(hub: Path) -> None:
    metadata = json.loads((hub / "croissant.json").read_text())
    files = {item["contentUrl"]: item for item in metadata["distribution"] if "sha256" in item}
    assert set(files) == {f"data/{path.name}" for path in (hub / "data").iterdir()}
    for address, item in files.items():
        assert item["sha256"] == file_digest(hub / address)
        assert item["contentSize"] == f"{(hub / address).stat().st_size} B"


def test_croissant_is_valid_and_loads(hub: Path, index: Path, shards: list[Path]) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    export_dataset(shards, index, hub, name="toffee-test", published="2026-01-31")
    dataset = mlcroissant.Dataset(str(hub / "croissant.json"))
    assert not dataset.metadata.issues.errors and not dataset.metadata.issues.warnings
    records = list(dataset.records("pairs"))
    expected = accepted(index)
    assert len(records) == len(expected)
    place = expected.iloc[0]
    (record,) = [r for r in records if r["pairs/sample_id"].decode() == place["sample_id"]]
    with Shard(shards[int(place["shard"])]) as shard:
        pixels = decode(shard.encoded("target", place["row"]))
    assert isinstance(record["pairs/target"], Image.Image)
    assert np.array_equal(np.array(record["pairs/target"].convert("RGB")), pixels)


def test_masks_stay_lossless(hub: Path, index: Path) -> None:
    first = sorted((hub / "data").iterdir())[0]
    row = pq.read_table(first).to_pylist()[0]
    number = int(row["sample_id"], 16)
    mask = np.array(Image.open(io.BytesIO(row["mask"]["bytes"])))
    assert mask.dtype == bool and mask.sum() == 1 + number % 63


def test_export_is_deterministic(
    hub: Path, shards: list[Path], index: Path, tmp_path: Path
) -> None:
    export_dataset(shards[::-1], index, tmp_path / "again", name="toffee-test")
    names = sorted(path.relative_to(hub) for path in hub.rglob("*") if path.is_file())
    assert len(names) == 5
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (hub / name).read_bytes()


def test_an_index_of_other_shards_is_refused(
    shards: list[Path], index: Path, tmp_path: Path
) -> None:
    out = tmp_path / "refused"
    with pytest.raises(ToffeeError, match="shard 00002 is not among the 2 shards"):
        export_dataset(shards[:2], index, out)
    frame = pd.read_parquet(index)
    frame.assign(sample_id=frame["sample_id"].to_numpy()[::-1]).to_parquet(index)
    with pytest.raises(ToffeeError, match=r"00000.h5, row \d+: sample .*; filter again"):
        export_dataset(shards, index, out)
    frame.assign(accepted=False).to_parquet(index)
    with pytest.raises(ToffeeError, match="no accepted sample"):
        export_dataset(shards, index, out)
    with pytest.raises(ToffeeError, match="licence 'mine' is unknown"):
        export_dataset(shards, index, out, licence="mine")
    assert not out.exists()
