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
from toffee.data.importers.words import file_names, folder_name
from toffee.data.loaders.classes import classes_of_sequences, read_classes
from toffee.data.loaders.images import to_arrays
from toffee.data.loaders.prompt_parts import noun_phrase
from toffee.models.folders import SegmenterModels
from toffee.models.segmenter import load_segmenter
from toffee.models.text_to_image import TextToImage
from toffee.runtime.seeds import noise, seed_of

POSTURES = (
    " standing, seen from the side",
    " sitting, seen from the front",
    " lying down",
    " walking, seen from the side",
    " seen from behind, looking back",
    " standing, seen from the front",
    " jumping",
    " seen from above",
)
"""How living things are drawn, in turns: they lend each other their poses."""


@dataclass(frozen=True)
class _Item:
    """The n-th subject of a class word."""

    word: str
    file: str
    number: int
    posture: str = ""

    @property
    def name(self) -> str:
        return f"{self.file}_{self.number:05d}"

    @property
    def prompt(self) -> str:
        # The words that base models know of pictures that show one object as it is, and whole.
        subject = f"{noun_phrase(self.word)}{self.posture}"
        return f"a photo of {subject}, centred, in full view, plain background"


def draw_subjects(
    *,
    classes: str | Path | None,
    multiview: str | Path | None,
    living: str | Path | None = None,
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
        classes: text file with a class word a line; lines that begin with # do not count. None:
            the class words of the sequences.
        multiview: multi-view folder whose class words are drawn; None: those of the list.
        living: list of class words of living things, drawn besides, in `POSTURES`; None: no list.
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
    words = read_classes(classes) if classes else classes_of_sequences(multiview or "")
    alive = read_classes(living) if living else []
    items = _items(words, alive, per_class)
    model = TextToImage(text_to_image)
    segment = load_segmenter(segmenters.segmenter, segmenters.detector).segment

    def draw(some: Sequence[_Item]) -> list[Made]:
        seeds = [seed_of(seed, "draw subjects", one.word, one.prompt, one.number) for one in some]
        start = noise(seeds, model.autoencoder.latent_shape(resolution))
        drawn = model.draw([one.prompt for one in some], start, sampling).cpu()
        masks = segment(drawn, [one.word for one in some]).cpu().numpy()
        arrays = to_arrays(drawn)
        return [_made(*one, licence) for one in zip(some, arrays, masks, strict=True)]

    settings = {
        "words": words,
        "living": alive,
        "per_class": per_class,
        "licence": licence,
        "resolution": resolution,
    }
    settings |= {"batch": batch, "seed": seed, "code": code, "sampling": asdict(sampling)}
    collect(
        out,
        items,
        draw,
        TABLES,
        limit=subjects,
        inputs=[text_to_image, *segmenters.paths()],
        settings=settings,
        what="subjects",
        batch=batch,
    )


def _items(words: Sequence[str], living: Sequence[str], per_class: int) -> list[_Item]:
    """The classes in turns, each under a file name of its own; a class of both lists is living."""
    every = list(dict.fromkeys([*words, *living]))
    files = file_names({word: folder_name(word) for word in every})
    return [
        _Item(word, files[word], n, POSTURES[n % len(POSTURES)] if word in living else "")
        for n in range(per_class)
        for word in every
    ]


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
