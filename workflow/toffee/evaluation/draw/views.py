"""Draw held-out subjects in a held-out pose with the View Generator."""

from pathlib import Path

import torch

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.images import read_image, to_arrays
from toffee.evaluation.image_set import write_image_set
from toffee.evaluation.sequences import choose_sequences, others_of_class, view_mask
from toffee.method.view_generator import ViewGenerator
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.folders import ViewModels
from toffee.models.subject_encoder import SubjectEncoder
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of


def generate_views(
    *,
    multiview_heldout: str | Path,
    models: ViewModels,
    out: str | Path,
    subjects: int,
    drawing: Drawing,
    sampling: Sampling,
    seed: int,
) -> None:
    """Draw the second frame of each held-out sequence from its first.

    Writes one row per subject: columns subject, class_word, other_subject (the next of its class);
    images source, target, generated; masks source_mask, target_mask (true ones).
    """
    model = ViewGenerator(models.view_generator, models.text_to_image)
    encoder = SubjectEncoder(models.subject_encoder)
    estimate = DepthEstimator(models.depth_estimator)
    sequences = choose_sequences(multiview_heldout, subjects)
    names = [sequence.subject for sequence in sequences]
    side = drawing.resolution
    pictures = [
        torch.stack([read_image(s.frames[view], side) for s in sequences]) for view in (0, 1)
    ]
    masks = [[view_mask(s, view, side).numpy() for s in sequences] for view in (0, 1)]
    seeds = [seed_of(seed, "evaluate views", name) for name in names]
    noises = noise(seeds, model.autoencoder.latent_shape(side))
    generated = [
        model.draw(
            encoder.tokens(pictures[0][span]),
            estimate(pictures[1][span]),
            noises[span],
            sampling,
            model.reference(pictures[0][span]),
        )
        for span in progress(
            batches(subjects, drawing.batch), desc="views evaluation", unit="batch"
        )
    ]
    write_image_set(
        out,
        columns={
            "subject": names,
            "class_word": [sequence.class_word for sequence in sequences],
            "other_subject": [names[place] for place in others_of_class(sequences)],
        },
        images={
            "source": to_arrays(pictures[0]),
            "target": to_arrays(pictures[1]),
            "generated": to_arrays(torch.cat(generated)),
        },
        masks={"source_mask": masks[0], "target_mask": masks[1]},
        quality=drawing.quality,
    )
