"""uCO3D: videos become sequences, frames and masks of the same moments."""

import csv
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from toffee.data.faults import SetAside
from toffee.data.importers.uco3d import read_frames
from toffee.data.importers.views import import_multiview
from toffee.data.loaders.images import read_image, read_mask
from toffee.data.loaders.multiview import load_multiview
from toffee.runtime.errors import ToffeeError

from .conftest import disc, write_metadata, write_turntable, write_video

NAMES = {"food/apple/1-11-21": 0, "toys/toy_car/1-12-22": 3, "toys/toy_car/1-13-23": 6}


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("uco3d")
    for folder, shade in NAMES.items():
        write_turntable(root, folder, shade)
    return root


@pytest.fixture
def root(videos: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(videos, tmp_path / "uco3d"))


def run(root: Path, out: Path, **changes) -> Path:
    source = {"kind": "uco3d", "path": str(root), "heldout": 1e-9, "set_list": None} | changes
    import_multiview(
        source=source, heldout=False, out=out, resolution=48, views=4, sequences=None, seed=1
    )
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_frames_and_masks_are_of_the_same_moment(root: Path, tmp_path: Path) -> None:
    out = run(root, tmp_path / "out")
    sequences = load_multiview(out, check=True)
    assert [(one.class_word, one.sequence) for one in sequences] == [
        (folder.split("/")[1].replace("_", " "), folder.split("/")[2]) for folder in NAMES
    ]
    for one, shade in zip(sequences, NAMES.values(), strict=True):
        numbers = [round((float(read_image(p).mean()) * 255 - shade) / 10) for p in one.frames]
        assert numbers == [2, 7, 12, 17], "the middles of quarters of twenty frames"
        for number, path in zip(numbers, one.masks, strict=True):
            left = min(8, 2 + number) if 22 + number <= 56 else number + 22 - 48
            expected = disc(number)[:, left : left + 48]
            assert np.array_equal(read_mask(path).numpy(), expected)
    assert {row["licence"] for row in rows(out / "licences.csv")} == {"cc-by-4.0"}


@pytest.mark.parametrize("late", ["rgb_video.mp4", "mask_video.mkv"])
def test_a_video_that_begins_late_has_its_own_masks(root: Path, tmp_path: Path, late: str) -> None:
    """The frame of 0.2 s is the first one, and so is its mask."""
    before = run(root, tmp_path / "before")
    is_mask = late.startswith("mask")
    for folder, shade in NAMES.items():
        frames = [np.full((48, 64, 3), 10 * n + shade, np.uint8) for n in range(20)]
        if is_mask:
            frames = [disc(n).astype(np.uint8) * 255 for n in range(20)]
        codec = ("ffv1", "gray") if is_mask else ("libx264", "yuv420p")
        write_video(root / folder / late, *codec, frames, start=2)
    after = run(root, tmp_path / "after")
    for one, other in zip(load_multiview(before), load_multiview(after), strict=True):
        for old, new in zip(one.frames + one.masks, other.frames + other.masks, strict=True):
            assert np.array_equal(read_image(old).numpy(), read_image(new).numpy())


def test_the_database_says_what_there_is(root: Path, tmp_path: Path) -> None:
    parts = [(folder.split("/")[2], *folder.split("/")[1::-1]) for folder in NAMES]
    listed = [
        (*part, f"{folder}/rgb_video.mp4", None) for part, folder in zip(parts, NAMES, strict=True)
    ]
    listed[0] = ("1-11-21", "granny_smith", "food", *listed[0][3:])
    listed.append(("9-99-99", "banana", "food", "food/banana/9-99-99/rgb_video.mp4", None))
    write_metadata(root, [listed[0], listed[2], listed[3]])
    out = run(root, tmp_path / "out")
    assert [(one.class_word, one.sequence) for one in load_multiview(out)] == [
        ("granny smith", "1-11-21"),
        ("toy car", "1-13-23"),
    ]
    assert rows(out / "quarantine.csv") == [], "what was not downloaded is not missed"


