"""The list that plans choose from: usable subjects, frames of their classes, what was set aside."""

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest

from toffee.runtime.errors import ToffeeError
from toffee.synthesis.listing import read_donors, read_subjects
from toffee.synthesis.plan import plan_shard, read_plan
from toffee.synthesis.stage import planned_files

from ..data.loaders.conftest import write_multiview, write_subjects
from .conftest import write_list

PROMPTS = Path(__file__).resolve().parents[3] / "config" / "prompts" / "tiny.yaml"
NAMES = ("s0", "s1", "s2", "s3")


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return {
        "subjects": write_subjects(tmp_path / "subjects", NAMES),
        "multiview": write_multiview(tmp_path / "multiview"),
    }


def test_subjects_and_donors_can_be_found(folders: dict[str, Path], tmp_path: Path) -> None:
    listed = write_list(tmp_path, **folders)
    subjects, donors = read_subjects(listed["subjects"]), read_donors(listed["donors"])
    assert [one.subject for one in subjects] == list(NAMES)
    assert set(donors) == {one.class_word for one in subjects}
    for one in subjects:
        assert (folders["subjects"] / one.image).is_file() and one.caption
        assert (folders["subjects"] / one.mask).is_file()
        assert one.licence == "unknown"
        for frame, licence, place in donors[one.class_word]:
            assert place == "multiview"
            assert (folders["multiview"] / frame).is_file()
            assert frame.startswith(f"{one.class_word}/") and licence == "unknown"


def test_other_pictures_of_the_same_names_make_other_lists(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """Else plans, and all that is drawn of them, would pass for current."""

    def lists() -> list[bytes]:
        listed = write_list(tmp_path, **folders)
        return [listed[name].read_bytes() for name in ("subjects", "donors")]

    before = lists()
    assert lists() == before
    one, other = sorted((folders["subjects"] / "images").iterdir())[:2]
    one.write_bytes(other.read_bytes())
    assert [a == b for a, b in zip(lists(), before, strict=True)] == [False, True]
    frame = next(folders["multiview"].rglob("*.jpg"))
    frame.write_bytes(other.read_bytes())
    assert [a == b for a, b in zip(lists(), before, strict=True)] == [False, False]


def test_licences_of_pictures_and_sequences_are_listed(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    metadata = folders["subjects"] / "metadata.csv"
    head, first, *rest = metadata.read_text().splitlines()
    metadata.write_text("\n".join([f"{head},licence", f"{first},CC-BY-4.0 ", *rest]) + "\n")
    sequence = sorted((folders["multiview"] / "ball").iterdir())[0].name
    table = folders["multiview"] / "licences.csv"
    table.write_text(f"class_word,sequence,licence\nball,{sequence},MIT\n")
    listed = write_list(tmp_path, **folders)
    assert [one.licence for one in read_subjects(listed["subjects"])] == [
        "cc-by-4.0",
        *["unknown"] * 3,
    ]
    for frame, licence, _ in read_donors(listed["donors"])["ball"]:
        assert licence == ("mit" if frame.startswith(f"ball/{sequence}/") else "unknown")
    table.write_text("class_word,sequence\n")
    with pytest.raises(ToffeeError, match=r"licences.csv: column licence is missing, expected cl"):
        write_list(tmp_path, **folders)


def test_an_unreadable_picture_is_set_aside(folders: dict[str, Path], tmp_path: Path) -> None:
    (folders["subjects"] / "images" / "s3.jpg").write_bytes(b"")
    listed = write_list(tmp_path, **folders)
    assert [one.subject for one in read_subjects(listed["subjects"])] == ["s0", "s1", "s2"]
    with open(listed["quarantine"], newline="") as file:
        assert [(row["subject"], row["reason"]) for row in csv.DictReader(file)] == [
            ("s3", "broken image")
        ]


def test_a_subject_whose_class_has_no_sequences_is_set_aside(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folders["multiview"] = write_multiview(tmp_path / "only", words=("ball",))
    listed = write_list(tmp_path, **folders)
    assert [one.subject for one in read_subjects(listed["subjects"])] == ["s0", "s2"]
    with open(listed["quarantine"], newline="") as file:
        assert [(row["subject"], row["reason"]) for row in csv.DictReader(file)] == [
            ("s1", "no sequence of its class"),
            ("s3", "no sequence of its class"),
        ]


def test_no_class_with_sequences_is_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    folders["multiview"] = write_multiview(tmp_path / "only", words=("tree",))
    line = r"only: no sequence of any subject's class \(ball, crate\), expected <class word>/"
    with pytest.raises(ToffeeError, match=line):
        write_list(tmp_path, **folders)
    assert not (tmp_path / "subjects.parquet").exists()


def test_another_file_is_one_line(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "other.parquet")
    for name in ("other.parquet", "none.parquet"):
        with pytest.raises(ToffeeError, match=f"{name}: expected a Parquet file with class_word"):
            read_donors(tmp_path / name)


def test_subjects_of_a_class_without_sequences_lend_each_other_their_poses(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.rmtree(folders["multiview"] / "crate")
    listed = write_list(tmp_path, **folders)
    assert [one.class_word for one in read_subjects(listed["subjects"])] == ["ball"] * 2
    listed = write_list(tmp_path, **folders, subject_poses=True)
    assert [one.subject for one in read_subjects(listed["subjects"])] == list(NAMES)
    donors = read_donors(listed["donors"])
    assert {one.folder for one in donors["ball"]} == {"multiview"}
    assert [(one.frame, one.folder) for one in donors["crate"]] == [
        ("images/s1.jpg", "subjects"),
        ("images/s3.jpg", "subjects"),
    ]
    out = tmp_path / "plan.parquet"
    given = (listed["subjects"], listed["donors"], PROMPTS, *folders.values())
    plan_shard(*given, {"generation": 1.0}, "00000", 12, 0, out)
    plan = read_plan(out).query("class_word == 'crate'")
    assert {*zip(plan["image"], plan["donor"], strict=True)} == {
        ("images/s1.jpg", "images/s3.jpg"),
        ("images/s3.jpg", "images/s1.jpg"),
    }, "never its own: the pair would be a copy"
    files = planned_files(plan, "donor", [folders["subjects"]] * len(plan))
    assert {path.name for path in files} == {"s1.jpg", "s3.jpg"}


def test_one_subject_alone_has_no_pose(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.rmtree(folders["multiview"] / "crate")
    metadata = folders["subjects"] / "metadata.csv"
    lines = metadata.read_text().splitlines()
    metadata.write_text("\n".join(line for line in lines if "s3" not in line) + "\n")
    listed = write_list(tmp_path, **folders, subject_poses=True)
    assert "s1" not in [one.subject for one in read_subjects(listed["subjects"])]
