"""The filter: each threshold does what it says, in order, and nothing more."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toffee.config.sections.filter import SCORES
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard
from toffee.synthesis.filter import filter_dataset, thresholds_of

from .conftest import LIMITS, random_rows, write_shard


def run(shards: list[Path], **changes: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(index, funnel) as they stand on disk."""
    folder = shards[0].parent
    out, funnel = folder / "index.parquet", folder / "funnel.csv"
    filter_dataset(shards, out=out, funnel=funnel, thresholds=LIMITS | changes)
    return pd.read_parquet(out), pd.read_csv(funnel)


def scores_of(shards: list[Path]) -> pd.DataFrame:
    frames = []
    for path in sorted(shards):
        with Shard(path) as shard:
            frames.append(pd.DataFrame({name: shard.column(name) for name in (*SCORES, "kind")}))
    return pd.concat(frames, ignore_index=True)


def test_accepted_is_the_conjunction_of_all_thresholds(shards: list[Path]) -> None:
    index, _ = run(shards)
    scores = scores_of(shards)
    generation = scores["kind"] == "generation"
    stays = scores["kind"].isin(["generation", "background"])
    expected = (
        ((scores["subject_similarity"] >= 0.3) | ~stays)
        & ((scores["pair_similarity"] >= 0.1) | ~stays)
        & ((scores["change_read"] >= 0.2) | generation)
        & ((scores["copy_rate"] <= 0.8) | ~generation)
        & scores[list(SCORES)].notna().all(axis=1)
    )
    for name, limit in LIMITS.items():
        score = scores[name[4:]]
        if not SCORES[name[4:]].kinds:
            expected &= score >= limit if name.startswith("min_") else score <= limit
    assert index["accepted"].tolist() == expected.tolist()
    assert 30 < expected.sum() < 200


def test_index_names_every_candidate(shards: list[Path]) -> None:
    index, _ = run(shards)
    assert index["sample_id"].tolist() == [f"{number:016x}" for number in range(300)]
    assert index["shard"].tolist() == [f"{number // 100:05d}" for number in range(300)]
    assert index["row"].tolist() == list(range(100)) * 3


def test_the_order_of_shards_does_not_matter(shards: list[Path]) -> None:
    index, funnel = run(shards)
    again, counts = run(shards[::-1])
    pd.testing.assert_frame_equal(again, index)
    pd.testing.assert_frame_equal(counts, funnel)


@pytest.mark.parametrize("name", LIMITS)
def test_a_tighter_threshold_accepts_a_subset(shards: list[Path], name: str) -> None:
    tighter = LIMITS[name] + (0.15 if name.startswith("min_") else -0.15)
    loose, tight = run(shards)[0], run(shards, **{name: tighter})[0]
    assert not (tight["accepted"] & ~loose["accepted"]).any()
    assert tight["accepted"].sum() < loose["accepted"].sum()
    lost = tight[loose["accepted"] & ~tight["accepted"]]
    assert set(lost["reason"]) == {name}


def test_values_on_the_threshold_pass(tmp_path: Path) -> None:
    row = {name.removeprefix("min_").removeprefix("max_"): v for name, v in LIMITS.items()}
    shard = write_shard(tmp_path / "00000.h5", [row, row | {"mask_area": LIMITS["min_mask_area"]}])
    assert run([shard])[0]["accepted"].all()


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_missing_scores_are_rejected_with_a_reason(
    tmp_path: Path, score: str, value: float | None
) -> None:
    shard = write_shard(tmp_path / "00000.h5", [{}, {score: value}])
    index, funnel = run([shard])
    assert index["reason"].tolist() == ["", f"missing {score}"]
    assert index["accepted"].tolist() == [True, False]
    remaining = funnel[funnel["kind"] == "all"].set_index("filter")["remaining"]
    assert (remaining["candidates"], remaining["scored"]) == (2, 1)


