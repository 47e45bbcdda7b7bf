"""Draw a subject, or edit a picture: the functions behind `toffee draw` and `toffee edit`.

They are called as the function of a rule is: with paths and values, which the record of the command
has, so that `toffee audit --tier replay` can call them again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from toffee import __version__
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.use.model import load_pipeline, said_by, warnings_of
from toffee.use.subject import (
    as_picture,
    class_word,
    find_subject,
    read_own_mask,
    read_photo,
    segmenter_of,
    shown,
    square_around,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

MADE = "Made by a model (ToffeeNet, a reproduction of arXiv 2406.09305) from a text{photo}."

WATCH: list[Callable[[int, int], None]] = []
"""Called with the denoising steps that are done and all of them (see `toffee.app`)."""


@dataclass(frozen=True)
class Sampling:
    """How a picture is drawn.

    Attributes:
        subject_scale: the paper's λ; None is what the pipeline was exported with, as below.
        steps: denoising steps.
        guidance: weight of text and subject; of the text alone where they are guided apart.
        subject_guidance: weight of the subject, apart from the text's.
        device: of torch.
        dtype: precision of the model.
    """

    subject_scale: float | None = None
    steps: int | None = None
    guidance: float | None = None
    subject_guidance: float | None = None
    device: str = "cpu"
    dtype: str = "float32"


@dataclass(frozen=True)
class ModelCard:
    """What a picture says of the model that drew it: name, SHA-256 of its folder, licence."""

    name: str
    sha256: str
    licence: str


def draw_pictures(
    *,
    photos: list[str],
    masks: list[str],
    pipeline: str,
    out: list[str],
    alone: list[str],
    found: list[str],
    shown: list[str],
    prompts: list[str],
    seeds: list[int],
    word: str,
    sampling: Sampling,
    card: ModelCard,
    segmenter: str | None = None,
    detector: str | None = None,
) -> None:
    """Draw each prompt with each seed from each photo.

    Args:
        photos: of one subject.
        masks: of the photos, white where the subject is; none: the segmenter makes them.
        pipeline: folder of the exported pipeline.
        out: pictures to write: by prompt, then seed, then photo.
        alone: the same without a photo, by prompt, then seed; empty where they are not wanted.
        found, shown: for each photo, its mask and a picture that shows it; empty where the model
            wants no masks.
        prompts, seeds: texts; where the noise is drawn from.
        word: what the segmenter looks for; "" takes it from the prompts.
        segmenter, detector: folders of the models that find the subject.

    Raises:
        ToffeeError: a photo, a mask or a model cannot be used.
    """
    pictures = [read_photo(Path(path)) for path in photos]
    areas: list[NDArray[np.bool_] | None] = [None] * len(pictures)
    if found:
        finder = _Finder(segmenter, detector, word, prompts)
        areas = list(finder.masks(pictures, photos, masks))
        for paths in (found, shown):
            for path, picture, area in zip(paths, pictures, areas, strict=True):
                assert area is not None
                _save(path, as_picture(area) if paths is found else _shown(picture, area))
    subjects = [_squared(*one) for one in zip(pictures, areas, strict=True)]
    artist = _Artist(pipeline, sampling, card, prompts)
    places, others = iter(out), iter(alone)
    artist.expect(len(out) + len(alone))
    for prompt in prompts:
        for seed in seeds:
            for photo, mask in subjects:
                artist.draw(next(places), prompt, seed, subject=photo, subject_mask=mask)
            if alone:
                artist.draw(next(others), prompt, seed)


def edit_picture(
    *,
    picture: str,
    masks: list[str],
    photos: list[str],
    photo_masks: list[str],
    pipeline: str,
    out: list[str],
    found: list[str],
    shown: list[str],
    prompts: list[str],
    seeds: list[int],
    word: str,
    background: bool,
    sampling: Sampling,
    card: ModelCard,
    segmenter: str | None = None,
    detector: str | None = None,
) -> None:
    """Edit a picture with each prompt and seed; outside of the mask it stays as it is.

    Args:
        picture: to edit.
        masks: of what may change, one or none: the segmenter finds the object that `word` names.
        photos, photo_masks: of the subject that is to be in the picture, one or none. Without a
            photo, the object that was found in the picture is the subject; with a mask and without
            a photo there is none.
        found, shown: the masks of picture and photo, and pictures that show them.
        background: whether all but the object changes.
        The rest as in `draw_pictures`.

    Raises:
        ToffeeError: a picture, a mask or a model cannot be used.
    """
    original = read_photo(Path(picture))
    finder = _Finder(segmenter, detector, word, prompts)
    area = next(finder.masks([original], [picture], masks))
    change = ~area if background else area
    if not change.any():
        raise ToffeeError(f"{picture}: nothing may change, the object fills the picture")
    subject: dict[str, Any] = {}
    views = [(original, change)]
    if photos:
        photo = read_photo(Path(photos[0]))
        views.append((photo, next(finder.masks([photo], photos, photo_masks))))
        subject = dict(zip(("subject", "subject_mask"), _squared(*views[1]), strict=True))
    elif not masks or background:
        subject = dict(zip(("subject", "subject_mask"), _squared(original, area), strict=True))
    for mask_path, shown_path, (one, where) in zip(found, shown, views, strict=True):
        _save(mask_path, as_picture(where))
        _save(shown_path, _shown(one, where))
    artist = _Artist(pipeline, sampling, card, prompts)
    places = iter(out)
    artist.expect(len(out))
    for prompt in prompts:
        for seed in seeds:
            artist.draw(
                next(places), prompt, seed, image=original, mask=as_picture(change), **subject
            )


class _Finder:
    """Masks of pictures: the user's, else the segmenter's, which is only loaded then."""

    def __init__(
        self, folder: str | None, detector: str | None, word: str, prompts: Iterable[str]
    ) -> None:
        self.folder, self.detector, self.word, self.prompts = folder, detector, word, prompts

    def masks(
        self, pictures: Sequence[Image.Image], names: Sequence[str], own: Sequence[str]
    ) -> Iterator[NDArray[np.bool_]]:
        """The mask [H,W] of each picture."""
        if own:
            yield from (read_own_mask(Path(p), one) for p, one in zip(own, pictures, strict=True))
            return
        if self.folder is None:
            raise ToffeeError(f"{names[0]}: there is no segmenter, give --mask or --segmenter")
        finder = segmenter_of(self.folder, self.detector)
        word = class_word(finder, self.word, self.prompts)
        for picture, name in zip(pictures, names, strict=True):
            mask = find_subject(finder, picture, word, name)
            share = f"{mask.mean():.0%} of the picture"
            print(f"{Path(name).name}: {word} found, {share}", file=sys.stderr)
            yield mask


class _Artist:
    """A pipeline that writes its pictures, with what they were drawn from in their metadata."""

    def __init__(
        self, folder: str, sampling: Sampling, card: ModelCard, prompts: Iterable[str]
    ) -> None:
        self.pipe = load_pipeline(folder, sampling.device, sampling.dtype)
        config = self.pipe.config
        self.card = card
        given = {
            "subject_scale": sampling.subject_scale,
            "num_inference_steps": sampling.steps,
            "guidance_scale": sampling.guidance,
            "subject_guidance_scale": sampling.subject_guidance,
        }
        self.values: dict[str, Any] = {
            key: config[key] if one is None else one for key, one in given.items()
        }
        self.done, self.all = 0, 0
        for line in warnings_of(self.pipe.tokenizer, prompts):
            _warn(line)

    def expect(self, pictures: int) -> None:
        """Say how many pictures there will be, for the progress."""
        self.all = pictures * self.values["num_inference_steps"]
        self.pipe.set_progress_bar_config(disable=bool(WATCH) or not sys.stderr.isatty())

    def draw(self, path: str, prompt: str, seed: int, **given: Any) -> None:
        """Draw and write one picture.

        Raises:
            ToffeeError: the pipeline refuses what it is given.
        """
        watched = self._watched if WATCH else type(self.pipe).progress_bar.__get__(self.pipe)
        self.pipe.progress_bar = watched
        try:
            with said_by(self.pipe, _warn):
                picture = self.pipe(prompt, seed=seed, **self.values, **given).images[0]
        except ValueError as error:
            raise ToffeeError(str(error)) from error
        finally:
            del self.pipe.progress_bar
        text = PngInfo()
        for key, value in self._said(prompt, seed, "subject" in given).items():
            text.add_text(key, value)
        _save(path, picture, text)

    def _watched(self, iterable: Iterable[Any]) -> Iterator[Any]:
        for item in iterable:
            yield item
            self.done += 1
            for call in WATCH:
                call(self.done, self.all)

    def _said(self, prompt: str, seed: int, photo: bool) -> dict[str, str]:
        """The metadata of a picture. Nothing that changes from run to run: bytes stay equal."""
        return {
            "Software": f"toffee {__version__}",
            "Comment": MADE.format(photo=" and a photo of the subject" if photo else ""),
            "prompt": prompt,
            "seed": str(seed),
            **{key: f"{value:g}" for key, value in self.values.items() if value is not None},
            "model": f"{self.card.name} sha256:{self.card.sha256}",
            "licence": self.card.licence,
        }


_shown = shown  # the functions above have an argument of this name


def _squared(
    picture: Image.Image, area: NDArray[np.bool_] | None
) -> tuple[Image.Image, Image.Image | None]:
    """What the model is shown of a photo: a square around the subject, and its mask."""
    if area is None:
        return picture, None
    box = square_around(area)
    return picture.crop(box), as_picture(area).crop(box)


def _save(path: str, picture: Image.Image, text: PngInfo | None = None) -> None:
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG", pnginfo=text)


def _warn(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr)
