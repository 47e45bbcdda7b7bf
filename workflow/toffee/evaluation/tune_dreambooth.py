"""How long DreamBooth should train: compared on training subjects, without the benchmark."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from toffee.config.settings import Drawing, Sampling, Tuning
from toffee.data.loaders.images import read_image
from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.prompt_parts import in_context, read_prompt_parts
from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import ONE_PHOTO, WANTED
from toffee.evaluation.score.scoring import Segment, found, load_metrics, long_form
from toffee.evaluation.scores_file import write_scores
from toffee.evaluation.sequences import spread
from toffee.method.dreambooth import UNIQUE_TOKEN, DreamBooth
from toffee.models.clip import Clip
from toffee.models.folders import FilterModels, MetricModels
from toffee.models.subject_encoder import SubjectEncoder
from toffee.runtime.compute import EXACT, computing
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of
from toffee.synthesis.scores import candidate_scores

PHOTOS = 5
"""Photos of a training subject: as many as DreamBench has of most of its own."""

PROMPTS = 8
"""Prompts of a subject: its class word in this many contexts of the prompt file."""

NAMES = ("dino", "dino_masked", "histogram_masked", "efficientnet_masked", "clip_i")


def tune_dreambooth(
    *,
    multiview: str | Path,
    prompts: str | Path,
    text_to_image: str | Path,
    models: MetricModels,
    judges: FilterModels,
    out: str | Path,
    resolution: int,
    subjects: int,
    steps: Sequence[int],
    tuning: Tuning,
    sampling: Sampling,
    batch: int,
    seed: int,
) -> None:
    """Score DreamBooth by its number of steps, and the text-only model beside it.

    Each subject's model is measured as on the benchmark: the pictures that it draws in several
    contexts against the photos that it was tuned on, `clip_t` without the unique token. Methods:
    text_only and dreambooth; setting of the latter: "<n> steps". The scores that the dataset's
    filter reads are among them, as if the pictures were generation pairs with the first photo.

    Args:
        multiview: sequences of training subjects, whose first frames are the photos.
        prompts: the prompt file, for its contexts.
        subjects: how many, spread over the sequences.
        steps: numbers of steps to compare.
        tuning: the rest of the fine-tuning; its own number of steps is not used.
        batch: images that are drawn or encoded at once.
    """
    sequences = load_multiview(multiview)
    sequences = [sequences[place] for place in spread(len(sequences), subjects)]
    parts = read_prompt_parts(prompts)
    with computing(EXACT):  # metrics are float32 always
        metrics, segment = load_metrics(models, NAMES, batch)
    encoder, clip = SubjectEncoder(judges.subject_encoder), Clip(judges.clip)
    drawing = Drawing(resolution, batch, quality=95)  # nothing is stored
    model = DreamBooth(text_to_image, tuning, drawing, sampling, seed)
    frames = []
    for sequence in progress(sequences, desc="DreamBooth steps", unit="subject"):
        word = sequence.class_word
        photos = torch.stack([read_image(path, resolution) for path in sequence.frames[:PHOTOS]])
        contexts = parts.contexts_of(word)
        contexts = [contexts[place] for place in spread(len(contexts), PROMPTS)]
        plain = [in_context(context, word) for context in contexts]
        named = [in_context(context, UNIQUE_TOKEN, word) for context in contexts]
        seeds = [seed_of(seed, "dreambooth steps", sequence.subject, text) for text in plain]
        start = noise(seeds, model.latent_shape)
        for count in (0, *steps):
            model.reset()
            if count:
                model.tuning = replace(tuning, steps=count)
                model.tune(sequence.subject, word, photos)
            drawn = model.draw(named if count else plain, start)
            values = similarities(metrics, segment, drawn, photos, word, plain)
            values |= filter_scores(encoder, clip, segment, drawn, photos[0], word, plain)
            labels = {"method": "dreambooth" if count else "text_only"}
            labels["setting"] = f"{count} steps" if count else ""
            frames.append(long_form(values, **labels, subject=sequence.subject, prompt=plain))
    write_scores(pd.concat(frames, ignore_index=True), out)


def similarities(
    metrics: Metrics,
    segment: Segment,
    drawn: torch.Tensor,
    photos: torch.Tensor,
    class_word: str,
    prompts: list[str],
) -> dict[str, torch.Tensor]:
    """Mean similarity [B] of pictures [B,3,H,W] to photos [P,3,H,W], by metric; `ONE_PHOTO`, that
    to the first alone; `clip_t`, `mask_found`."""
    masks = [segment(images, [class_word] * len(images)).cpu() for images in (drawn, photos)]
    a, b = (metrics.features(x, m) for x, m in zip((drawn, photos), masks, strict=True))
    values = {
        name: metrics.similarity(name, a[name][:, None], b[name][None]).mean(1)
        for name in metrics.names
    }
    values[ONE_PHOTO] = metrics.similarity(WANTED, a[WANTED], b[WANTED][:1])
    values["clip_t"] = (a["clip_i"] * metrics.text_features(prompts)).sum(-1)
    return values | {"mask_found": found(masks[0])}


def filter_scores(
    encoder: SubjectEncoder,
    clip: Clip,
    segment: Segment,
    drawn: torch.Tensor,
    photo: torch.Tensor,
    class_word: str,
    prompts: list[str],
) -> dict[str, torch.Tensor]:
    """The scores [B] that the filter reads, of pictures [B,3,H,W] as generation pairs whose input
    is a photo [3,H,W] of the subject."""
    count = len(drawn)
    masks, mask = segment(drawn, [class_word] * count), segment(photo[None], [class_word])
    own = photo.expand_as(drawn)
    shown = own, mask.expand(count, -1, -1)
    return candidate_scores(encoder, clip, drawn, masks, prompts, shown, shown, own)
