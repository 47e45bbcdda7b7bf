"""Subjects out of a data set in the formats of the hub, from a folder: nothing is downloaded."""

import csv
import json
import os
import pickle
from pathlib import Path

import datasets
import pytest

from toffee.data.importers import hub
from toffee.data.importers.subjects import import_subjects
from toffee.data.loaders.subjects import load_subjects
from toffee.runtime.errors import ToffeeError

from .conftest import disc, jpeg, png

SOURCE = {"kind": "hub", "config": None, "revision": None, "split": "train", "image": "image"}
SOURCE |= {"class_word": "label", "caption": "text", "mask": "mask", "licence": None}


def run(repo: Path, out: Path, subjects: int | None = None, **changes) -> Path:
    source = SOURCE | {"repo": str(repo)} | changes
    import_subjects(source=source, out=out, resolution=32, subjects=subjects, seed=0)
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def repo(tmp_path_factory) -> Path:
    """Ten rows in two Parquet files, with a card."""
    root = tmp_path_factory.mktemp("hub") / "repo"
    (root / "data").mkdir(parents=True)
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "mask": datasets.Image(),
            "label": datasets.ClassLabel(names=["mug", "toy_car"]),
            "text": datasets.Value("string"),
        }
    )
    for part in range(2):
        numbers = range(5 * part, 5 * part + 5)
        table = {
            "image": [{"bytes": jpeg(n) if n != 3 else b"torn", "path": None} for n in numbers],
            "mask": [{"bytes": png(disc(n)), "path": None} if n != 7 else None for n in numbers],
            "label": [n % 2 for n in numbers],
            "text": [f"number {n}" if n else None for n in numbers],
        }
        data = datasets.Dataset.from_dict(table, features=features)
        data.to_parquet(root / "data" / f"train-{part:05d}-of-00002.parquet")
    (root / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# Mugs\n")
    return root


def test_the_loader_reads_what_was_imported(repo: Path, tmp_path: Path, capsys) -> None:
    out = run(repo, tmp_path / "out")
    folder = load_subjects(out)
    usable = [f"{n:08d}" for n in range(10) if n not in (3, 7)]
    assert [one.subject for one in folder.subjects] == usable
    assert [one.class_word for one in folder.subjects][:3] == ["mug", "toy car", "mug"]
    assert [one.caption for one in folder.subjects][:2] == ["a mug", "number 1"]
    assert {row["licence"] for row in rows(out / "metadata.csv")} == {"cc-by-4.0"}
    assert [(row["file"], row["reason"]) for row in rows(out / "quarantine.csv")] == [
        (f"{repo}, row 3", "broken image"),
        (f"{repo}, row 7", "missing mask"),
    ]
    assert capsys.readouterr().err.splitlines()[-1].startswith("8 subjects, 2 set aside (1 broken")


def test_no_more_is_read_than_is_imported(repo: Path, tmp_path: Path) -> None:
    """The second file is torn, and not needed; row 3 is broken, and row 4 takes its place."""
    copy = tmp_path / "copy"
    (copy / "data").mkdir(parents=True)
    for path in (repo / "data").iterdir():
        data = path.read_bytes()
        (copy / "data" / path.name).write_bytes(data if "00000-of" in path.name else data[:200])
    out = run(copy, tmp_path / "out", subjects=4, licence="mine")
    names = [one.subject for one in load_subjects(out).subjects]
    assert names == ["00000000", "00000001", "00000002", "00000004"]
    assert {row["licence"] for row in rows(out / "metadata.csv")} == {"mine"}
    with pytest.raises(ToffeeError, match="copy, row 5: cannot be read"):
        run(copy, tmp_path / "more")


def test_an_imagefolder_is_read_without_masks(tmp_path: Path) -> None:
    root = tmp_path / "folder" / "train"
    root.mkdir(parents=True)
    lines = ["file_name,word"]
    for n in range(3):
        (root / f"{n}.jpg").write_bytes(jpeg(n))
        lines.append(f"{n}.jpg,Mug")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    out = run(tmp_path / "folder", tmp_path / "out", class_word="word", caption=None, mask=None)
    folder = load_subjects(out)
    assert len(folder) == 3 and {one.class_word for one in folder.subjects} == {"mug"}
    assert {row["licence"] for row in rows(out / "metadata.csv")} == {""}


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("name", ["train.csv", "train.tsv", "train.jsonl"])
def test_a_table_of_text_is_read_whose_types_are_known_from_its_rows(
    tmp_path: Path, name: str, relative: bool
) -> None:
    """A relative path counts from the data set's folder, wherever the import runs."""
    root = tmp_path / "repo"
    (root / "pictures").mkdir(parents=True)
    picture = Path("pictures", "1.jpg")
    (root / picture).write_bytes(jpeg(1))
    row = {
        "image": str(picture if relative else root / picture),
        "label": "mug",
        "text": "a red mug",
    }
    between = {".csv": ",", ".tsv": "\t"}.get(Path(name).suffix)
    lines = [between.join(row), between.join(row.values())] if between else [json.dumps(row)]
    (root / name).write_text("\n".join(lines) + "\n")
    (one,) = load_subjects(run(root, tmp_path / "out", mask=None)).subjects
    assert (one.class_word, one.caption) == ("mug", "a red mug")


def test_a_row_that_names_a_file_of_this_machine_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "private.jpg").write_bytes(jpeg(1))
    root = tmp_path / "repo"
    (root / "data").mkdir(parents=True)
    (root / "data" / "own.jpg").write_bytes(jpeg(2))
    names = [tmp_path / "private.jpg", root / "data" / ".." / ".." / "private.jpg", "own"]
    names[2] = root / "data" / "own.jpg"
    features = datasets.Features(
        {
            "image": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
            "label": datasets.Value("string"),
        }
    )
    table = {"image": [{"bytes": None, "path": str(n)} for n in names], "label": ["mug"] * 3}
    data = datasets.Dataset.from_dict(table, features=features)
    data.cast_column("image", datasets.Image(decode=False)).to_parquet(
        root / "data" / "train.parquet"
    )
    out = run(root, tmp_path / "out", caption=None, mask=None)
    assert len(load_subjects(out)) == 1
    aside = rows(out / "quarantine.csv")
    assert len(aside) == 2 and all("no file of the data set" in row["detail"] for row in aside)


