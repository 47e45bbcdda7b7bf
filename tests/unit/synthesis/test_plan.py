"""The plan: what a sample depends on, shares of kinds, texts, donors, one-line errors."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from toffee.config.sections.synthesis import KINDS
from toffee.config.sections.synthesis import KINDS as CONFIG_KINDS
from toffee.data.loaders.prompt_parts import noun_phrase, read_prompt_parts
from toffee.runtime.errors import ToffeeError
from toffee.synthesis.plan import COLUMNS, other_prompts, plan_shard, read_plan

from ..data.loaders.conftest import write_multiview, write_subjects
from .conftest import write_list

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


@pytest.fixture(scope="module")
def listed(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_list(tmp_path_factory.mktemp("listed"), **folders)


@pytest.fixture
def world(listed: dict[str, Path], folders: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "prompts.yaml").write_text(yaml.safe_dump(PARTS))
    return {
        "subjects": listed["subjects"],
        "donors": listed["donors"],
        "prompts": tmp_path / "prompts.yaml",
        "subjects_root": folders["subjects"],
        "multiview_root": folders["multiview"],
    }


def plan_one(world: dict[str, Path], shard: str, samples: int = 50, **changes) -> pd.DataFrame:
    """The plan of one shard, nothing else planned before."""
    out = world["prompts"].with_name(f"{shard}.parquet")
    values = {"kinds": SHARES, "seed": 0, "out": out} | world | changes
    plan_shard(shard=shard, samples_per_shard=samples, **values)
    return read_plan(values["out"])


def plan(world: dict[str, Path], shards: int = 4, samples: int = 50, **changes) -> pd.DataFrame:
    """The plans of all shards, one below the other."""
    parts = [plan_one(world, f"{shard:05d}", samples, **changes) for shard in range(shards)]
    return pd.concat(parts, ignore_index=True)


def test_columns_and_places(world: dict[str, Path], folders: dict[str, Path]) -> None:
    frame = plan(world)
    assert tuple(frame.columns) == COLUMNS
    assert frame["sample"].tolist() == list(range(200))
    assert frame["shard"].unique().tolist() == ["00000", "00001", "00002", "00003"]
    assert frame["row"].tolist() == list(range(50)) * 4
    for row in frame.itertuples():
        assert (folders["subjects"] / row.image).is_file()
        assert (folders["subjects"] / row.mask).is_file()
        assert (folders["multiview"] / row.donor).is_file()
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


def test_a_shard_is_planned_on_its_own(world: dict[str, Path]) -> None:
    whole = plan(world, 40)
    alone = plan_one(world, "00037")
    pd.testing.assert_frame_equal(whole.iloc[37 * 50 : 38 * 50].reset_index(drop=True), alone)


def test_the_seed_matters(world: dict[str, Path]) -> None:
    first, second = plan(world), plan(world, seed=1)
    assert not set(first["sample_id"]) & set(second["sample_id"])
    assert (first["prompt"] != second["prompt"]).mean() > 0.3
    assert (first["subject"] != second["subject"]).mean() > 0.5


def test_ids_are_unique_and_attempts_are_turns(world: dict[str, Path]) -> None:
    frame = plan(world, 20)
    assert frame["sample_id"].is_unique
    assert not frame.duplicated(["subject", "attempt"]).any()
    assert (frame["attempt"] == frame.groupby("subject").cumcount()).all()
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


def test_read_plan(world: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ToffeeError, match="none.parquet: cannot be read"):
        read_plan(tmp_path / "none.parquet")
    with pytest.raises(ToffeeError, match="subjects.parquet: column sample is missing"):
        read_plan(world["subjects"])


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


def own_texts(world: dict[str, Path], *lines: str) -> Path:
    path = world["prompts"].with_name("mine.txt")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_own_prompts_take_the_place_of_the_contexts(world: dict[str, Path]) -> None:
    lines = ("# mine", "in  the snow  # cold", "", "a photo of {} by a lamp", "A ball on a shelf")
    frame = plan(world, shards=1, samples=120, texts=own_texts(world, *lines))
    plain = frame[frame["kind"] == "generation"]
    of = {word: set(some["prompt"]) for word, some in plain.groupby("class_word")}
    assert of.keys() == {"ball", "crate"}
    for word, prompts in of.items():
        noun = noun_phrase(word)
        expected = {f"{noun} in the snow", f"a photo of {noun} by a lamp"}
        assert prompts == expected | ({"a ball on a shelf"} if word == "ball" else set())
    parts = read_prompt_parts(world["prompts"], own_texts(world, *lines))
    for row in frame[frame["kind"] == "texture"].to_dict("records"):
        others = other_prompts(row, parts)
        assert row["prompt"] not in others and row["source_prompt"] not in others
        assert len(others) == len(PARTS["textures"]) - 1


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([], "mine.txt: no prompt, expected one a line"),
        (["in snow", "in snow"], "line 2: 'in snow' stands there twice, expected once"),
        (["a {mug} in snow"], "line 1: 'a {mug} in snow', expected {} where the subject stands"),
        (["in snow", "a yak at sea", "at sea"], "'a yak at sea' begins with no subject's class"),
        (["in snow"], "contexts has too few texts for background, expected 2"),
        (["a ball in snow", "a ball at sea"], "0 texts for class crate, expected 2 or more"),
    ],
)
def test_own_prompts_that_cannot_be_used_are_one_line(world, lines, line) -> None:
    with pytest.raises(ToffeeError) as raised:
        plan_one(world, "00000", texts=own_texts(world, *lines))
    assert line in str(raised.value) and "\n" not in str(raised.value)
