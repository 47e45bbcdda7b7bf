"""The square that is cut out: it has the whole object in it."""

import io

import numpy as np
import pytest
from PIL import Image

from toffee.data.faults import SetAside
from toffee.data.importers.pictures import decode_image, evenly, square, window
from toffee.data.loaders.images import read_image

from .conftest import encoded, picture


def boxed(width: int, height: int, box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    left, top, right, bottom = box
    mask[top:bottom, left:right] = True
    return mask


def test_without_a_mask_the_cut_is_that_of_the_reader(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(picture(3, (96, 64)), "PNG"))
    data, mask = square(Image.open(tmp_path / "a.png").convert("RGB"), None, 32, "a")
    assert mask is None
    stored = np.asarray(Image.open(io.BytesIO(data))).astype(float)
    expected = read_image(tmp_path / "a.png", 32).permute(1, 2, 0).numpy() * 255
    assert np.abs(stored - expected).mean() < 2


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((45, 20, 55, 30), (20, 0, 60)),  # in the middle: the centre square
        ((0, 20, 10, 30), (0, 0, 60)),  # at the left edge
        ((85, 20, 97, 30), (37, 0, 60)),  # right of the centre square: no further than needed
        ((5, 20, 85, 30), (5, -10, 80)),  # longer than the picture is high
    ],
)
def test_the_window_is_near_the_centre_with_the_mask_in_it(box, expected):
    assert window((100, 60), boxed(100, 60, box)) == expected


def test_the_window_has_every_mask_in_it():
    draw = np.random.default_rng(0)
    for _ in range(300):
        width, height = draw.integers(8, 60, 2)
        x, y = np.sort(draw.integers(0, width + 1, 2)), np.sort(draw.integers(0, height + 1, 2))
        if x[0] == x[1] or y[0] == y[1]:
            continue
        left, top, side = window((width, height), boxed(width, height, (x[0], y[0], x[1], y[1])))
        assert left <= x[0] and x[1] <= left + side and top <= y[0] and y[1] <= top + side
        assert side >= min(width, height)
        if side == min(width, height):  # nothing beyond the picture's edges
            assert 0 <= left <= width - side and 0 <= top <= height - side


def test_a_picture_too_short_for_its_object_is_continued_at_its_edges():
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:10], pixels[10:] = (200, 0, 0), (0, 0, 200)
    image, mask = square(Image.fromarray(pixels), boxed(60, 20, (0, 5, 60, 15)), 60, "a")
    stored = np.asarray(Image.open(io.BytesIO(image))).astype(int)
    assert stored.shape == (60, 60, 3)
    assert (stored[2, :, 0] > 180).all() and (stored[-3, :, 2] > 180).all()
    rows = np.flatnonzero(np.asarray(Image.open(io.BytesIO(mask))).any(1))
    assert (rows[0], rows[-1]) == (25, 34)


def test_faults_of_masks_are_told_apart():
    image = Image.fromarray(picture(1, (40, 30)))
    for mask, reason in (
        (np.zeros((30, 40), bool), "empty mask"),
        (np.ones((30, 30), bool), "mask of another size"),
        (boxed(40, 30, (5, 5, 6, 6)), "empty mask"),  # less than half a pixel when small
    ):
        with pytest.raises(SetAside, match=reason):
            square(image, mask, 8, "a")


def test_the_way_up_and_transparency_are_those_of_the_reader(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(1, (40, 20))).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGBA", (40, 20), (255, 0, 0, 0)).save(tmp_path / "b.png")
    for name in ("a.jpg", "b.png"):
        ours = np.asarray(decode_image((tmp_path / name).read_bytes(), name))
        theirs = read_image(tmp_path / name).permute(1, 2, 0).numpy() * 255
        assert np.array_equal(ours, theirs.round().astype(np.uint8))


def test_a_picture_that_unpacks_to_too_much_is_broken(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(SetAside) as raised:
        decode_image(encoded(picture(1), "PNG"), "a")
    assert raised.value.fault.reason == "broken image"


def test_evenly():
    assert evenly(5, 3) == [0, 2, 4] and evenly(30, 3) == [5, 15, 25]
    assert evenly(3, 8) == [0, 1, 2] and evenly(0, 4) == []


def test_a_small_file_of_a_huge_picture_is_set_aside():
    out = io.BytesIO()
    Image.new("1", (20_000, 5_000)).save(out, "PNG")
    assert len(out.getvalue()) < 100_000
    with pytest.raises(SetAside, match="broken image") as raised:
        decode_image(out.getvalue(), "a.png")
    assert raised.value.fault.detail == "more than 80000000 pixels"
