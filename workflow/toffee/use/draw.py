"""Draw a subject, or edit a picture: the functions behind `toffee draw` and `toffee edit`.

They are called as the function of a rule is: with paths and values, which the record of the command
has, so that `toffee audit --tier replay` can call them again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from toffee.runtime.errors import ToffeeError
from toffee.use.artist import Artist, ModelCard, Sampling, save
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
    together: bool = False,
    by_base: Sequence[str] = (),
    base: str | None = None,
    segmenter: str | None = None,
    detector: str | None = None,
) -> None:
    """Draw each prompt with each seed from each photo, or from all of them together.

    Args:
        photos: of one subject.
        masks: of the photos, white where the subject is; none: the segmenter makes them.
        pipeline: folder of the exported pipeline.
        out: pictures to write: by prompt, then seed, then photo where they are not together.
        alone: the same without a photo, by prompt, then seed; empty where they are not wanted.
        found, shown: for each photo, its mask and a picture that shows it; empty where the model
            wants no masks.
        prompts, seeds: texts; where the noise is drawn from.
        word: what the segmenter looks for; "" takes it from the prompts.
        together: whether a picture is drawn from all photos, the best first.
        by_base: pictures of the base model, by prompt, then seed; none where they are not wanted.
        base: folder of the base model.
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
                save(path, as_picture(area) if paths is found else _shown(picture, area))
    subjects = [_squared(*one) for one in zip(pictures, areas, strict=True)]
    given: list[dict[str, Any]] = [{"subject": one, "subject_mask": m} for one, m in subjects]
    if together and len(subjects) > 1:
        views, planes = zip(*subjects, strict=True)
        given = [{"subject": [list(views)], "subject_mask": [list(planes)] if found else None}]
    artist = Artist(pipeline, sampling, card, prompts)
    places, others, bases = iter(out), iter(alone), iter(by_base)
    artist.expect(len(out) + len(alone))
    for prompt in prompts:
        for seed in seeds:
            for one in given:
                artist.draw(next(places), prompt, seed, **one)
            if alone:
                artist.draw(next(others), prompt, seed)
            if by_base and base:
                artist.draw_base(next(bases), base, prompt, seed)


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
        save(mask_path, as_picture(where))
        save(shown_path, _shown(one, where))
    artist = Artist(pipeline, sampling, card, prompts, editing=True)
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


_shown = shown  # the functions above have an argument of this name


def _squared(
    picture: Image.Image, area: NDArray[np.bool_] | None
) -> tuple[Image.Image, Image.Image | None]:
    """What the model is shown of a photo: a square around the subject, and its mask."""
    if area is None:
        return picture, None
    box = square_around(area)
    return picture.crop(box), as_picture(area).crop(box)
