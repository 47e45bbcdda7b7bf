"""Multi-view sequences: order, masks, and one line for what is wrong."""

from pathlib import Path

import pytest
from PIL import Image

from toffee.data.loaders.multiview import load_multiview
from toffee.runtime.errors import ToffeeError


def test_sequences(multiview: Path) -> None:
    (multiview / "crate" / "001" / "cameras.json").write_text('[{"azimuth": 30}]')
    sequences = load_multiview(multiview, check=True)
    assert [(s.class_word, s.sequence, len(s)) for s in sequences] == [
        ("ball", "000", 3),
        ("ball", "001", 3),
        ("crate", "000", 3),
        ("crate", "001", 3),
    ]
    last = sequences[-1]
    for number, (frame, mask) in enumerate(zip(last.frames, last.masks, strict=True)):
        assert frame == multiview / "crate" / "001" / "images" / f"{number:03d}.jpg"
        assert mask == multiview / "crate" / "001" / "masks" / f"{number:03d}.png"
    assert last.cameras() == [{"azimuth": 30}] and sequences[0].cameras() is None


def test_names_of_mvimgnet(multiview: Path) -> None:
    (multiview / "ball").rename(multiview / "stuffed_animal")
    for mask in (multiview / "stuffed_animal" / "000" / "masks").iterdir():
        mask.rename(mask.with_name(f"{mask.stem}.jpg.png"))
    sequence = load_multiview(multiview)[2]
    assert sequence.class_word == "stuffed animal"
    assert [mask.name for mask in sequence.masks] == ["000.jpg.png", "001.jpg.png", "002.jpg.png"]


def test_what_is_missing_is_one_line(multiview: Path, tmp_path: Path) -> None:
    with pytest.raises(ToffeeError, match="none: no such folder"):
        load_multiview(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ToffeeError, match="empty: empty folder"):
        load_multiview(tmp_path / "empty")
    folder = multiview / "ball" / "001"
    (folder / "masks" / "001.png").unlink()
    with pytest.raises(ToffeeError, match=r"ball/001/images/001.jpg: no mask, expected .*001.png"):
        load_multiview(multiview)
    for number in (0, 1):
        (folder / "images" / f"{number:03d}.jpg").unlink()
    with pytest.raises(ToffeeError, match="001/images: one frame, expected two"):
        load_multiview(multiview)
    (folder / "images" / "002.jpg").unlink()
    with pytest.raises(ToffeeError, match="001/images: empty folder"):
        load_multiview(multiview)


def test_checking_finds_bad_files(multiview: Path) -> None:
    mask = multiview / "ball" / "000" / "masks" / "001.png"
    Image.new("1", (15, 16)).save(mask)
    assert len(load_multiview(multiview)) == 4
    with pytest.raises(ToffeeError, match="001.png: mask is 15 x 16 pixels, expected 16 x 16"):
        load_multiview(multiview, check=True)
    (multiview / "ball" / "000" / "images" / "000.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(ToffeeError, match="000.jpg: broken image"):
        load_multiview(multiview, check=True)
