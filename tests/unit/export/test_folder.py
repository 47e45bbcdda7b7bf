"""The pairs in other projects' layouts, read as these projects read them.

The readers below do what the projects' own do (SynCD method/data/data.py, UNO uno/dataset/uno.py,
OminiControl omini/train_flux/train_subject.py, IP-Adapter tutorial_train.py): the same files, keys,
crops and thresholds. The lines that make the lists are those of docs/use.md.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toffee.export.folder import export_folder
from toffee.runtime.errors import ToffeeError

from .conftest import Export

PAGE = Path(__file__).parents[3] / "docs" / "use.md"


@pytest.fixture
def folder(export: Export) -> Path:
    export.all()
    out = export.folder / "folder"
    count = export_folder([export.parquet(shard) for shard in export.shards], out)
    assert count == (export.rows["kind"] == "generation").sum() > 0
    return out


def documented(word: str, export: Export) -> str:
    """The lines of docs/use.md that hold a word, for this export."""
    (code,) = (c for c in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if word in c)
    return code.replace("results/tiny/dataset", str(export.folder))


def test_syncd_reads_every_pair_with_its_masks(export: Export, folder: Path) -> None:
    rows = export.rows[export.rows["kind"] == "generation"].reset_index()
    items = [
        item
        for path in folder.glob("*metadata.json")
        for item in json.loads(path.read_text())
        if len(item["filenames"]) > 1
    ]
    assert len(items) == len(rows)
    for item, row in zip(items, rows.itertuples(), strict=True):
        assert item["prompts"] == [row.prompt, row.subject_prompt]
        numbers = int(row.sample_id, 16)
        for name in item["filenames"]:
            path = folder / name
            image = Image.open(path).convert("RGB")
            mask = Image.open(path.parent / "masks" / f"{path.stem}.jpg").convert("L")
            assert image.size == mask.size
            subject = np.array(mask.point(lambda value: 255 if value > 0 else 0)) > 0
            assert subject.sum() == 1 + numbers % 63, "no blur at the edge counts as subject"
        assert (folder / item["filenames"][0]).read_bytes() == row.target["bytes"]


def test_uno_and_ip_adapter_read_the_documented_lists(export: Export, folder: Path) -> None:
    exec(documented("ip_adapter.json", export), {})
    rows = export.rows[export.rows["kind"] == "generation"]
    uno = folder / "uno.json"
    entries = json.loads(uno.read_text())
    assert len(entries) == len(rows)
    for entry, text in zip(entries, rows["prompt"], strict=True):
        paths = [entry["image_path"]] if "image_path" in entry else entry["image_paths"]
        for path in (*paths, entry["image_tgt_path"]):
            assert Image.open(uno.parent / path).convert("RGB").size == (8, 8)
        assert len(paths) == 1 and entry["prompt"] == text
    pictures = json.loads((folder / "ip_adapter.json").read_text())
    assert len(pictures) == 2 * len(rows)
    for item in pictures:
        assert (
            Image.open(folder / item["image_file"]).convert("RGB").size == (8, 8) and item["text"]
        )


def test_ominicontrol_reads_the_documented_rows(export: Export, folder: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(export.folder / "cache"))
    names: dict = {}
    exec(documented("side_by_side", export), names)
    expected = export.rows[export.rows["kind"] == "generation"].reset_index()
    size, padding = 8, 0
    assert len(names["omini"]) == len(expected)
    for row, own in zip(names["omini"], expected.itertuples(), strict=True):
        scores = row["quality_assessment"]
        wanted = ("compositeStructure", "objectConsistency", "imageQuality")
        assert all(scores.get(key, 0) >= 5 for key in wanted)
        start = size + 2 * padding
        left = row["image"].crop((padding, padding, size + padding, size + padding))
        right = row["image"].crop((start, padding, start + size, size + padding))
        shade = int(own.sample_id, 16) % 256  # of the subject; the target is its negative
        assert np.abs(np.array(right, int) - shade).max() <= 2
        assert np.abs(np.array(left, int) - (255 - shade)).max() <= 2
        assert row["description"]["description_0"] == own.prompt
        assert row["description"]["description_1"] == own.subject_prompt


def test_datasets_pytorch_and_webdataset_read_by_the_documented_lines(
    export: Export, tmp_path, monkeypatch
) -> None:
    export.all()
    monkeypatch.setenv("HF_DATASETS_CACHE", str(export.folder / "cache"))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for word in ("pair = pairs[0]", "as_batch", "TarWriter"):
        exec(documented(word, export), names)
    batch = names["as_batch"]([names["pair"]])
    assert batch["target"].shape == (1, 3, 8, 8) and batch["prompt"] == [export.rows["prompt"][0]]
    shade = int(names["pair"]["sample_id"], 16) % 256  # of the subject; the target is its negative
    assert abs(batch["subject_image"].mean() * 255 - shade) <= 2
    samples = list(names["webdataset"].WebDataset("pairs-00000.tar", shardshuffle=False))
    assert [one["__key__"] for one in samples] == export.rows["sample_id"].tolist()
    assert names["first"]["json"]["prompt"] == export.rows["prompt"][0]
    for one, row in zip(samples, export.rows.itertuples(), strict=True):
        assert one["target.png" if "target.png" in one else "target.jpg"] == row.target["bytes"]


def test_an_export_from_before_the_column_is_one_line(export: Export) -> None:
    import pyarrow.parquet as pq

    export.one(export.shards[0])
    path = export.parquet(export.shards[0])
    pq.write_table(pq.read_table(path).drop_columns(["subject_prompt"]), path)
    with pytest.raises(ToffeeError, match="no column subject_prompt; export the shard again"):
        export_folder([path], export.folder / "folder")
    assert not (export.folder / "folder").exists()


def test_a_folder_without_a_pair_is_not_written(with_empty: Export) -> None:
    with_empty.one(with_empty.shards[1])
    with pytest.raises(ToffeeError, match="no generation pair is left"):
        export_folder([with_empty.parquet(with_empty.shards[1])], with_empty.folder / "folder")
    assert not (with_empty.folder / "folder").exists()
