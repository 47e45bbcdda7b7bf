"""Reading pictures and masks: values, geometry, and one line for what cannot be read."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from toffee.data.loaders.images import (
    grown,
    image_size,
    list_images,
    read_image,
    read_mask,
    stack_images,
    to_arrays,
    to_tensor,
)
from toffee.runtime.errors import ToffeeError


def gradient(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, width).round()[None]
    image[..., 1] = np.linspace(0, 255, height).round()[:, None]
    return image


def test_a_picture_of_the_right_size_is_not_touched(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for resolution in (None, 16):
        image = read_image(tmp_path / "a.png", resolution)
        assert image.dtype == torch.float32
        assert torch.equal(image, torch.from_numpy(pixels).permute(2, 0, 1) / 255)


def test_the_centre_square_is_cut_out(tmp_path: Path) -> None:
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, 20:40] = (255, 128, 0)
    Image.fromarray(image).save(tmp_path / "wide.png")
    Image.fromarray(image.transpose(1, 0, 2).copy()).save(tmp_path / "high.png")
    for name in ("wide", "high"):
        small = read_image(tmp_path / f"{name}.png", 8)
        expected = torch.tensor([255.0, 128.0, 0.0])[:, None, None].expand(3, 8, 8) / 255
        assert torch.allclose(small, expected, atol=0.02)


def test_resizing_does_not_alias(tmp_path: Path) -> None:
    """One-pixel stripes average to grey; picking pixels would give black or white."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    small = read_image(tmp_path / "a.png", 16)
    assert (small - 0.5).abs().max() < 0.05


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter turn clockwise
    picture = Image.fromarray(gradient(40, 20))
    picture.save(tmp_path / "a.jpg", exif=exif, quality=100)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (3, 40, 20) and image_size(tmp_path / "a.jpg") == (20, 40)
    red = image[0]
    assert red[-1].mean() > 0.9 and red[0].mean() < 0.1, "what was right is now at the bottom"


def test_transparency_palette_and_grey_become_rgb(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert torch.equal(read_image(tmp_path / "clear.png"), torch.ones(3, 4, 4))
    Image.new("L", (4, 4), 51).save(tmp_path / "grey.png")
    assert torch.allclose(read_image(tmp_path / "grey.png"), torch.full((3, 4, 4), 0.2))
    Image.new("RGB", (4, 4), (255, 0, 0)).quantize(2).save(tmp_path / "palette.png")
    assert read_image(tmp_path / "palette.png")[:, 0, 0].tolist() == [1, 0, 0]


def test_mask_stays_aligned_with_its_image(tmp_path: Path) -> None:
    image = np.zeros((32, 48, 3), np.uint8)
    image[4:20, 16:32] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.fromarray(image[..., 0]).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png", 16, size=(48, 32))
    assert mask.dtype == torch.bool and mask.shape == (16, 16)
    assert torch.equal(mask, read_image(tmp_path / "a.png", 16)[0] > 0.5)
    Image.fromarray(image[..., 0] > 0).save(tmp_path / "bits.png")
    assert torch.equal(read_mask(tmp_path / "bits.png", 16), mask)


def test_to_arrays_and_back() -> None:
    images = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    arrays = to_arrays(images)
    assert arrays[0].shape == (4, 5, 3) and arrays[0].dtype == np.uint8
    assert (to_tensor(arrays) - images).abs().max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(to_arrays(to_tensor(arrays))[1], arrays[1])
    assert to_arrays(torch.tensor([-1.0, 2.0, 0.5]).view(1, 3, 1, 1))[0].tolist() == [
        [[0, 255, 128]]
    ]
    with pytest.raises(ToffeeError, match="finite"):
        to_arrays(torch.full((1, 3, 2, 2), float("nan")))


def test_broken_images_are_one_line(tmp_path: Path) -> None:
    Image.fromarray(gradient(64, 64)).save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "torn.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("torn", "text", "empty"):
        with pytest.raises(
            ToffeeError, match=f"{name}.jpg: broken image .*expected a complete"
        ) as e:
            read_image(tmp_path / f"{name}.jpg")
        assert "\n" not in str(e.value)
    with pytest.raises(ToffeeError, match="none.jpg: no such file"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(ToffeeError, match="text.jpg: broken mask"):
        read_mask(tmp_path / "text.jpg")


def test_mask_of_another_size_is_one_line(tmp_path: Path) -> None:
    Image.new("L", (10, 12)).save(tmp_path / "mask.png")
    with pytest.raises(
        ToffeeError, match=r"mask.png: mask is 10 x 12 pixels, expected 20 x 12 as its image"
    ):
        read_mask(tmp_path / "mask.png", size=(20, 12))


def test_listing_is_sorted_and_empty_folders_are_one_line(tmp_path: Path) -> None:
    for name in ("10.jpg", "02.PNG", "notes.txt", ".hidden.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["02.PNG", "10.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ToffeeError, match="empty: empty folder, expected .jpg"):
        list_images(tmp_path / "empty")
    with pytest.raises(ToffeeError, match="none: no such folder"):
        list_images(tmp_path / "none")


def test_stack(tmp_path: Path) -> None:
    Image.new("RGB", (9, 7), "red").save(tmp_path / "a.png")
    assert stack_images([tmp_path / "a.png"] * 2, 8).shape == (2, 3, 8, 8)
    assert stack_images([], 8).shape == (0, 3, 8, 8)


def test_a_grown_mask_has_the_pixels_around_it_too():
    mask = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    mask[0, 0, 3, 0] = True
    expected = torch.zeros_like(mask)
    expected[0, 0, 2:5, 0:2] = True
    assert torch.equal(grown(mask), expected)
    assert torch.equal(grown(mask[:, 0]), expected[:, 0])
