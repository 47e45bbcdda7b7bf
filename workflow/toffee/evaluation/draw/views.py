"""Draw held-out subjects in a held-out pose with the View Generator."""

from pathlib import Path

import torch

from toffee.config.settings import Sampling
from toffee.data.loaders.images import read_image, to_arrays
from toffee.evaluation.draw.refiner import choose_sequences, others_of_class, view_mask
from toffee.evaluation.image_set import write_image_set
from toffee.method.view_generator import ViewGenerator
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.subject_encoder import SubjectEncoder
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of


def generate_views(
    *,
    multiview_heldout: str | Path,
    view_generator: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    depth_estimator: str | Path,
    out: str | Path,
    resolution: int,
    subjects: int,
    sampler_steps: int,
    guidance: float,
    batch: int,
    quality: int,
    seed: int,
) -> None:
    """From the first frame of each held-out sequence draw its second.

    Writes one row a subject: columns subject, class_word, other_subject (the next of its class);
    images source, target, generated; masks source_mask, target_mask (true ones).
    """
    model = ViewGenerator(view_generator, text_to_image)
    encoder, estimate = SubjectEncoder(subject_encoder), DepthEstimator(depth_estimator)
    sequences = choose_sequences(multiview_heldout, subjects)
    names = [sequence.sequence for sequence in sequences]
    other = others_of_class(sequences)
    pictures = [
        torch.stack([read_image(s.frames[view], resolution) for s in sequences]) for view in (0, 1)
    ]
    masks = [[view_mask(s, view, resolution).numpy() for s in sequences] for view in (0, 1)]
    seeds = [seed_of(seed, "evaluate views", name) for name in names]
    noises = noise(seeds, model.autoencoder.latent_shape(resolution))
    generated = [
        model.draw(
            encoder.tokens(pictures[0][span]),
            estimate(pictures[1][span]),
            noises[span],
            Sampling(sampler_steps, guidance),
        )
        for span in progress(batches(subjects, batch), desc="views evaluation", unit="batch")
    ]
    write_image_set(
        out,
        columns={
            "subject": names,
            "class_word": [sequence.class_word for sequence in sequences],
            "other_subject": [names[place] for place in other],
        },
        images={
            "source": to_arrays(pictures[0]),
            "target": to_arrays(pictures[1]),
            "generated": to_arrays(torch.cat(generated)),
        },
        masks={"source_mask": masks[0], "target_mask": masks[1]},
        quality=quality,
    )
