"""What the configured encoders say of real photos: cosines of equal and of different subjects.

Measured on held-out multi-view sequences, which have masks, and not on the benchmark: thresholds
would be chosen on what they are judged by.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from toffee.config.thresholds import CLASS, OTHER, SAME
from toffee.data.loaders.images import read_image
from toffee.data.loaders.prompt_parts import noun_phrase
from toffee.evaluation.sequences import choose_sequences, others_of_class, view_mask
from toffee.models.clip import Clip
from toffee.models.subject_encoder import SubjectEncoder
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.synthesis.scores import subject_features
from toffee.synthesis.thresholds import MATCH, SHARES, SUBJECT, TEXT

DIGITS = 6


def calibrate(
    *,
    multiview_heldout: str | Path,
    subject_encoder: str | Path,
    clip: str | Path,
    out: str | Path,
    subjects: int,
    resolution: int,
) -> None:
    """Measure cosines on two photos of each of some held-out subjects.

    `subject`: class tokens of subjects on grey, as the filter compares them. `text`: a photo and
    the name of its class or of another one, by the filter's CLIP. `match`: the best match of each
    foreground patch in another photo, as the Refiner looks for it. Each for photos of the `same`
    subject, of two subjects of a `class`, and of subjects of an `other` class.

    Args:
        subjects: held-out subjects, spread over the classes.
        resolution: side of the photos in pixels.
        out: JSON file: measure → kind of pairs → n and quantiles (at `SHARES`).

    Raises:
        ToffeeError: there are too few sequences, or all are of one class.
    """
    sequences = choose_sequences(multiview_heldout, subjects)
    words = [one.class_word for one in sequences]
    if len(set(words)) < 2:
        raise ToffeeError(f"{multiview_heldout}: all of class {words[0]}, expected several")
    views = [(one, place) for place in (0, 1) for one in sequences]
    photos = torch.stack(
        [read_image(one.frames[_view(one, place)], resolution) for one, place in views]
    )
    masks = torch.stack([view_mask(one, _view(one, place), resolution) for one, place in views])
    count = len(sequences)
    partners = {SAME: list(range(count)), CLASS: others_of_class(sequences), OTHER: _others(words)}
    encoder, judge = SubjectEncoder(subject_encoder), Clip(clip)
    features = subject_features(encoder, photos, masks)
    tokens, inside = F.normalize(encoder.tokens(photos), dim=-1), encoder.foreground(masks)

    def best(kind: str) -> Iterable[np.ndarray]:
        for one, other in enumerate(partners[kind]):
            second = count + other
            mine, theirs = tokens[one][inside[one]], tokens[second][inside[second]]
            if len(mine) and len(theirs):
                yield (mine @ theirs.T).amax(1).numpy()

    pairs = {
        kind: (features[:count] * features[count:][places]).sum(1).numpy()
        for kind, places in partners.items()
    }
    measured = {
        SUBJECT: pairs,
        TEXT: _texts(judge, photos, words),
        MATCH: {kind: np.concatenate([*best(kind), np.zeros(0)]) for kind in partners},
    }
    content = {
        name: {kind: _summary(values) for kind, values in kinds.items() if len(values)}
        for name, kinds in measured.items()
    }
    write_text(out, json.dumps(content, indent=1) + "\n")


def _view(sequence, place: int) -> int:
    """The first frame, or the one half around."""
    return place * (len(sequence) // 2)


def _others(words: list[str]) -> list[int]:
    """For each subject one of another class: the first that follows half a round later."""
    count = len(words)
    return [
        next(
            other
            for step in range(count)
            if words[other := (place + count // 2 + step) % count] != words[place]
        )
        for place in range(count)
    ]


def _texts(judge: Clip, photos: torch.Tensor, words: list[str]) -> dict[str, np.ndarray]:
    """Cosines of photos (two rounds of all subjects) and the names of their and other classes."""
    names = sorted(set(words))
    cosines = judge.images(photos) @ judge.texts([noun_phrase(name) for name in names]).T
    own = torch.tensor([[name == word for name in names] for word in [*words, *words]])
    return {SAME: cosines[own].numpy(), OTHER: cosines[~own].numpy()}


def _summary(values: np.ndarray) -> dict[str, object]:
    found = np.quantile(values.astype(np.float64), SHARES)
    return {"n": len(values), "quantiles": [round(float(one), DIGITS) for one in found]}
