"""The plan: what a sample depends on, shares of kinds, texts, donors, one-line errors."""

import csv
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from toffee.config.sections import KINDS as CONFIG_KINDS
from toffee.errors import ToffeeError
from toffee.synthesis import KINDS
from toffee.synthesis.plan import COLUMNS, noun_phrase, plan_samples, read_plan

from ..data.conftest import write_multiview, write_subjects

SHARES = {"generation": 0.6, "background": 0.1, "colour": 0.1, "texture": 0.1, "style": 0.1}
PARTS = {
    "contexts": ["on the grass", "in the snow", "at night"],
    "colours": ["red", "green", "orange"],
    "textures": ["striped", "dotted"],
    "styles": ["a sketch of", "a cartoon of"],
}


NAMES = tuple(f"s{number}" for number in range(10))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("folders")
    return {
        "subjects": write_subjects(root / "subjects", NAMES),
        "multiview": write_multiview(root / "multiview"),
    }


@pytest.fixture
def world(folders: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "prompts.yaml").write_text(yaml.safe_dump(PARTS))
    return folders | {
        "prompts": tmp_path / "prompts.yaml",
        "out": tmp_path / "plan.parquet",
    }


def plan(world: dict[str, Path], shards: int = 4, samples: int = 50, **changes) -> pd.DataFrame:
    values = {"kinds": SHARES, "seed": 0} | world | changes
    plan_samples(shards=shards, samples_per_shard=samples, **values)
    return read_plan(values["out"])


def test_columns_and_places(world: dict[str, Path]) -> None:
    frame = plan(world)
    assert tuple(frame.columns) == COLUMNS
    pd.testing.assert_frame_equal(pd.read_parquet(world["out"]), frame)
    assert pq.ParquetFile(world["out"]).num_row_groups == 4, "one for each shard"
    assert frame["sample"].tolist() == list(range(200))
    assert frame["shard"].unique().tolist() == ["00000", "00001", "00002", "00003"]
    assert frame["row"].tolist() == list(range(50)) * 4
    for row in frame.itertuples():
        assert (world["subjects"] / row.image).is_file()
        assert (world["subjects"] / row.mask).is_file()
        assert (world["multiview"] / row.donor).is_file()
        assert row.donor.startswith(f"{row.class_word}/")
        assert len(row.sample_id) == 16 and int(row.sample_id, 16) >= 0


CONTENT = [name for name in COLUMNS if name not in ("shard", "row")]


@pytest.mark.parametrize(("shards", "samples"), [(2, 100), (40, 5), (1, 200), (1, 37), (9, 50)])
def test_a_sample_is_the_same_whatever_the_shards(
    world: dict[str, Path], shards: int, samples: int
) -> None:
    reference = plan(world)[CONTENT]
    other = plan(world, shards, samples)[CONTENT]
    length = min(len(reference), len(other))
    pd.testing.assert_frame_equal(other.head(length), reference.head(length))


def test_more_shards_only_append(world: dict[str, Path]) -> None:
    few, many = plan(world, 3), plan(world, 5)
    pd.testing.assert_frame_equal(many.head(150), few)


def test_the_seed_matters(world: dict[str, Path]) -> None:
    first, second = plan(world), plan(world, seed=1)
    assert not set(first["sample_id"]) & set(second["sample_id"])
    assert (first["prompt"] != second["prompt"]).mean() > 0.3
    assert (first["subject"] != second["subject"]).mean() > 0.5


def test_ids_are_unique_and_attempts_count_repeats(world: dict[str, Path]) -> None:
    frame = plan(world, 20)
    assert frame["sample_id"].is_unique
    repeats = frame.groupby(["subject", "prompt", "kind"])["attempt"]
    assert (frame["attempt"] == repeats.cumcount()).all() and frame["attempt"].max() > 5
    donors = frame[frame["kind"] == "generation"].groupby(["subject", "prompt"])["donor"].nunique()
    assert donors.max() > 1, "another attempt should see another pose"


@pytest.mark.parametrize("start", [0, 100, 500])
def test_shares_hold_in_every_stretch(world: dict[str, Path], start: int) -> None:
    frame = plan(world, 20).iloc[start : start + 200]
    counts = frame["kind"].value_counts()
    for kind, share in SHARES.items():
        assert abs(counts[kind] - 200 * share) <= 4