def test_pickles_and_other_formats_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "evil"
    root.mkdir()
    (root / "train.pkl").write_bytes(pickle.dumps({"image": [1]}))
    with pytest.raises(ToffeeError, match="evil: cannot be read"):
        run(root, tmp_path / "out")
    (root / "README.md").write_text(
        "---\nconfigs:\n- {config_name: a, data_files: train.pkl}\n---\n"
    )
    with pytest.raises(ToffeeError, match="evil: (cannot be read|format pandas, expected one of)"):
        run(root, tmp_path / "out")
    (root / "README.md").unlink()
    (root / "train.txt").write_text("image")
    with pytest.raises(ToffeeError, match="evil: format text, expected one of arrow, csv"):
        run(root, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"image": "picture"},
            r"no column 'picture' \(data.real.subjects.image\), expected one of",
        ),
        ({"split": "test"}, "cannot be read"),
        ({"repo": "nowhere/none"}, "nowhere/none: no such folder, expected a data set"),
    ],
)
def test_what_is_not_there_is_one_line(
    repo: Path, tmp_path: Path, changes: dict, line: str
) -> None:
    with pytest.raises(ToffeeError, match=line) as raised:
        run(changes.pop("repo", repo), tmp_path / "out", **changes)
    assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


def write(root: Path, columns: dict, features: dict | None = None, name: str = "train") -> Path:
    """A data set of one Parquet file; `columns` has what it has beside its pictures."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    count = len(next(iter(columns.values())))
    table = {"image": [{"bytes": jpeg(n), "path": None} for n in range(count)]} | columns
    data = datasets.Dataset.from_dict(table)
    kinds = {**data.features, "image": datasets.Image(), **(features or {})}
    data = data.cast(datasets.Features(kinds))
    data.to_parquet(root / "data" / f"{name}.parquet")
    return root


CLASSES = datasets.ClassLabel(names=["mug", "cup"])


@pytest.mark.parametrize(
    ("columns", "features", "changes", "line"),
    [
        ({"label": ["mug"], "text": [["a", "b"]]}, {}, {}, r"column 'text' .*caption. is a list"),
        ({"label": [7]}, {}, {"caption": None}, r"column 'label' .*class_word. is int64, expected"),
        ({"label": [["mug"]]}, {}, {"caption": None}, "column 'label' .* is a list .string"),
        ({"label": [[0]]}, {"label": datasets.List(CLASSES)}, {"caption": None}, "is a list"),
        ({"m": [{"a": "mug"}]}, {}, {"class_word": "m", "caption": None}, "is a struct of a"),
        ({"m": [{"a": "mug"}]}, {}, {"class_word": "m.b", "caption": None}, "'m.b' .*one of .*m.a"),
        ({"label": ["mug"], "text": [1.5]}, {}, {}, "column 'text' .* is float64, expected texts"),
        ({"label": ["mug"], "text": [True]}, {}, {}, "column 'text' .* is bool, expected texts"),
        (
            {"label": ["mug"]},
            {},
            {"caption": None, "image": "image.x"},
            "no column",
        ),
        ({"label": ["mug"], "n": [1]}, {}, {"caption": None, "image": "n"}, "expected pictures"),
    ],
)
def test_columns_of_other_types_are_one_line(
    tmp_path: Path, columns: dict, features: dict, changes: dict, line: str
) -> None:
    repo = write(tmp_path / "repo", columns, features)
    with pytest.raises(ToffeeError, match=line) as raised:
        run(repo, tmp_path / "out", **({"mask": None} | changes))
    assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


def test_columns_in_structs_and_classes_without_a_name(tmp_path: Path) -> None:
    pair = [{"label": 0, "text": "one", "own": {"bytes": jpeg(n)}} for n in range(3)]
    pair[1]["label"] = -1
    own = {"bytes": datasets.Value("binary")}
    nested = {"label": CLASSES, "text": datasets.Value("string"), "own": own}
    repo = write(tmp_path / "repo", {"meta": pair}, {"meta": nested})
    names = {"image": "meta.own", "class_word": "meta.label", "caption": "meta.text", "mask": None}
    out = run(repo, tmp_path / "out", **names)
    assert [(one.class_word, one.caption) for one in load_subjects(out).subjects] == [
        ("mug", "one")
    ] * 2
    assert [row["reason"] for row in rows(out / "quarantine.csv")] == ["no class word"]


def test_a_configuration_is_chosen(tmp_path: Path) -> None:
    repo = write(tmp_path / "repo", {"label": ["mug"]}, name="a")
    write(repo, {"label": ["cup", "cup"]}, name="b")
    (repo / "README.md").write_text(
        "---\nconfigs:\n- {config_name: one, data_files: data/a.parquet}\n"
        "- {config_name: two, data_files: data/b.parquet}\n---\n"
    )
    plain = {"caption": None, "mask": None}
    assert len(load_subjects(run(repo, tmp_path / "out", config="two", **plain))) == 2
    with pytest.raises(ToffeeError, match=r"data.real.subjects.config: expected one of one, two"):
        run(repo, tmp_path / "other", **plain)


@pytest.mark.parametrize("kind", ["link", "loop", "pipe", "card", "text", "bomb"])
def test_a_folder_that_would_not_end_or_leads_out_is_one_line(
    tmp_path: Path, kind: str, monkeypatch
) -> None:
    repo = write(tmp_path / "repo", {"label": ["mug"], "text": ["x"]})
    if kind == "link":
        (repo / "data" / "passwd.parquet").symlink_to("/etc/passwd")
    elif kind == "loop":
        (repo / "data" / "loop").symlink_to(repo)
    elif kind == "pipe":
        os.mkfifo(repo / "data" / "more.parquet")
    elif kind == "card":
        (repo / "README.md").write_text("---\nlicense: &a [1]\nb: *a\n---\n")
    elif kind == "text":
        (repo / "data.jsonl").write_text("")
        os.truncate(repo / "data.jsonl", 3 << 30)
    else:
        monkeypatch.setattr(hub, "LARGEST_GROUP", 1000)
    lines = {"card": "an alias", "text": "bytes of text", "bomb": "a row group of"}
    with pytest.raises(ToffeeError, match=lines.get(kind, "link|regular")):
        run(repo, tmp_path / "out", mask=None)
