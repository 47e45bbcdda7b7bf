"""Draw the benchmark (DreamBench's layout): subjects under prompts, with one generation seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from toffee.config.settings import Sampling
from toffee.data.loaders.dreambench import BenchmarkSubject, Prompt, load_benchmark
from toffee.data.loaders.images import image_size, read_image, read_mask, to_arrays
from toffee.data.loaders.references import kept_photos
from toffee.evaluation.image_set import write_image_set
from toffee.evaluation.names import scale_name
from toffee.method.toffeenet import ToffeeNet
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.segmenter import Segmenter, load_segmenter
from toffee.models.text_to_image import TextToImage
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of

CONTEXTS = 20  # of a subject's 25 prompts; the rest change a property
BASE_METHODS = ("text_only", "initial")
"""Methods of the base model; every other one is a ToffeeNet."""


def generate_benchmark(
    *,
    method: str,
    benchmark: str | Path,
    references: str | Path,
    text_to_image: str | Path,
    controlnet_depth: str | Path | None,
    depth_estimator: str | Path | None,
    toffeenet: str | Path | None,
    subject_encoder: str | Path | None,
    segmenter: str | Path | None,
    detector: str | Path | None = None,
    out: str | Path,
    resolution: int,
    prompts: int | None,
    attempt: int,
    subject_scales: Sequence[float],
    sampler_steps: int,
    guidance: float,
    control_scale: float,
    batch: int,
    quality: int,
    seed: int,
) -> None:
    """Draw prompts of all benchmark subjects with one method.

    Methods: `text_only` (the base model, which never sees the subject), `initial` (the base model
    with the depth ControlNet, over the depth of the subject's kept photo), `wrong_subject`
    (ToffeeNet, conditioned on another subject of the class, or on the next subject where the class
    has no other); any other name is a ToffeeNet, conditioned on the subject's kept photo. All start
    from the same noise.

    Writes one row a picture: columns subject, class_word, prompt (without the unique token),
    prompt_kind (context or property), method, conditioned_on (a subject, or ""), setting (λ, where
    there are several), seed (the generation seed); image `image`.

    Args:
        references: which photo of each subject is kept (see `toffee.data.loaders.references`).
        prompts: how many prompts of each subject, spread over its list; None for all.
        attempt: the generation seed, from 0; further ones change none of the pictures before.
        subject_scales: values of λ; each draws every prompt, from the same noise.
        seed: seed of the evaluation's draws.
    """
    loaded = load_benchmark(benchmark)
    kept = kept_photos(references, loaded)
    subjects = loaded.subjects
    shown = {s.subject: s.subject for s in subjects}
    if method == "wrong_subject":
        shown = {s.subject: _another(place, subjects) for place, s in enumerate(subjects)}
    rows = [
        Draw(subject, place, attempt, scale)
        for scale in subject_scales
        for subject in subjects
        for place in spread(len(subject.prompts), prompts)
    ]
    texts = [row.prompt.text for row in rows]
    seeds = [row.seed(seed) for row in rows]
    sampling = Sampling(sampler_steps, guidance, control_scale)
    if method in BASE_METHODS:
        base = TextToImage(text_to_image, controlnet_depth if method == "initial" else None)
        depths = {}
        if method == "initial":
            depths = _depths(subjects, kept, resolution, DepthEstimator(depth_estimator))

        def draw(span: slice, start: torch.Tensor) -> torch.Tensor:
            depth = None
            if depths:
                depth = torch.stack([depths[row.subject.subject] for row in rows[span]])
            return base.draw(texts[span], start, sampling, depth)

        shape = base.autoencoder.latent_shape(resolution)
    else:
        model = ToffeeNet(toffeenet, text_to_image, subject_encoder)
        tokens = _subject_tokens(
            subjects, kept, resolution, model, load_segmenter(segmenter, detector)
        )

        def draw(span: slice, start: torch.Tensor) -> torch.Tensor:
            condition = torch.stack([tokens[shown[row.subject.subject]] for row in rows[span]])
            scale = rows[span][0].scale
            return model.draw(texts[span], condition, start, sampling, scale)

        shape = model.autoencoder.latent_shape(resolution)
    # a batch has one λ
    each = len(rows) // len(subject_scales)
    spans = [
        slice(first + part.start, first + part.stop)
        for first in range(0, len(rows), each)
        for part in batches(each, batch)
    ]
    arrays = []
    for span in progress(spans, desc=f"benchmark {method} {attempt}", unit="batch"):
        arrays += to_arrays(draw(span, noise(seeds[span], shape)))
    if method == "text_only":
        shown = dict.fromkeys(shown, "")
    write_draws(out, method, rows, arrays, shown, quality, scales=len(subject_scales) > 1)


@dataclass(frozen=True)
class Draw:
    """One image of the benchmark: a subject, the place of a prompt in its list, a generation seed
    and a value of λ."""

    subject: BenchmarkSubject
    place: int
    attempt: int
    scale: float = 1.0

    @property
    def prompt(self) -> Prompt:
        """Its prompt."""
        return self.subject.prompts[self.place]

    def seed(self, run: int) -> int:
        """Seed of its noise: the same for every method and every λ."""
        return seed_of(run, "benchmark", self.subject.subject, self.prompt.text, self.attempt)


def write_draws(
    out: str | Path,
    method: str,
    rows: Sequence[Draw],
    arrays: Sequence[np.ndarray],
    shown: Mapping[str, str],
    quality: int,
    scales: bool = False,
) -> None:
    """Write images of the benchmark, one row each.

    Columns: subject, class_word, prompt (without the unique token), prompt_kind, method,
    conditioned_on (the subject that the model was shown, from `shown`), setting (λ, with `scales`),
    seed; image `image`.
    """
    write_image_set(
        out,
        columns={
            "subject": [row.subject.subject for row in rows],
            "class_word": [row.subject.class_word for row in rows],
            "prompt": [row.prompt.text for row in rows],
            "prompt_kind": ["context" if row.place < CONTEXTS else "property" for row in rows],
            "method": [method] * len(rows),
            "conditioned_on": [shown[row.subject.subject] for row in rows],
            "setting": [scale_name(row.scale) if scales else "" for row in rows],
            "seed": [str(row.attempt) for row in rows],
        },
        images={"image": list(arrays)},
        quality=quality,
    )


def spread(total: int, count: int | None) -> list[int]:
    """`count` places of a list of `total`, from its first to its last; all of them for None."""
    if count is None or count >= total:
        return list(range(total))
    return [int(place) for place in np.linspace(0, total - 1, count).round()]


def _another(place: int, subjects: list[BenchmarkSubject]) -> str:
    """The next subject of the same class, else the next subject."""
    turned = subjects[place + 1 :] + subjects[:place]
    same = [s for s in turned if s.class_word == subjects[place].class_word]
    return (same or turned)[0].subject


def _depths(
    subjects: list[BenchmarkSubject],
    kept: dict[str, int],
    resolution: int,
    estimate: DepthEstimator,
) -> dict[str, torch.Tensor]:
    """Normalised depth [H,W] of each subject's kept photo."""
    photos = [read_image(s.photos[kept[s.subject]], resolution) for s in subjects]
    depths = estimate(torch.stack(photos))
    return {subject.subject: depth for subject, depth in zip(subjects, depths, strict=True)}


def _subject_tokens(
    subjects: list[BenchmarkSubject],
    kept: dict[str, int],
    resolution: int,
    model: ToffeeNet,
    segment: Segmenter,
) -> dict[str, torch.Tensor]:
    """Patch tokens [N,d] of each subject's kept photo."""
    photos = torch.stack([read_image(s.photos[kept[s.subject]], resolution) for s in subjects])
    masks = segment.segment(photos, [s.class_word for s in subjects])
    for place, subject in enumerate(subjects):
        if subject.masks:
            at = kept[subject.subject]
            size = image_size(subject.photos[at])
            masks[place] = read_mask(subject.masks[at], resolution, size=size)
    tokens = model.tokens(photos, masks)
    return {subject.subject: row for subject, row in zip(subjects, tokens, strict=True)}
