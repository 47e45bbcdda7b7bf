"""A shard's Parquet file: the accepted samples that may be shared, whatever else there is."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from toffee.config.sections.filter import SCORES
from toffee.export.shard import Summary, export_shard
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

from .conftest import LIMITS, MODEL_LICENCES, Export


def test_accepted_pairs_and_only_they_as_the_shard_has_them(export: Export) -> None:
    export.all()
    expected, found = export.accepted, export.rows
    assert found["sample_id"].tolist() == expected["sample_id"].tolist()
    for row, place in zip(found.itertuples(), expected.itertuples(), strict=True):
        with Shard(export.shards[int(place.shard)]) as shard:
            assert row.target["bytes"] == shard.encoded("target", place.row)
            assert row.mask["bytes"] == shard.encoded("mask", place.row)
            assert row.subject == shard.column("subject")[place.row]
            assert row.subject_image["bytes"] == shard.encoded("subject", place.row)
            assert row.subject_image["path"] == f"{row.sample_id}_subject.png"
            assert row.target["path"] == f"{row.sample_id}_target.jpg"
            assert (row.input is not None) == shard.has("input", place.row)
            assert row.copy_rate == shard.column("copy_rate")[place.row]


def test_masks_stay_lossless(export: Export) -> None:
    export.one(export.shards[0])
    row = pq.read_table(export.parquet(export.shards[0])).to_pylist()[0]
    number = int(row["sample_id"], 16)
    mask = np.array(Image.open(io.BytesIO(row["mask"]["bytes"])))
    assert mask.dtype == bool and mask.sum() == 1 + number % 63


def test_seeds_are_exact_and_given_where_something_was_drawn(export: Export) -> None:
    rows = export.all().rows
    editing = rows["kind"] != "generation"
    assert 0 < editing.sum() < len(rows) and rows["seed_edits"][~editing].isna().all()
    numbers = [int(one, 16) for one in rows["sample_id"][editing]]
    assert [int(seed) for seed in rows["seed_edits"][editing]] == [2**62 + n for n in numbers]


def test_licences_are_those_of_the_photographs_and_of_the_models(export: Export) -> None:
    rows = export.all().rows
    expected = {
        "cc-by-4.0": "apache-2.0 AND cc-by-4.0 AND openrail++",
        "mvimgnet terms of use": "apache-2.0 AND mvimgnet terms of use AND openrail++",
        "": "apache-2.0 AND openrail++ AND unknown",
    }
    assert set(rows["subject_licence"]) == set(expected)
    assert rows["licence"].tolist() == [expected[one] for one in rows["subject_licence"]]


def test_what_may_not_be_shared_is_left_out_and_counted(export: Export) -> None:
    shard = export.shards[0]
    everything = export.one(shard)
    shared = export.one(shard, ["Apache-2.0", "CC-BY-4.0", "openrail++"])
    rows = pd.read_parquet(export.parquet(shard))
    assert set(rows["subject_licence"]) == {"cc-by-4.0"}
    assert shared.accepted == everything.accepted == everything.exported
    assert shared.rows == len(rows) == everything.licences[rows["licence"][0]]
    assert shared.licences | shared.left_out == everything.licences
    assert not everything.left_out and len(shared.left_out) == 2
    # The models' licence counts as the photographs' do.
    assert export.one(shard, ["apache-2.0", "cc-by-4.0"]).rows == 0


def test_the_summary_tells_what_the_file_holds(export: Export) -> None:
    shard = export.shards[1]
    summary = export.one(shard)
    path = export.parquet(shard)
    rows = pd.read_parquet(path)
    assert Summary.load(path.with_suffix(".json")) == summary
    assert summary.exported == rows["kind"].value_counts().to_dict()
    assert sum(summary.candidates.values()) == 100
    for score in SCORES:
        assert summary.scores[score] == pytest.approx(rows[score].sum())
    with pytest.raises(ToffeeError, match="00001.parquet: expected the summary of an exported"):
        Summary.load(path)


def test_more_shards_change_no_file(export: Export) -> None:
    fewer = Export(export.folder / "fewer", export.shards[:2]).filter()
    for shard in fewer.shards:
        fewer.one(shard)
        export.one(shard)
        for suffix in (".parquet", ".json"):
            paths = [each.parquet(shard).with_suffix(suffix) for each in (fewer, export)]
            assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_shard_without_accepted_samples_is_a_file_without_rows(with_empty: Export) -> None:
    first, second, _ = with_empty.shards
    assert with_empty.one(first).rows > 0 and with_empty.one(second).rows == 0
    empty = pq.read_table(with_empty.parquet(second))
    assert len(empty) == 0
    assert empty.schema.equals(pq.read_schema(with_empty.parquet(first)), True)


def test_a_shard_of_an_older_workflow_is_refused(tmp_path: Path) -> None:
    from ..synthesis import conftest as small

    old = {name: kind for name, kind in small.COLUMNS.items() if not name.endswith("_licence")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small, "COLUMNS", old)
        shard = small.write_shard(tmp_path / "old" / "00000.h5", small.random_rows(100, 0))
    arguments = (LIMITS, MODEL_LICENCES, None, tmp_path / "x.parquet", tmp_path / "x.json")
    with pytest.raises(ToffeeError, match="00000.h5: no column 'subject_licence', expected one of"):
        export_shard(shard, *arguments)
