"""Draw the benchmark (DreamBench's layout): every subject under every prompt."""

from pathlib import Path

import torch

from toffee.data.dreambench import load_benchmark
from toffee.data.images import image_size, read_image, read_mask, to_arrays
from toffee.diffusion import batches
from toffee.errors import ToffeeError
from toffee.evaluation.image_set import write_image_set
from toffee.models.segmenter import Segmenter
from toffee.models.text_to_image import TextToImage
from toffee.progress import progress
from toffee.seeds import noise, seed_of
from toffee.toffeenet import ToffeeNet

METHODS = ("text_only", "toffeenet", "wrong_subject")
CONTEXTS = 20  # of a subject's 25 prompts; the rest change a property


def generate_benchmark(
    *,
    method: str,
    benchmark: str | Path,
    text_to_image: str | Path,
    toffeenet: str | Path | None,
    subject_encoder: str | Path,
    segmenter: str | Path,
    out: str | Path,
    resolution: int,
    images_per_prompt: int,
    subject_scale: float,
    sampler_steps: int,
    guidance: float,
    batch: int,
    quality: int,
    seed: int,
) -> None:
    """Draw all prompts of all benchmark subjects with one method.

    Methods: `text_only` (the base model, which never sees the subject), `toffeenet` (conditioned on
    the subject's first photo), `wrong_subject` (ToffeeNet, conditioned on another subject of the
    class, or on the next subject where the class has no other). All start from the same noise.

    Writes one row a picture: columns subject, class_word, prompt (without the unique token),
    prompt_kind (context or property), method, conditioned_on (a subject, or ""); image `image`.

    Raises:
        ToffeeError: the method is unknown.
    """
    if method not in METHODS:
        raise ToffeeError(f"unknown method {method!r}, expected one of {', '.join(METHODS)}")
    subjects = load_benchmark(benchmark).subjects
    shown = {s.subject: s.subject for s in subjects}
    if method == "wrong_subject":
        shown = {s.subject: _another(place, subjects) for place, s in enumerate(subjects)}
    rows = [
        (subject, prompt, attempt)
        for subject in subjects
        for prompt in range(len(subject.prompts))
        for attempt in range(images_per_prompt)
    ]
    texts = [subject.prompts[prompt].text for subject, prompt, _ in rows]
    seeds = [
        seed_of(seed, "benchmark", subject.subject, subject.prompts[prompt].text, attempt)
        for subject, prompt, attempt in rows
    ]
    if method == "text_only":
        base = TextToImage(text_to_image)

        def draw(span: slice, start: torch.Tensor) -> torch.Tensor:
            return base.draw(texts[span], start, sampler_steps, guidance)

        shape = base.latent_shape(resolution)
    else:
        model = ToffeeNet(toffeenet, text_to_image, subject_encoder)
        tokens = _subject_tokens(subjects, resolution, model, Segmenter(segmenter))

        def draw(span: slice, start: torch.Tensor) -> torch.Tensor:
            condition = torch.stack([tokens[shown[subject.subject]] for subject, *_ in rows[span]])
            return model.draw(texts[span], condition, start, sampler_steps, guidance, subject_scale)

        side = resolution // model.autoencoder.factor
        shape = (model.autoencoder.channels, side, side)
    arrays = []
    for span in progress(batches(len(rows), batch), desc=f"benchmark {method}", unit="batch"):
        arrays += to_arrays(draw(span, noise(seeds[span], shape)))
    write_image_set(
        out,
        columns={
            "subject": [subject.subject for subject, *_ in rows],
            "class_word": [subject.class_word for subject, *_ in rows],
            "prompt": texts,
            "prompt_kind": ["context" if p < CONTEXTS else "property" for _, p, _ in rows],
            "method": [method] * len(rows),
            "conditioned_on": [
                "" if method == "text_only" else shown[subject.subject] for subject, *_ in rows
            ],
        },
        images={"image": arrays},
        quality=quality,
    )


def _another(place: int, subjects: list) -> str:
    """The next subject of the same class, else the next subject."""
    turned = subjects[place + 1 :] + subjects[:place]
    same = [s for s in turned if s.class_word == subjects[place].class_word]
    return (same or turned)[0].subject


def _subject_tokens(
    subjects: list, resolution: int, model: ToffeeNet, segment: Segmenter
) -> dict[str, torch.Tensor]:
    """Patch tokens [N,d] of each subject's first photo."""
    photos = torch.stack([read_image(s.photos[0], resolution) for s in subjects])
    masks = segment.segment(photos, [s.class_word for s in subjects])
    for place, subject in enumerate(subjects):
        if subject.masks:
            size = image_size(subject.photos[0])
            masks[place] = read_mask(subject.masks[0], resolution, size=size)
    tokens = model.tokens(photos, masks)
    return {subject.subject: row for subject, row in zip(subjects, tokens, strict=True)}
