"""The hub repository: `datasets` reads what the shards hold, and it takes no second copy."""

import os

import pandas as pd
import pytest
import yaml

from toffee.config.sections.filter import SCORES
from toffee.export.card import licence_header, size_category
from toffee.runtime import files
from toffee.runtime.errors import ToffeeError

from .conftest import Export


def test_files_are_named_when_they_are_put_together_and_not_copied(export: Export) -> None:
    export.all()
    names = [f"train-{number:05d}-of-00003.parquet" for number in range(3)]
    assert [path.name for path in export.files] == names
    for shard, path in zip(export.shards, export.files, strict=True):
        assert path.samefile(export.parquet(shard))
    Export(export.folder, export.shards[:2]).filter().assemble()
    assert [path.name for path in export.files] == [name.replace("3.", "2.") for name in names[:2]]
    assert export.parquet(export.shards[2]).is_file()  # replacing the folder took nothing else away


def test_files_are_copied_where_there_are_no_links(export: Export, monkeypatch) -> None:
    def no_links(source, target):
        raise OSError(18, os.strerror(18))

    monkeypatch.setattr(files.os, "link", no_links)
    export.all()
    for shard, path in zip(export.shards, export.files, strict=True):
        assert path.read_bytes() == export.parquet(shard).read_bytes()
        assert not path.samefile(export.parquet(shard))


def test_a_shard_without_samples_takes_no_place(with_empty: Export) -> None:
    with_empty.all()
    assert [path.name[-14:] for path in with_empty.files] == ["-00002.parquet"] * 2
    assert with_empty.rows["sample_id"].tolist() == with_empty.accepted["sample_id"].tolist()
    assert "| **all** | 300 |" in read_card(with_empty)[1]


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """`datasets` with a cache of its own and no network."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return lambda hub, **options: datasets.load_dataset(
        str(hub), split="train", cache_dir=str(tmp_path / "cache"), **options
    )


def test_load_dataset_reads_it_offline(export: Export, offline) -> None:
    pairs = offline(export.all().hub)
    assert pairs["sample_id"][:] == export.accepted["sample_id"].tolist()
    images = [name for name, feature in pairs.features.items() if type(feature).__name__ == "Image"]
    assert images == ["input", "target", "mask", "subject_image", "subject_mask"]
    first = pairs[0]
    assert first["target"].size == (8, 8) and first["mask"].mode == "1"
    assert first["subject_prompt"] == "a crate"
    assert isinstance(first["prompt"], str) and isinstance(first["copy_rate"], float)


def test_load_dataset_streams_it(export: Export, offline) -> None:
    pairs = offline(export.all().hub, streaming=True)
    found = [pair["sample_id"] for pair in pairs]
    assert found == export.accepted["sample_id"].tolist()
    assert next(iter(pairs))["target"].size == (8, 8)


def read_card(export: Export) -> tuple[dict, str]:
    _, head, body = (export.hub / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_cards_header_is_what_the_files_hold(export: Export) -> None:
    head, _ = read_card(export.all())
    assert head["license"] == ["apache-2.0", "cc-by-4.0", "openrail++", "other", "unknown"]
    assert head["license_name"] == "mvimgnet terms of use"
    assert head["size_categories"] == ["n<1K"]
    assert head["configs"][0]["data_files"][0]["path"] == "data/train-*.parquet"
    info = head["dataset_info"]
    assert info["splits"][0]["num_examples"] == len(export.accepted)
    assert info["download_size"] == sum(path.stat().st_size for path in export.files)
    assert [feature["name"] for feature in info["features"]] == list(export.rows.columns)


def test_the_cards_numbers_are_those_of_the_run(export: Export) -> None:
    export.all(["apache-2.0", "openrail++", "cc-by-4.0"])
    _, body = read_card(export)
    index, rows = pd.read_parquet(export.index), export.rows
    for kind, candidates in index["kind"].value_counts().items():
        accepted = (export.accepted["kind"] == kind).sum()
        exported = (rows["kind"] == kind).sum()
        share = f"{accepted / candidates:.1%}"
        assert f"| {kind} | {candidates} | {accepted} | {exported} | {share} |" in body
    assert f"| **all** | 300 | {len(export.accepted)} | {len(rows)} |" in body
    for score in SCORES:
        assert f"| `{score}` | {rows[score].mean():.3f} |" in body
    for column in rows.columns:
        assert f"| `{column}` | " in body
    left = pd.read_csv(export.funnel, index_col=["kind", "filter"])["remaining"]
    assert f"| max_copy_rate | 0.8 | {left['all', 'max_copy_rate']} |" in body
    assert f"| apache-2.0 AND cc-by-4.0 AND openrail++ | {len(rows)} |" in body
    _, left_out = body.split("Left out:")
    export.all()
    for licence, count in export.rows["licence"].value_counts().items():
        assert (f"| {licence} | {count} |" in left_out) == ("cc-by-4.0" not in licence)


def test_what_is_exported_does_not_depend_on_the_order_of_shards(export: Export) -> None:
    export.all()
    first = {path.relative_to(export.hub): path.read_bytes() for path in walk(export.hub)}
    export.assemble(export.shards[::-1])
    second = {path.relative_to(export.hub): path.read_bytes() for path in walk(export.hub)}
    assert first == second and len(first) == 5


def walk(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_does_not_belong_together_is_refused(export: Export) -> None:
    export.all(out=export.folder / "other")
    first = export.parquet(export.shards[0])
    kept = first.read_bytes()
    first.unlink()
    with pytest.raises(ToffeeError, match="shard 00000: no Parquet file, expected 00000.parquet"):
        export.assemble()
    first.write_bytes(kept[:-1])
    with pytest.raises(ToffeeError, match="00000.parquet: .* bytes, expected .*; export the shar"):
        export.assemble()
    first.write_bytes(kept)
    export.filter(max_copy_rate=0.5)
    with pytest.raises(ToffeeError, match="funnel.csv: .* of kind generation are accepted, the ex"):
        export.assemble()
    assert not export.hub.exists()


def test_nothing_to_share_is_one_line_with_the_licences(export: Export) -> None:
    with pytest.raises(ToffeeError, match=r"licences \['mit'\]; accepted .* under: apache-2.0 AND"):
        export.all(["mit"])
    assert not export.hub.exists()


def test_licences_in_the_header_are_those_that_the_hub_knows() -> None:
    assert licence_header(["mit"]) == {"license": "mit"}
    assert licence_header(["cc-by-4.0", "mit"]) == {"license": ["cc-by-4.0", "mit"]}
    assert licence_header(["my own"]) == {"license": "other", "license_name": "my own"}


@pytest.mark.parametrize(
    ("count", "name"),
    [(1, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (4_800_000, "1M<n<10M")],
)
def test_size_categories(count: int, name: str) -> None:
    assert size_category(count) == name
