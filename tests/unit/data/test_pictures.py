"""The rules by which a picture and a mask are understood, the same for every reader."""

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from toffee.data import pictures
from toffee.data.importers.pictures import decode_image, decode_mask
from toffee.data.loaders.dreambench import read_photo
from toffee.data.loaders.images import read_array, read_image, read_mask
from toffee.data.pictures import FORMATS, decoded, mask_of, rgb
from toffee.runtime.errors import ToffeeError

MASK = np.zeros((20, 30), bool)
MASK[5:12, 8:20] = True


def saved(picture: Image.Image, format: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def alpha() -> Image.Image:
    picture = Image.new("RGBA", (30, 20), "white")
    picture.putalpha(Image.fromarray(MASK.astype(np.uint8) * 255))
    return picture


def palette(*colours: tuple[int, int, int]) -> Image.Image:
    picture = Image.fromarray(MASK.astype(np.uint8), "P")
    picture.putpalette([value for colour in colours for value in colour])
    return picture


def grey(set_: float, dtype: type) -> Image.Image:
    return Image.fromarray((MASK * set_).astype(dtype))


@pytest.mark.parametrize(
    ("picture", "format"),
    [
        (Image.fromarray(MASK), "PNG"),
        (grey(255, np.uint8), "PNG"),
        (grey(1, np.uint8), "PNG"),
        (grey(65535, np.uint16), "PNG"),
        (grey(1, np.uint16), "PNG"),
        (grey(1, np.float32), "TIFF"),
        (grey(255, np.uint8).convert("RGB"), "JPEG"),
        (alpha(), "PNG"),
        (palette((0, 0, 0), (255, 255, 255)), "PNG"),
        (palette((0, 0, 0), (128, 0, 0)), "PNG"),
        (palette((0, 0, 0), (1, 1, 1)), "PNG"),
    ],
)
def test_a_mask_is_the_same_for_both_readers_however_it_is_written(
    tmp_path: Path, picture: Image.Image, format: str
) -> None:
    data = saved(picture, format)
    (tmp_path / "mask").write_bytes(data)
    assert np.array_equal(decode_mask(data, "mask"), MASK)
    assert torch.equal(read_mask(tmp_path / "mask"), torch.from_numpy(MASK))


@pytest.mark.parametrize(
    ("picture", "line"),
    [
        (Image.fromarray(np.linspace(0, 100, 600).reshape(20, 30).astype(np.uint8)), "100 of 255"),
        (Image.fromarray(~MASK), "white all around and black inside"),
        (Image.effect_noise((30, 20), 90).convert("RGB").quantize(8).convert("HSV"), "colours"),
        (grey(2.5, np.float32), "values from 0 to 2.5, expected 0 to 1"),
        (palette((9, 0, 99), (128, 0, 0)), "several colours"),
    ],
)
def test_a_mask_that_is_not_understood_is_refused(picture: Image.Image, line: str) -> None:
    if picture.mode == "HSV":
        picture = Image.merge("RGB", picture.split())
    with pytest.raises(ValueError, match=line):
        mask_of(picture)


def test_a_large_mask_of_many_colours_is_refused_soon() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)
    start = time.process_time()
    with pytest.raises(ValueError, match="several colours"):
        mask_of(Image.fromarray(colours))
    assert time.process_time() - start < 1


def test_what_may_change_may_be_white_all_around() -> None:
    assert np.array_equal(mask_of(Image.fromarray(~MASK), subject=False), ~MASK)
    assert mask_of(Image.new("L", (3, 3), 255)).all() and not mask_of(Image.new("L", (3, 3))).any()


@pytest.mark.parametrize("format", ["AVIF", "BMP", "GIF", "TIFF", "WEBP", "JPEG2000", "PPM"])
def test_every_format_is_read(tmp_path: Path, format: str) -> None:
    (tmp_path / "a").write_bytes(saved(Image.new("RGB", (32, 32), (200, 40, 30)), format))
    Image.init()
    assert format in FORMATS and set(FORMATS) <= set(Image.OPEN)
    assert np.abs(read_array(tmp_path / "a")[5, 5].astype(int) - (200, 40, 30)).max() < 6


def test_a_postscript_file_starts_no_program(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(Image.new("RGB", (8, 8)), "EPS"))
    with pytest.raises(ToffeeError, match="a.jpg: broken image .of no known format"):
        read_image(tmp_path / "a.jpg")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    for name in ("pipe", "zero", "loop"):
        with pytest.raises(ToffeeError, match=f"{name}.jpg: broken image"):
            read_image(tmp_path / f"{name}.jpg")


def test_16_bits_are_those_of_8() -> None:
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    sixteen = Image.fromarray(eight.astype(np.uint16) * 257)
    for mode in (sixteen, Image.fromarray((eight / np.float32(255)).astype(np.float32))):
        data = saved(mode, "TIFF")
        assert np.array_equal(np.asarray(decode_image(data, "a"))[..., 0], eight)


def swapped_profile() -> bytes:
    """A profile that is sRGB with red and green changed places, under another name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile.replace(b"s\0R\0G\0B", b"X\0Y\0Z\0W"))


def test_a_colour_profile_is_applied_but_not_to_the_benchmark(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8), (200, 40, 30))
    data = saved(picture, icc_profile=swapped_profile())
    (tmp_path / "a.png").write_bytes(data)
    for pixels in (read_array(tmp_path / "a.png"), np.asarray(decode_image(data, "a"))):
        assert np.abs(pixels[0, 0].astype(int) - (40, 200, 30)).max() <= 2
    photo = read_photo(tmp_path / "a.png")[:, 0, 0] * 255
    assert photo.round().tolist() == [200, 40, 30]
    (tmp_path / "b.png").write_bytes(saved(picture, icc_profile=b"none"))
    with pytest.raises(ToffeeError, match="b.png: broken image .its colour profile cannot be used"):
        read_image(tmp_path / "b.png")


def test_a_photo_in_srgb_keeps_its_numbers() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(picture, icc_profile=profile)
    assert np.array_equal(np.asarray(decode_image(data, "a")), np.asarray(picture))
    assert decoded(data).size == (9, 9)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16"])
def test_a_picture_that_is_read_in_strips_is_the_same(mode, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 4), np.uint8)
    if mode in ("I", "F", "I;16"):
        kind = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
        picture = Image.fromarray((noise[:, :, 0] / (255 if mode == "F" else 1)).astype(kind))
    else:
        picture = Image.fromarray(noise).convert(mode)

    def both():
        try:
            mask = mask_of(picture).tobytes()
        except ValueError as error:
            mask = str(error)
        return rgb(picture).tobytes(), mask

    whole = both()
    monkeypatch.setattr(pictures, "STRIP", 70)
    assert both() == whole
