"""Training subjects that the base text-to-image model draws from a list of class words."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from toffee.config.settings import Sampling
from toffee.data.faults import SetAside
from toffee.data.importers.collect import Made, collect
from toffee.data.importers.pictures import square
from toffee.data.importers.subjects import TABLES
from toffee.data.importers.words import LONGEST_WORD, class_word, file_names, folder_name
from toffee.data.loaders.images import to_arrays
from toffee.data.loaders.prompt_parts import noun_phrase
from toffee.data.texts import read_text
from toffee.models.folders import SegmenterModels
from toffee.models.segmenter import load_segmenter
from toffee.models.text_to_image import TextToImage
from toffee.runtime.errors import ToffeeError
from toffee.runtime.seeds import noise, seed_of


@dataclass(frozen=True)
class _Item:
    """The n-th subject of a class word."""

    word: str
    file: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.file}_{self.number:05d}"

    @property
    def prompt(self) -> str:
        # The words that base models know of pictures that show one object as it is, and whole.
        return f"a photo of {noun_phrase(self.word)}, centred, in full view, plain background"


def draw_subjects(
    *,
    classes: str | Path,
    text_to_image: str | Path,
    segmenters: SegmenterModels,
    out: str | Path,
    per_class: int,
    subjects: int | None,
    licence: str,
    resolution: int,
    sampling: Sampling,
    batch: int,
    seed: int,
    code: str = "",
) -> None:
    """Draw `per_class` subjects of each class word into an image folder with masks.

    The classes take turns. A picture without its class is set aside, and no other one is drawn.

    Args:
        classes: text file with a class word a line; lines that begin with # do not count.
        text_to_image, segmenters: folders of the models.
        out: folder to write, laid out as `toffee.data.importers.subjects.import_subjects` does.
        per_class: subjects of a class word.
        subjects: usable subjects at most; None: all.
        licence: what the pictures are under.
        resolution: side of the pictures in pixels.
        sampling: how they are drawn.
        batch: pictures drawn at once.
        seed: the run's seed.
        code: digest of the code, so that no folder is finished by another one.

    Raises:
        ToffeeError: the list of classes is malformed, or no picture is usable.
    """
    items = _items(read_classes(classes), per_class)
    model = TextToImage(text_to_image)
    segment = load_segmenter(segmenters.segmenter, segmenters.detector).segment

    def draw(some: Sequence[_Item]) -> list[Made]:
        seeds = [seed_of(seed, "draw subjects", one.word, one.prompt, one.number) for one in some]
        start = noise(seeds, model.autoencoder.latent_shape(resolution))
        drawn = model.draw([one.prompt for one in some], start, sampling).cpu()
        masks = segment(drawn, [one.word for one in some]).cpu().numpy()
        arrays = to_arrays(drawn)
        return [_made(*one, licence) for one in zip(some, arrays, masks, strict=True)]

    settings = {"per_class": per_class, "licence": licence, "resolution": resolution}
    settings |= {"batch": batch, "seed": seed, "code": code, "sampling": asdict(sampling)}
    collect(
        out,
        items,
        draw,
        TABLES,
        limit=subjects,
        inputs=[classes, text_to_image, *segmenters.paths()],
        settings=settings,
        what="subjects",
        batch=batch,
    )


def _items(words: Sequence[str], per_class: int) -> list[_Item]:
    """The classes in turns, each under a file name of its own."""
    files = file_names({word: folder_name(word) for word in words})
    return [_Item(word, files[word], number) for number in range(per_class) for word in words]


def read_classes(path: str | Path) -> list[str]:
    """The class words of a list, in its order.

    Raises:
        ToffeeError: the file is missing or empty, or names a class word twice.
    """
    words: list[str] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        given = line.partition("#")[0]
        word = class_word(given)
        if given.strip() and not word:
            expected = f"a class word with letters, of at most {LONGEST_WORD} bytes"
            where = f"{path}, line {number}: {given.strip()[:100]!r}"
            raise ToffeeError(f"{where}, expected {expected}")
        if word in words:
            raise ToffeeError(f"{path}, line {number}: {word} stands there twice, expected once")
        words += [word] if word else []
    if not words:
        raise ToffeeError(f"{path}: no class word, expected one a line")
    return words


def _made(item: _Item, pixels: np.ndarray, mask: np.ndarray, licence: str) -> Made:
    picture = Image.fromarray(pixels)
    try:
        image, plane = square(picture, mask, picture.width, f"images/{item.name}.jpg")
    except SetAside as aside:
        return Made(faults=[aside.fault])
    row = {
        "file_name": f"images/{item.name}.jpg",
        "subject": item.name,
        "class_word": item.word,
        "caption": noun_phrase(item.word),
        "licence": licence,
        "source": item.prompt,
        "sha256": hashlib.sha256(image).hexdigest(),
    }
    assert plane is not None  # a mask was given
    files = {f"images/{item.name}.jpg": image, f"masks/{item.name}.png": plane}
    return Made(files, row)
