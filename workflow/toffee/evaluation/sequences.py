"""Which held-out sequences an evaluation takes, and the true masks of their frames."""

from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from toffee.data.loaders.images import image_size, read_mask
from toffee.data.loaders.multiview import Sequence, load_multiview
from toffee.runtime.errors import ToffeeError


def spread(total: int, count: int | None) -> list[int]:
    """`count` places of a list of `total`, from its first to its last; all of them for None."""
    if count is None or count >= total:
        return list(range(total))
    return [int(place) for place in np.linspace(0, total - 1, count).round()]


def choose_sequences(root: str | Path, count: int) -> list[Sequence]:
    """`count` held-out sequences, spread over the classes.

    Each class that is chosen has at least two sequences (see `others_of_class`). With so many
    classes that only one sequence of a class would be chosen, pairs of a class are chosen instead.

    Raises:
        ToffeeError: the folder holds fewer sequences, or too few pairs.
    """
    sequences = load_multiview(root)
    if len(sequences) < count:
        raise ToffeeError(f"{root}: {len(sequences)} sequences, expected {count} held-out subjects")
    # Sequences are sorted by class, so equal steps spread over the classes.
    step = len(sequences) / count
    chosen = [sequences[int(place * step)] for place in range(count)]
    if min(Counter(one.class_word for one in chosen).values()) > 1:
        return chosen
    groups = [list(group) for _, group in groupby(sequences, key=lambda one: one.class_word)]
    pairs = [group[at : at + 2] for group in groups for at in range(0, len(group) - 1, 2)]
    wanted = count // 2
    if not 0 < wanted <= len(pairs):
        raise ToffeeError(
            f"{root}: {len(pairs)} pairs of sequences of one class, expected {max(1, wanted)} for "
            f"{count} held-out subjects, each beside another one of its class"
        )
    step = len(pairs) / wanted
    chosen = [one for place in range(wanted) for one in pairs[int(place * step)]]
    if count % 2:
        chosen.append(_third(root, sequences, chosen, count))
    return sorted(chosen, key=sequences.index)


def _third(root: str | Path, every: list[Sequence], chosen: list[Sequence], count: int) -> Sequence:
    """Another sequence of a class of which a pair is chosen."""
    words = {one.class_word for one in chosen}
    for one in every:
        if one.class_word in words and one not in chosen:
            return one
    raise ToffeeError(
        f"{root}: no class has a third sequence, expected an even number of held-out subjects "
        f"(config evaluation.refiner_subjects, views_subjects), found {count}"
    )


def others_of_class(sequences: list[Sequence]) -> list[int]:
    """For each sequence the next one of its class, cyclically: another subject to compare with.

    Raises:
        ToffeeError: a class has one sequence only.
    """
    members: dict[str, list[int]] = {}
    for place, sequence in enumerate(sequences):
        members.setdefault(sequence.class_word, []).append(place)
    for word, places in members.items():
        if len(places) < 2:
            raise ToffeeError(f"held-out sequences: one {word} only, expected at least two")
    following = {
        place: places[(rank + 1) % len(places)]
        for places in members.values()
        for rank, place in enumerate(places)
    }
    return [following[place] for place in range(len(sequences))]


def view_mask(sequence: Sequence, view: int, resolution: int) -> torch.Tensor:
    """The true mask of a sequence's frame, bool [resolution, resolution].

    Raises:
        ToffeeError: the mask and its frame differ in size.
    """
    size = image_size(sequence.frames[view])
    return read_mask(sequence.masks[view], resolution, size=size)
