"""Draw the benchmark with DreamBooth: the base model, fine-tuned for one subject at a time."""

from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch

from toffee.config.settings import Drawing, Sampling, Tuning
from toffee.data.loaders.dreambench import load_benchmark, read_photo
from toffee.data.loaders.images import to_arrays
from toffee.data.loaders.references import kept_photos
from toffee.evaluation.benchmark import BenchmarkImage
from toffee.evaluation.image_set import write_benchmark_images
from toffee.method.dreambooth import DreamBooth
from toffee.models.diffusion import batches
from toffee.runtime.files import atomic_path
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise

SECONDS = ("prior_seconds", "tune_seconds", "draw_seconds")


def generate_dreambooth(
    *,
    benchmark: str | Path,
    references: str | Path | None,
    text_to_image: str | Path,
    tuned: str,
    out: str | Path,
    seconds: str | Path,
    group: int,
    groups: int,
    draws: int,
    tuning: Tuning,
    drawing: Drawing,
    sampling: Sampling,
    seed: int,
) -> None:
    """Fine-tune for each subject of a group, and draw all of its prompts.

    Prompts are drawn with the unique token, from the noise of the other methods. A fine-tuned model
    is not kept: it can be trained again from the same seed.

    Args:
        benchmark: its folder.
        references: which photo of each subject is kept; that one alone is tuned on. None tunes on
            all photos.
        tuned: the method's name.
        out: images of all generation seeds, see `write_benchmark_images`; `prompt` is without the
            token.
        seconds: CSV to write, one row per subject: subject, class_word, images, prior_seconds
            (drawing the pictures of its class; 0 if an earlier subject of the group has the same
            class), tune_seconds, draw_seconds. Wall time, without loading the program.
        group, groups: subjects number group, group + groups, … are drawn.
        draws: number of generation seeds.
        tuning: how each subject is fine-tuned.
        seed: seed of the evaluation's draws.
    """
    loaded = load_benchmark(benchmark)
    kept = kept_photos(references, loaded) if references else None
    subjects = loaded.subjects[group::groups]
    model = DreamBooth(text_to_image, tuning, drawing, sampling, seed)
    images: list[BenchmarkImage] = []
    arrays: list[np.ndarray] = []
    times = []
    for subject in progress(subjects, desc=f"DreamBooth {group}", unit="subject"):
        start = perf_counter()
        model.prepare_class(subject.class_word)
        prepared = perf_counter()
        paths = subject.photos if kept is None else [subject.photos[kept[subject.subject]]]
        photos = torch.stack([read_photo(path, drawing.resolution) for path in paths])
        model.tune(subject.subject, subject.class_word, photos)
        fitted = perf_counter()
        own = [
            BenchmarkImage(subject, place, draw)
            for draw in range(draws)
            for place in range(len(subject.prompts))
        ]
        for span in batches(len(own), drawing.batch):
            some = own[span]
            start_noise = noise([one.seed(seed) for one in some], model.latent_shape)
            texts = [one.prompt.text_with_token for one in some]
            arrays += to_arrays(model.draw(texts, start_noise))
        images += own
        spent = (prepared - start, fitted - prepared, perf_counter() - fitted)
        times.append((subject.subject, subject.class_word, len(own), *spent))
    columns = ["subject", "class_word", "images", *SECONDS]
    with atomic_path(seconds) as temporary:
        pd.DataFrame(times, columns=columns).to_csv(temporary, index=False, float_format="%.3f")
    conditioned_on = {one.subject: one.subject for one in subjects}
    write_benchmark_images(out, tuned, images, arrays, conditioned_on, drawing.quality)