def test_a_set_list_chooses(root: Path, tmp_path: Path) -> None:
    (root / "set_lists").mkdir()
    with sqlite3.connect(root / "set_lists" / "set_lists_mine.sqlite") as database:
        database.execute("CREATE TABLE set_lists (sequence_name, frame_number, subset)")
        lines = [("1-12-22", number, "train") for number in range(9)]
        database.executemany("INSERT INTO set_lists VALUES (?, ?, ?)", lines)
    database.close()
    for name in ("mine", "set_lists_mine", "mine.sqlite", "set_lists_mine.sqlite"):
        out = run(root, tmp_path / "out", set_list=name)
        assert [one.sequence for one in load_multiview(out)] == ["1-12-22"]
    with pytest.raises(ToffeeError, match="set_lists_other.sqlite: no such file, .*one of mine"):
        run(root, tmp_path / "out", set_list="other")


def test_broken_videos_are_set_aside(root: Path, tmp_path: Path) -> None:
    apple, car, other = (root / folder for folder in NAMES)
    data = (apple / "rgb_video.mp4").read_bytes()
    (apple / "rgb_video.mp4").write_bytes(data[: len(data) // 2])
    (car / "mask_video.mkv").unlink()
    write_turntable(root, "toys/toy_car/1-14-24", 0)
    small = [np.full((24, 32), 255, np.uint8)] * 20
    write_video(root / "toys/toy_car/1-14-24/mask_video.mkv", "ffv1", "gray", small)
    out = run(root, tmp_path / "out")
    assert [one.sequence for one in load_multiview(out)] == [other.name]
    found = [(row["file"], row["reason"]) for row in rows(out / "quarantine.csv")]
    assert found == [
        ("food/apple/1-11-21/rgb_video.mp4", "broken video"),
        ("toys/toy_car/1-12-22/mask_video.mkv", "missing video"),
        *[
            (f"toys/toy_car/1-14-24/rgb_video.mp4 at {time:.2f} s", "mask of another size")
            for time in (0.2, 0.7, 1.2, 1.7)
        ],
        ("toys/toy_car/1-14-24: 1-14-24", "too few frames"),
    ]


@pytest.mark.parametrize(("set_", "unset", "good"), [(1, 0, True), (0, 255, False), (9, 3, False)])
def test_masks_are_understood_as_everywhere(
    root: Path, tmp_path: Path, set_: int, unset: int, good: bool
) -> None:
    """0 and 1 are a mask; white all around, and a brightest value of 9, are none."""
    masks = [np.where(disc(n), set_, unset).astype(np.uint8) for n in range(20)]
    write_video(root / "food/apple/1-11-21/mask_video.mkv", "ffv1", "gray", masks)
    out = run(root, tmp_path / "out")
    assert ("apple" in {one.class_word for one in load_multiview(out)}) is good
    reasons = {row["reason"] for row in rows(out / "quarantine.csv")}
    assert reasons == (set() if good else {"broken mask", "too few frames"})


def test_a_mask_video_that_ends_early_is_broken(root: Path) -> None:
    path = root / "food/apple/1-11-21/mask_video.mkv"
    with pytest.raises(SetAside) as raised:
        read_frames(path, "m", "gray", times=[0.5, 7.0])
    assert raised.value.fault.reason == "broken video"


def test_a_short_video_gives_each_frame_once(tmp_path: Path) -> None:
    frames = [np.full((32, 32), 80 * number, np.uint8) for number in range(3)]
    write_video(tmp_path / "a.mkv", "ffv1", "gray", frames)
    read = read_frames(tmp_path / "a.mkv", "a", "gray", wanted=12)
    assert [round(float(pixels.mean())) for _, pixels in read] == [0, 80, 160]


def test_a_database_that_is_none_or_leads_outside_is_one_line(root: Path, tmp_path: Path) -> None:
    (root / "metadata.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ToffeeError, match="metadata.sqlite: not uCO3D's database"):
        run(root, tmp_path / "out")
    (root / "metadata.sqlite").unlink()
    write_metadata(root, [("x", "apple", "food", "../../x/rgb_video.mp4", None)])
    with pytest.raises(ToffeeError, match=r"path '../../x/rgb_video.mp4' leaves the folder"):
        run(root, tmp_path / "out")
    with pytest.raises(ToffeeError, match="none: no such folder, expected uCO3D's files"):
        run(tmp_path / "none", tmp_path / "out")