def test_kinds_without_a_share_do_not_occur(world: dict[str, Path]) -> None:
    shares = {"generation": 0.0, "background": 0.0, "colour": 0.5, "texture": 0.5, "style": 0.0}
    assert set(plan(world, kinds=shares)["kind"]) == {"colour", "texture"}


def test_subjects_take_turns(world: dict[str, Path]) -> None:
    frame = plan(world)
    rounds = [tuple(frame["subject"][start : start + 10]) for start in range(0, 200, 10)]
    assert {frozenset(names) for names in rounds} == {frozenset(f"s{n}" for n in range(10))}
    assert len(set(rounds)) > 15, "every round has an order of its own"
    counts = pd.crosstab(plan(world, 40)["subject"], "kind of subject")
    assert counts.to_numpy().min() == counts.to_numpy().max() == 200


def test_texts(world: dict[str, Path]) -> None:
    for row in plan(world, 20).itertuples():
        plain = [f"a {row.class_word} {context}" for context in PARTS["contexts"]]
        if row.kind == "generation":
            assert row.prompt in plain and row.source_prompt == ""
            continue
        assert row.source_prompt in plain
        context = row.source_prompt.removeprefix(f"a {row.class_word} ")
        if row.kind == "background":
            assert row.prompt in plain and row.prompt != row.source_prompt
        elif row.kind == "style":
            assert row.prompt in [f"{style} {row.source_prompt}" for style in PARTS["styles"]]
        else:
            # The subjects are red and striped: such an edit would change nothing.
            changed = ["a green", "an orange"] if row.kind == "colour" else ["a dotted"]
            assert row.prompt in [f"{word} {row.class_word} {context}" for word in changed]


def test_articles() -> None:
    assert noun_phrase("crate") == "a crate" and noun_phrase("orange", "crate") == "an orange crate"


def test_kinds_are_those_of_the_config() -> None:
    assert KINDS == CONFIG_KINDS


def test_the_quarantine_is_written(world: dict[str, Path], tmp_path: Path) -> None:
    subjects = write_subjects(tmp_path / "subjects", NAMES)
    (subjects / "images" / "s3.jpg").write_bytes(b"")
    frame = plan(world, subjects=subjects, quarantine=tmp_path / "quarantine.csv")
    assert "s3" not in set(frame["subject"]) and frame["subject"].nunique() == 9
    with open(tmp_path / "quarantine.csv", newline="") as file:
        assert [(row["subject"], row["reason"]) for row in csv.DictReader(file)] == [
            ("s3", "broken image")
        ]


def test_read_plan(world: dict[str, Path]) -> None:
    frame = plan(world)
    second = read_plan(world["out"], "00001")
    assert second["sample"].tolist() == list(range(50, 100))
    assert second["prompt"].tolist() == frame["prompt"][50:100].tolist()
    with pytest.raises(ToffeeError, match="no such shard 00004"):
        read_plan(world["out"], "00004")
    with pytest.raises(ToffeeError, match="none.parquet: cannot be read"):
        read_plan(world["out"].with_name("none.parquet"))


def test_a_class_without_sequences_is_named(world: dict[str, Path], tmp_path: Path) -> None:
    only = write_multiview(tmp_path / "only", words=("ball",))
    with pytest.raises(ToffeeError, match=r"only: no sequence of class 'crate' \(subject s1\)"):
        plan(world, multiview=only)
    assert not world["out"].exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contexts": []}, "contexts is empty"),
        ({"contexts": ["at night"]}, "contexts has too few texts for background, expected 2"),
        ({"styles": []}, "styles has too few texts for style, expected 1"),
        ({"colours": "red"}, "colours should be a list"),
        ({"colours": [True]}, "colours should be a list"),
        ({"colours": ["red", "red"]}, "colours names a text twice"),
        ({"shapes": []}, "expected the keys contexts, colours, textures, styles, got"),
    ],
)
def test_bad_prompt_files_are_one_line(world: dict[str, Path], change: dict, message: str) -> None:
    world["prompts"].write_text(yaml.safe_dump(PARTS | change))
    with pytest.raises(ToffeeError, match=message) as error:
        plan(world)
    assert "prompts.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"generation": 0.5}, "add up to 1, got 0.5"),
        ({"generation": 1.5, "style": -0.5}, "add up to 1"),
        ({"generation": 0.5, "shape": 0.5}, "unknown kind 'shape'"),
    ],
)
def test_bad_shares_are_one_line(world: dict[str, Path], kinds: dict, message: str) -> None:
    with pytest.raises(ToffeeError, match=message):
        plan(world, kinds=kinds)
