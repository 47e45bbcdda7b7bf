"""MVImgNet: zip files and folders become sequences that the loader reads."""

import csv
import os
import shutil
import signal
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from toffee.data.importers import collect as collecting
from toffee.data.importers.archives import Archives
from toffee.data.importers.mvimgnet import list_mvimgnet
from toffee.data.importers.views import import_multiview
from toffee.data.loaders.images import read_image, read_mask
from toffee.data.loaders.multiview import load_multiview
from toffee.runtime.errors import ToffeeError
from toffee.runtime.signals import Interrupted, raise_on_sigterm

from .conftest import SIZE, Release, disc, encoded, jpeg, picture, png


def run(root: Path, out: Path, **changes) -> Path:
    arguments = {"heldout": False, "resolution": 32, "views": 3, "sequences": None, "seed": 5}
    source = {"kind": "mvimgnet", "path": str(root), "heldout": changes.pop("share", 1e-9)}
    import_multiview(source=source, out=out, **(arguments | changes))
    return out


def quarantine(out: Path) -> list[tuple[str, str]]:
    with open(out / "quarantine.csv", newline="") as file:
        return [(row["file"], row["reason"]) for row in csv.DictReader(file)]


def content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def pictures(root: Path) -> dict[str, bytes]:
    """Without sources.csv, where zip files and folders differ."""
    return {name: data for name, data in content(root).items() if name != "sources.csv"}


