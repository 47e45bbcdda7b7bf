"""Draw the benchmark: all subjects under their prompts, with one method and generation seed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.dreambench import BenchmarkSubject, read_photo
from toffee.data.loaders.images import image_size, read_mask, to_arrays
from toffee.evaluation.benchmark import BenchmarkFiles, BenchmarkImage
from toffee.evaluation.image_set import write_benchmark_images
from toffee.evaluation.sequences import spread
from toffee.method.toffeenet import ToffeeNet
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder, batches
from toffee.models.folders import BenchmarkModels
from toffee.models.segmenter import Segmenter, load_segmenter
from toffee.models.text_to_image import TextToImage
from toffee.runtime.errors import ToffeeError
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise

BASE_METHODS = ("text_only", "initial")
"""Methods of the base model; every other one is a ToffeeNet."""

DrawImages = Callable[[Sequence[BenchmarkImage], torch.Tensor], torch.Tensor]
"""Images to draw, of one λ, and their noise [B,C,h,w] → pictures [B,3,H,W]."""


def generate_benchmark(
    *,
    method: str,
    draw: int,
    files: BenchmarkFiles,
    models: BenchmarkModels,
    out: str | Path,
    prompts: int | None,
    subject_scales: Sequence[float],
    drawing: Drawing,
    sampling: Sampling,
    seed: int,
    subject_guidance: float | None = None,
    reference_photos: int = 1,
) -> None:
    """Draw prompts of all benchmark subjects with one method.

    Methods: `text_only` (the base model, which never sees the subject), `initial` (the base model
    with the depth ControlNet, over the depth of the subject's kept photo), `wrong_subject`
    (ToffeeNet, conditioned on another subject of the class, or on the next subject where the class
    has no other); any other name is a ToffeeNet, conditioned on the subject's kept photo. All start
    from the same noise.

    Args:
        draw: the generation seed, from 0; further ones change none of the pictures before.
        models: those of the method (see `BenchmarkModels`).
        out: file to write, see `write_benchmark_images`.
        prompts: how many prompts of each subject, spread over its list; None for all.
        subject_scales: values of λ; each draws every prompt, from the same noise.
        seed: seed of the evaluation's draws.
        subject_guidance: see `ToffeeNet.draw`; the base model sees no subject.
        reference_photos: photos of each subject that a ToffeeNet is shown, the kept one first.
    """
    benchmark, kept = files.load()
    subjects = benchmark.subjects
    conditioned_on = {one.subject: one.subject for one in subjects}
    if method == "wrong_subject":
        conditioned_on = {one.subject: _another(at, subjects) for at, one in enumerate(subjects)}
    images = [
        BenchmarkImage(subject, place, draw, scale)
        for scale in subject_scales
        for subject in subjects
        for place in spread(len(subject.prompts), prompts)
    ]
    if method in BASE_METHODS:
        draw_images, autoencoder = _base_method(models, subjects, kept, drawing, sampling)
    else:
        draw_images, autoencoder = _toffeenet_method(
            models,
            subjects,
            [_shown(one, kept[one.subject], reference_photos) for one in subjects],
            conditioned_on,
            drawing,
            sampling,
            subject_guidance,
        )
    shape = autoencoder.latent_shape(drawing.resolution)
    # All images of a batch have one λ.
    each = len(images) // len(subject_scales)
    spans = [
        slice(first + part.start, first + part.stop)
        for first in range(0, len(images), each)
        for part in batches(each, drawing.batch)
    ]
    arrays: list[np.ndarray] = []
    for span in progress(spans, desc=f"benchmark {method} {draw}", unit="batch"):
        some = images[span]
        arrays += to_arrays(draw_images(some, noise([one.seed(seed) for one in some], shape)))
    if method == "text_only":
        conditioned_on = dict.fromkeys(conditioned_on, "")
    scales = len(subject_scales) > 1
    write_benchmark_images(out, method, images, arrays, conditioned_on, drawing.quality, scales)


def _another(place: int, subjects: list[BenchmarkSubject]) -> str:
    """The next subject of the same class, else the next subject."""
    following = subjects[place + 1 :] + subjects[:place]
    same = [one for one in following if one.class_word == subjects[place].class_word]
    return (same or following)[0].subject


def _base_method(
    models: BenchmarkModels,
    subjects: list[BenchmarkSubject],
    kept: Mapping[str, int],
    drawing: Drawing,
    sampling: Sampling,
) -> tuple[DrawImages, Autoencoder]:
    """The base model, over the depth of each subject's kept photo if there is a depth estimator."""
    model = TextToImage(models.text_to_image, models.controlnet_depth)
    depths: dict[str, torch.Tensor] = {}
    if models.depth_estimator:
        photos = _kept_pictures(subjects, kept, drawing.resolution)
        rows = DepthEstimator(models.depth_estimator)(photos)
        depths = {one.subject: depth for one, depth in zip(subjects, rows, strict=True)}

    def draw_images(images: Sequence[BenchmarkImage], start: torch.Tensor) -> torch.Tensor:
        depth = torch.stack([depths[i.subject.subject] for i in images]) if depths else None
        return model.draw([one.prompt.text for one in images], start, sampling, depth)

    return draw_images, model.autoencoder


def _shown(subject: BenchmarkSubject, kept: int, count: int) -> list[int]:
    """Places of the photos that are shown of a subject: the kept one, the next ones, and from the
    first on again where there are no more."""
    return [(kept + step) % len(subject.photos) for step in range(count)]


def _toffeenet_method(
    models: BenchmarkModels,
    subjects: list[BenchmarkSubject],
    shown: Sequence[Sequence[int]],
    conditioned_on: Mapping[str, str],
    drawing: Drawing,
    sampling: Sampling,
    subject_guidance: float | None,
) -> tuple[DrawImages, Autoencoder]:
    """ToffeeNet, conditioned on the photos of the subject that `conditioned_on` names.

    shown: for each subject, places of its photos: tokens of all, side by side; the canvas has room
        for the first.
    """
    if not (models.toffeenet and models.subject_encoder and models.segmenter):
        raise ToffeeError("generate_benchmark: expected ToffeeNet, subject encoder and segmenter")
    model = ToffeeNet(models.toffeenet, models.text_to_image, models.subject_encoder)
    segmenter = load_segmenter(models.segmenter, models.detector)
    sets = [
        _photos(subjects, places, segmenter, drawing.resolution)
        for places in zip(*shown, strict=True)
    ]
    tokens = torch.cat([model.tokens(*photos) for photos in sets], 1)
    references = model.reference(*sets[0])
    places = {one.subject: place for place, one in enumerate(subjects)}

    def draw_images(images: Sequence[BenchmarkImage], start: torch.Tensor) -> torch.Tensor:
        seen = [places[conditioned_on[one.subject.subject]] for one in images]
        texts = [one.prompt.text for one in images]
        return model.draw(
            texts,
            tokens[seen],
            start,
            sampling,
            images[0].scale,
            subject_guidance=subject_guidance,
            reference=None if references is None else references[seen],
        )

    return draw_images, model.autoencoder


def _photos(
    subjects: list[BenchmarkSubject], places: Sequence[int], segmenter: Segmenter, resolution: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """One photo of each subject [S,3,H,W] and the subject in it [S,H,W]: its mask, or found."""
    each = list(zip(subjects, places, strict=True))
    photos = torch.stack([read_photo(one.photos[at], resolution) for one, at in each])
    masks = segmenter.segment(photos, [one.class_word for one in subjects])
    for row, (one, at) in enumerate(each):
        if one.masks:
            size = image_size(one.photos[at])
            masks[row] = read_mask(one.masks[at], resolution, size=size)
    return photos, masks


def _kept_pictures(
    subjects: list[BenchmarkSubject], kept: Mapping[str, int], resolution: int
) -> torch.Tensor:
    """Each subject's kept photo [S,3,H,W]."""
    return torch.stack([read_photo(s.photos[kept[s.subject]], resolution) for s in subjects])
