"""Draw the benchmark with DreamBooth: the base model, fine-tuned for a subject after the other."""

from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch

from toffee.config.settings import Drawing, Sampling, Tuning
from toffee.data.loaders.dreambench import BenchmarkSubject, load_benchmark
from toffee.data.loaders.images import read_image, to_arrays
from toffee.evaluation.draw.benchmark import Draw, write_draws
from toffee.method.dreambooth import DreamBooth
from toffee.models.diffusion import batches
from toffee.runtime.files import atomic_path
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise

SECONDS = ("prior_seconds", "tune_seconds", "draw_seconds")


def generate_dreambooth(
    *,
    benchmark: str | Path,
    text_to_image: str | Path,
    out: str | Path,
    seconds: str | Path,
    group: int,
    groups: int,
    resolution: int,
    attempts: int,
    steps: int,
    tuning_batch: int,
    learning_rate: float,
    prior_images: int,
    prior_weight: float,
    sampler_steps: int,
    guidance: float,
    batch: int,
    quality: int,
    seed: int,
) -> None:
    """Fine-tune for each subject of a group on all of its photos, and draw all of its prompts.

    Prompts are drawn with the unique token, from the noise of the other methods; the file has the
    columns of `toffee.evaluation.draw.benchmark`, `prompt` without the token. A fine-tuned
    model is not kept: another draw takes it anew, from the same seed.

    Args:
        out: images of all generation seeds.
        seconds: CSV to write, a row a subject: subject, class_word, images, prior_seconds (pictures
            of its class; 0 where another subject of the group had them drawn), tune_seconds,
            draw_seconds. Wall time of the work itself, loading of the program left out.
        group, groups: subjects number group, group + groups, … are drawn.
        attempts: generation seeds.
        steps, tuning_batch, learning_rate, prior_images, prior_weight: see `Tuning`.
        seed: seed of the evaluation's draws.
        The rest as in `toffee.evaluation.draw.benchmark`.
    """
    subjects = load_benchmark(benchmark).subjects[group::groups]
    model = DreamBooth(
        text_to_image,
        Tuning(steps, tuning_batch, learning_rate, prior_images, prior_weight),
        Drawing(resolution, batch, quality),
        Sampling(sampler_steps, guidance),
        seed,
    )
    rows: list[Draw] = []
    arrays: list[np.ndarray] = []
    times = []
    for subject in progress(subjects, desc=f"DreamBooth {group}", unit="subject"):
        start = perf_counter()
        model.prepare_class(subject.class_word)
        prepared = perf_counter()
        model.tune(subject.subject, subject.class_word, photos_of(subject, resolution))
        tuned = perf_counter()
        own = [
            Draw(subject, place, attempt)
            for attempt in range(attempts)
            for place in range(len(subject.prompts))
        ]
        for span in batches(len(own), batch):
            some = own[span]
            start_noise = noise([row.seed(seed) for row in some], model.latent_shape)
            texts = [row.prompt.text_with_token for row in some]
            arrays += to_arrays(model.draw(texts, start_noise))
        rows += own
        spent = (prepared - start, tuned - prepared, perf_counter() - tuned)
        times.append((subject.subject, subject.class_word, len(own), *spent))
    shown = {subject.subject: subject.subject for subject in subjects}
    columns = ["subject", "class_word", "images", *SECONDS]
    with atomic_path(seconds) as temporary:
        pd.DataFrame(times, columns=columns).to_csv(temporary, index=False, float_format="%.3f")
    write_draws(out, "dreambooth", rows, arrays, shown, quality)


def photos_of(subject: BenchmarkSubject, resolution: int) -> torch.Tensor:
    """All photos of a subject [P,3,H,W]."""
    return torch.stack([read_image(path, resolution) for path in subject.photos])