def test_the_reason_is_the_first_filter_that_failed(tmp_path: Path) -> None:
    rows = [
        {},
        {"subject_similarity": 0.1, "mask_area": 0.95},
        {"text_alignment": 0.1, "subject_similarity": 0.4},
        {"copy_rate": 0.9, "mask_connectedness": 0.0},
        {"mask_area": 0.95},
        {"mask_area": 0.05},
        {"mask_connectedness": 0.1},
    ]
    index, _ = run([write_shard(tmp_path / "00000.h5", rows)])
    assert index["reason"].tolist() == [
        "",
        "min_subject_similarity",
        "min_text_alignment",
        "max_copy_rate",
        "max_mask_area",
        "min_mask_area",
        "min_mask_connectedness",
    ]


def test_copying_is_no_fault_of_an_editing_pair(tmp_path: Path) -> None:
    rows = [{"copy_rate": 1.0, "kind": "colour"}, {"copy_rate": 1.0, "kind": "generation"}]
    index, _ = run([write_shard(tmp_path / "00000.h5", rows)])
    assert index["reason"].tolist() == ["", "max_copy_rate"]


def test_thresholds_have_the_order_of_the_configuration_and_a_score_each() -> None:
    thresholds = thresholds_of(dict(reversed(LIMITS.items())))
    assert [(one.name, one.value) for one in thresholds] == list(LIMITS.items())
    assert {one.score for one in thresholds} <= SCORES.keys()


def test_missing_and_unknown_thresholds_are_named() -> None:
    with pytest.raises(ToffeeError, match="filter.max_area is no threshold; expected min_subject_"):
        thresholds_of(LIMITS | {"max_area": 1})
    with pytest.raises(ToffeeError, match="filter.max_copy_rate is missing"):
        thresholds_of({name: LIMITS[name] for name in LIMITS if name != "max_copy_rate"})


def test_funnel(shards: list[Path]) -> None:
    index, funnel = run(shards)
    names = ["candidates", "scored", *LIMITS]
    order = {name: number for number, name in enumerate(names)}
    for kind, steps in funnel.groupby("kind"):
        assert sorted(steps["filter"], key=order.__getitem__) == steps["filter"].tolist() == names
        remaining = steps["remaining"].to_numpy()
        assert (np.diff(remaining) <= 0).all()
        chosen = index if kind == "all" else index[index["kind"] == kind]
        assert (remaining[0], remaining[-1]) == (len(chosen), chosen["accepted"].sum())
        for name, before, after in zip(names[2:], remaining[1:], remaining[2:], strict=False):
            assert before - after == (chosen["reason"] == name).sum()
    total = funnel[funnel["kind"] == "all"].set_index("filter")["remaining"]
    summed = funnel[funnel["kind"] != "all"].groupby("filter")["remaining"].sum()
    assert total.to_dict() == summed.to_dict()


def test_nothing_accepted_names_the_strictest_threshold(shards: list[Path]) -> None:
    with pytest.raises(
        ToffeeError,
        match=r"none of 300 candidates is accepted; the strictest threshold is "
        r"filter.min_text_alignment = 1.5, which alone rejects 300",
    ):
        run(shards, min_text_alignment=1.5, min_subject_similarity=0.9)
    assert not (shards[0].parent / "index.parquet").exists()
    assert not (shards[0].parent / "funnel.csv").exists()


def test_nothing_scored_is_said(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "00000.h5", [{"copy_rate": None}] * 3)
    with pytest.raises(ToffeeError, match="score copy_rate is missing in all of them"):
        run([shard])


def test_a_sample_in_two_shards_is_refused(tmp_path: Path) -> None:
    shards = [write_shard(tmp_path / f"{n:05d}.h5", random_rows(3, n)) for n in range(2)]
    with pytest.raises(ToffeeError, match=r"\(shard 00001, row 0\) stands in two places"):
        run(shards)


def test_no_shard_and_a_missing_column_are_one_line(tmp_path: Path, shards: list[Path]) -> None:
    with pytest.raises(ToffeeError, match="no shards to filter"):
        filter_dataset([], out=tmp_path / "a", funnel=tmp_path / "b", thresholds=LIMITS)
    import h5py

    with h5py.File(shards[1], "r+") as file:
        layout = file.attrs["layout"].replace('"copy_rate": "float", ', "")
        file.attrs["layout"] = layout
    with pytest.raises(ToffeeError, match="00001.h5: no column 'copy_rate'"):
        run(shards)
