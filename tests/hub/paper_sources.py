"""What `config/paper.yaml` reads besides models: small copies of MVImgNet and DreamBench."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

PROMPTS = Path(__file__).parents[2] / "config" / "prompts"
FRAMES, SIZE = 4, (96, 72)  # of a video; width, height
PHOTO = 48  # side of a photo of DreamBench
SIX = ("backpack", "berry_bowl", "can", "clock", "dog2", "dog3", "fancy_boot")
SIX += ("pink_sunglasses", "shiny_sneaker", "vase")
PHOTOS = dict.fromkeys(SIX, 6) | {"duck_toy": 4, "red_cartoon": 4}
"""Photos that DreamBench has of a subject; 5 of any other."""


def class_words(count: int) -> list[str]:
    """The first class words that subjects of the paper's scale are drawn of."""
    lines = (PROMPTS / "classes.txt").read_text(encoding="utf-8").splitlines()
    words = [line.partition("#")[0].strip() for line in lines]
    return [word for word in words if word][:count]


def write_mvimgnet(root: Path, words: list[str], videos: int) -> None:
    """The release's zip files: videos of each class word, one frame of them torn, and their masks.

    Args:
        root: where they go, with mvimgnet_category.txt.
        words: the class words.
        videos: of each.
    """
    root.mkdir(parents=True)
    (root / "mvimgnet_category.txt").write_text("".join(f"{n},{w}\n" for n, w in enumerate(words)))
    with (
        zipfile.ZipFile(root / "mvi_00.zip", "w") as images,
        zipfile.ZipFile(root / "mask.zip", "w") as masks,
    ):
        for number in range(len(words) * videos):
            folder = f"{number % len(words)}/{number:08x}"
            for frame in range(FRAMES):
                picture, mask = _view(number, frame)
                name = f"{folder}/images/{frame + 1:03d}.jpg"
                data = _encoded(picture, "JPEG")
                images.writestr(name, data[:200] if (number, frame) == (0, 0) else data)
                masks.writestr(f"mask/{folder}/{frame + 1:03d}.jpg.png", _encoded(mask, "PNG"))


def write_dreambench(root: Path, every: int) -> None:
    """A repository with DreamBench's own subjects and numbers of photos, and with each `every`th of
    its prompts; the photos are a coloured box each, a colour a subject."""
    data = root / "dataset"
    data.mkdir(parents=True)
    text = (PROMPTS / "dreambench.txt").read_text(encoding="utf-8")
    prompts = re.compile(r"(?<=prompt_list = \[\n).*?(?=\n\])", re.S)
    fewer = prompts.sub(lambda found: "\n".join(found[0].splitlines()[::every]), text)
    (data / "prompts_and_classes.txt").write_text(fewer, encoding="utf-8")
    listed = text.partition("subject_name,class\n")[2].partition("\n\n")[0]
    subjects = [line.partition(",")[0] for line in listed.splitlines()]
    credits = ["DreamBooth Dataset - References and Licenses", "", "Owners: ", "Somebody", ""]
    for place, name in enumerate(subjects):
        (data / name).mkdir()
        for photo in range(PHOTOS.get(name, 5)):
            picture, _ = _view(1000 + place, photo, (PHOTO, PHOTO))
            (data / name / f"{photo:02d}.jpg").write_bytes(_encoded(picture, "JPEG"))
        credits += [f"{name}: Photos taken by Somebody", ""]
    (data / "references_and_licenses.txt").write_text("\n".join([*credits, "Licenses", ""]))
    (root / "LICENSE").write_text("Creative Commons Attribution 4.0\n")


def _view(subject: int, view: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A picture, uint8 [H,W,3], of a box on a smooth ground, and the box's mask, uint8 [H,W]."""
    random = np.random.default_rng(subject)
    ground, colour = random.integers(0, 256, (2, 3, 4, 3), dtype=np.uint8)
    width, height = size
    picture = np.array(Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC))
    box = (slice(height // 4, height * 3 // 4), slice(width // 4 + view, width * 3 // 4 + view))
    mask = np.zeros((height, width), np.uint8)
    mask[box] = 255
    picture[box] = colour[0, 0]
    return picture, mask


def _encoded(pixels: np.ndarray, format: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format=format, quality=95)
    return out.getvalue()