def test_the_loader_reads_what_was_imported(release: Release, tmp_path: Path, capsys) -> None:
    out = run(release.write(), tmp_path / "out")
    sequences = load_multiview(out, check=True)
    assert len(sequences) == 12 and {len(one) for one in sequences} == {3}
    assert {one.class_word for one in sequences} == {"bag", "toy butterfly", "washer"}
    assert capsys.readouterr().err.splitlines()[-1] == "12 sequences, nothing set aside"
    with open(out / "licences.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0].keys() == {"class_word", "sequence", "licence"}
    assert {row["licence"] for row in rows} == {"MVImgNet Terms of Use"}
    assert {(row["class_word"], row["sequence"]) for row in rows} == {
        (one.class_word, one.sequence) for one in sequences
    }
    assert not (tmp_path / "out.partial").exists()


def test_frames_are_spread_evenly_and_masks_are_theirs(release: Release, tmp_path: Path) -> None:
    out = run(release.write(), tmp_path / "out")
    for place, frame in enumerate((0, 2, 4)):  # of five
        image = read_image(out / "bag" / "a0" / "images" / f"{place:03d}.jpg")
        mask = read_mask(out / "bag" / "a0" / "masks" / f"{place:03d}.png")
        # Widths of 64 pixels are cut to 48: in the middle, unless the mask lies elsewhere.
        left = min(8, 2 + frame)
        whole = picture(0xA0 * 100 + frame)[:, left : left + 48]
        expected = torch.from_numpy(whole.copy()).permute(2, 0, 1)[None].float() / 255
        small = torch.nn.functional.interpolate(expected, 32, mode="bicubic", antialias=True)[0]
        assert (image - small).abs().mean() < 0.02
        area = disc(frame)[:, left : left + 48].mean()
        assert abs(mask.float().mean() - area) < 0.02


def test_folders_give_the_same_as_zip_files(release: Release, tmp_path: Path) -> None:
    zipped = run(release.write(), tmp_path / "zipped")
    for path in release.root.glob("*.zip"):
        path.unlink()
    extracted = run(release.write(extracted=True), tmp_path / "extracted")
    assert pictures(zipped) == pictures(extracted)


def test_masks_beside_images_and_in_the_alpha_channel(release: Release, tmp_path: Path) -> None:
    """As MVImgNet2.0 has them, and as cut-outs."""
    first = run(release.write(), tmp_path / "first")
    masks = release.files.pop("mask.zip")
    (release.root / "mask.zip").unlink()
    for name, data in masks.items():
        _, identity, video, frame = name.split("/")
        mask = disc(int(frame[:3]) - 1)
        cut = np.dstack([picture(1), mask.astype(np.uint8) * 255])
        data = png(mask) if int(identity) else encoded(cut, "PNG")
        release.files["mvi_00.zip"][f"{identity}/{video}/masks/{frame[:3]}_cut.png"] = data
    second = run(release.write(), tmp_path / "second")
    assert pictures(first) == pictures(second)


def test_every_value_above_zero_is_the_object(release: Release, tmp_path: Path) -> None:
    """Masks of 0 and 1, of several grey levels, and cut-outs on black."""
    first = run(release.write(), tmp_path / "first")
    for number, name in enumerate(sorted(release.files["mask.zip"])):
        mask = disc(int(name.rpartition("/")[2][:3]) - 1)
        levels = mask * np.linspace(1, 40, mask.size).reshape(mask.shape).astype(np.uint8)
        kinds = (mask.astype(np.uint8), levels, levels[..., None] * np.array([1, 2, 0], np.uint8))
        release.files["mask.zip"][name] = encoded(kinds[number % 3], "PNG")
    second = run(release.write(), tmp_path / "second")
    assert pictures(first) == pictures(second)


def test_a_listing_of_the_whole_release_takes_less_than_a_gigabyte(
    tmp_path: Path, monkeypatch
) -> None:
    """6.5 million frames of 219,188 videos, and as many masks: so many bytes for each of them."""
    (tmp_path / "mvimgnet_category.txt").write_text("7,mug\n")
    videos, frames = 1000, 30

    def members(self):
        for n in range(videos):
            for frame in range(frames):
                yield "mvi_00.zip", f"7/{n:08x}/images/{frame:03d}.jpg"
        for n in range(videos):
            for frame in range(frames):
                yield "mask.zip", f"mask/7/{n:08x}/{frame:03d}.jpg.png"

    monkeypatch.setattr(Archives, "members", members)
    tracemalloc.start()
    listing = list_mvimgnet(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(listing.sequences) == videos
    assert peak / videos * 219_188 < 2**30


def test_masks_of_no_frame_and_pictures_elsewhere_are_counted(
    release: Release, tmp_path: Path
) -> None:
    release.files["mask.zip"]["mask/0/a0/777.png"] = png(disc(0))
    release.files["mask.zip"]["mask/0/zz/001.png"] = png(disc(0))
    release.files["mvi_00.zip"]["0/a0/Images/001.jpg"] = jpeg(1)
    out = run(release.write(), tmp_path / "out")
    assert quarantine(out) == [
        ("mask.zip: 0/zz", "mask of no picture"),
        ("mvi_00.zip/0/a0/Images/001.jpg", "no picture"),
        ("mvi_00.zip: a0", "mask of no picture"),
    ]


def test_the_split_is_disjoint_whole_and_blind_to_order(release: Release, tmp_path: Path) -> None:
    root = release.write()
    parts = [
        run(root, tmp_path / name, heldout=heldout, share=0.4)
        for name, heldout in (("train", False), ("heldout", True))
    ]
    train, heldout = ({one.sequence for one in load_multiview(part)} for part in parts)
    assert train and heldout and not train & heldout and len(train | heldout) == 12
    # Other zip files, written backwards, and with fewer videos: the same side for each.
    for path in root.glob("*.zip"):
        path.unlink()
    together = {}
    for members in release.files.values():
        together |= {k: v for k, v in members.items() if "/a3/" not in k}
    release.files = {"other.zip": together}
    again = run(release.write(order=-1), tmp_path / "again", heldout=True, share=0.4)
    assert {one.sequence for one in load_multiview(again)} == heldout - {"a3"}


def test_a_limit_takes_the_same_ones_whatever_is_broken(release: Release, tmp_path: Path) -> None:
    root = release.write()
    order = []
    for count in (1, 2, 3, 4, 12):
        names = {
            one.sequence for one in load_multiview(run(root, tmp_path / "out", sequences=count))
        }
        assert set(order) < names and len(names) == count
        order += names - set(order)
    # The second one in the order breaks: the next one takes its place.
    for members in release.files.values():
        for name in members:
            if f"/{order[1]}/images/" in name:
                members[name] = b"no picture"
    out = run(release.write(), tmp_path / "out", sequences=3)
    assert {one.sequence for one in load_multiview(out)} == {order[0], order[2], order[3]}
    assert [reason for _, reason in quarantine(out)] == ["broken image"] * 3 + ["too few frames"]


def break_(release: Release) -> dict[str, str]:
    """Break something of every kind, each in a video of its own; file → reason."""
    zero, one, masks = (release.files[name] for name in ("mvi_00.zip", "mvi_01.zip", "mask.zip"))
    torn = zero["0/a0/images/003.jpg"]
    zero["0/a0/images/003.jpg"] = torn[: len(torn) // 2]
    del masks["mask/3/a1/003.jpg.png"]
    masks["mask/7/a2/003.jpg.png"] = b"\x89PNG no more"
    masks["mask/0/a3/003.jpg.png"] = png(disc(1, (32, 32)))
    masks["mask/3/a4/003.jpg.png"] = png(np.zeros(SIZE[::-1], bool))
    for frame in (2, 3, 4, 5):
        del one[f"7/a5/images/{frame:03d}.jpg"]
    for frame in range(1, 6):
        del masks[f"mask/0/a6/{frame:03d}.jpg.png"]
    zero["99/aa/images/001.jpg"] = zero["99/aa/images/002.jpg"] = jpeg(1)
    return {
        "mvi_00.zip/0/a0/images/003.jpg": "broken image",
        "mvi_01.zip/3/a1/images/003.jpg": "missing mask",
        "mask.zip/mask/7/a2/003.jpg.png": "broken mask",
        "mvi_01.zip/0/a3/images/003.jpg": "mask of another size",
        "mvi_00.zip/3/a4/images/003.jpg": "empty mask",
        "mvi_01.zip: a5": "too few frames",
        "mvi_00.zip: a6": "missing mask",
        "mvi_00.zip: aa": "unknown class id",
    }


def test_what_is_broken_is_set_aside_with_its_reason(
    release: Release, tmp_path: Path, capsys
) -> None:
    expected = break_(release)
    root = release.write()
    # A member whose bytes do not fit its checksum, a file that is no zip file, an unsafe one.
    data = (root / "mvi_01.zip").read_bytes()
    place = data.index(release.files["mvi_01.zip"]["0/a9/images/003.jpg"]) + 200
    (root / "mvi_01.zip").write_bytes(data[:place] + b"\xff\0\xff" + data[place + 3 :])
    (root / "mvi_02.zip").write_bytes(b"PK no more")
    release.files = {"mvi_03.zip": {"../../0/bb/images/001.jpg": jpeg(1)}}
    release.write()
    expected |= {
        "mvi_01.zip/0/a9/images/003.jpg": "unreadable zip member",
        "mvi_02.zip": "unreadable zip file",
        "mvi_03.zip": "unsafe zip file",
    }
    out = run(root, tmp_path / "out")
    assert dict(quarantine(out)) == expected
    sequences = {one.sequence: len(one) for one in load_multiview(out, check=True)}
    assert "a5" not in sequences and "a6" not in sequences and len(sequences) == 10
    assert [sequences[name] for name in ("a0", "a1", "a2", "a3", "a4", "a9", "a7")] == [2] * 6 + [3]
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("10 sequences, 12 set aside (1 broken image, 1 broken mask, ")


@pytest.mark.parametrize("name", ["../x/0/aa/images/001.jpg", "/0/aa/images/001.jpg"])
def test_a_zip_file_that_would_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    release = Release(tmp_path / "mvimgnet")
    release.video(0, "a0")
    release.files["mvi_00.zip"][name] = jpeg(1)
    with pytest.raises(ToffeeError, match=r"mvi_00.zip: unsafe zip file \(member .* would leave"):
        run(release.write(), tmp_path / "out")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"mvimgnet", "out.partial"}, "nothing was written outside"


def test_a_killed_import_goes_on_and_ends_with_equal_bytes(
    release: Release, tmp_path: Path, monkeypatch
) -> None:
    break_(release)
    root = release.write()
    whole = content(run(root, tmp_path / "whole"))
    make, seen = collecting._Work._note, []

    def killed(self, name, *arguments, **keywords):
        make(self, name, *arguments, **keywords)
        seen.append(name)
        if len(seen) in (3, 6):
            raise KeyboardInterrupt

    monkeypatch.setattr(collecting._Work, "_note", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(root, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        # A line cut off in the middle, and a file of an item that was begun.
        with open(tmp_path / "out.partial" / "journal.jsonl", "a") as journal:
            journal.write('{"name": "bag/a')
        (tmp_path / "out.partial" / "content" / "bag").mkdir(exist_ok=True)
        (tmp_path / "out.partial" / "content" / "bag" / "torn").write_bytes(b"half")
    assert content(run(root, tmp_path / "out", threads=3)) == whole
    made_twice = {name for name in seen if seen.count(name) > 1}
    assert made_twice <= {"washer/a5", "bag/a6"}, "only the unusable ones are looked at again"


def test_a_job_that_is_asked_to_stop_keeps_what_is_done(
    release: Release, tmp_path: Path, monkeypatch
) -> None:
    root = release.write()
    whole = content(run(root, tmp_path / "whole"))
    note = collecting._Work._note

    def asked(self, *arguments, **keywords):
        note(self, *arguments, **keywords)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(collecting, "_CHUNK", 5)
    with monkeypatch.context() as inside:
        inside.setattr(collecting._Work, "_note", asked)
        with (
            pytest.raises(Interrupted, match="5 are done, the next attempt goes on"),
            raise_on_sigterm(),
        ):
            run(root, tmp_path / "out")
    assert content(run(root, tmp_path / "out")) == whole


def test_what_was_mended_is_imported_by_the_next_attempt(release: Release, tmp_path: Path) -> None:
    good = {name: dict(members) for name, members in release.files.items()}
    for members in release.files.values():
        for name in members:
            if "/images/" in name:
                members[name] = b"no picture"
    with pytest.raises(
        ToffeeError, match="none of the source's sequences is usable, e.g. .*broken"
    ):
        run(release.write(), tmp_path / "out")
    release.files = good
    assert len(load_multiview(run(release.write(), tmp_path / "out"))) == 12


def test_a_source_that_is_none_is_one_line(tmp_path: Path, release: Release) -> None:
    with pytest.raises(ToffeeError, match="none: no such folder, expected a release's files"):
        run(tmp_path / "none", tmp_path / "out")
    shutil.rmtree(release.root)
    (release.root).mkdir()
    with pytest.raises(ToffeeError, match="mvimgnet_category.txt: cannot be read"):
        run(release.root, tmp_path / "out")
    (release.root / "mvimgnet_category.txt").write_text("0,bag\nbottle\n")
    with pytest.raises(ToffeeError, match="line 2: 'bottle', expected id,word"):
        run(release.root, tmp_path / "out")
    (release.root / "mvimgnet_category.txt").write_text("0,bag\n")
    with pytest.raises(ToffeeError, match="the source has no sequences, expected at least one"):
        run(release.root, tmp_path / "out")
