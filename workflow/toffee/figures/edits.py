"""Figure `edits`: held-out subjects, edited, and drawn in the layout of another view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from toffee.evaluation.names import DEPTH
from toffee.figures.grid import Cell, Grid, picture_of_mask, save_figure
from toffee.figures.pictures import EDITING_KINDS, picture
from toffee.storage.reader import Shard

Drawn = Mapping[tuple[str, str], np.ndarray]
"""(subject, kind) → the picture of the first generation seed."""


def plot_edits(
    pairs: Path,
    methods: Sequence[str],
    images: Sequence[Path],
    out: Path,
    rows: int = 2,
    layouts: int = 4,
) -> None:
    """Edits of all four kinds by each method, then drawing in the layout of another view.

    pairs: what is edited (see `make_editing_pairs`); images: the edits of each of the methods, of
    which the first generation seed is shown; rows: of each kind.
    """
    drawn = {
        name.replace("_", " "): _first_seed(path)
        for name, path in zip(methods, images, strict=True)
    }
    with Shard(pairs) as shard:
        grids = [edits_grid(shard, drawn, rows), layouts_grid(shard, drawn, layouts)]
    save_figure(grids, out)


def edits_grid(pairs: Shard, drawn: Mapping[str, Drawn], rows: int) -> Grid:
    """Subject, input, mask, the base model's edit, and that of each method, `rows` of each kind."""
    kinds, prompts = pairs.column("kind"), pairs.column("prompt")
    cells, labels = [], []
    for number, kind in enumerate(EDITING_KINDS):
        places = [int(row) for row in np.flatnonzero(kinds == kind)]
        masks = dict(zip(places, pairs.arrays("mask", places), strict=True))
        # without a mask (the subject was not found) there is nothing to see
        found = [row for row, mask in masks.items() if mask.any()]
        for row in _of_different_classes(pairs, found, rows, number * rows):
            subject, source, target, *edits = _cells(
                pairs, row, ("subject", "input", "target"), drawn
            )
            cells.append([subject, source, Cell(picture_of_mask(masks[row])), target, *edits])
            labels.append(f"{kind}:\n{prompts[row]}")
    return Grid(
        cells,
        ("subject", "input", "mask", "base model", *drawn),
        labels,
        "Editing held-out subjects",
        "Only what is white in the mask may change; around it the input is pasted back. "
        "The base model knows the subject by the words alone.",
    )


def layouts_grid(pairs: Shard, drawn: Mapping[str, Drawn], rows: int) -> Grid:
    """Subject, the real photo whose layout is wanted, and what each method draws."""
    places = [int(row) for row in np.flatnonzero(pairs.column("kind") == DEPTH)]
    chosen = _of_different_classes(pairs, places, rows)
    return Grid(
        [_cells(pairs, row, ("subject", "target"), drawn) for row in chosen],
        ("subject", "layout (real photo)", *drawn),
        [pairs.column("prompt")[row] for row in chosen],
        "Drawing in the layout of another view",
        "Only a model that was trained with depth is given the layout.",
    )


def _cells(pairs: Shard, row: int, names: Sequence[str], drawn: Mapping[str, Drawn]) -> list[Cell]:
    """Pictures of a pair by name, then what each method drew of it."""
    key = pairs.column("subject")[row], pairs.column("kind")[row]
    stored = [picture(pairs, name, row) for name in names]
    return [Cell(image) for image in (*stored, *(images.get(key) for images in drawn.values()))]


def _first_seed(path: Path) -> Drawn:
    with Shard(path) as shard:
        keys = list(zip(shard.column("subject"), shard.column("kind"), strict=True))
        first = {key: row for row, key in reversed(list(enumerate(keys)))}
        return dict(zip(first, shard.arrays("image", list(first.values())), strict=True))


def _of_different_classes(
    pairs: Shard, rows: Sequence[int], count: int, start: int = 0
) -> list[int]:
    """`count` rows of different classes; each `start` begins with another class, so that grids
    vary."""
    words = pairs.column("class_word")
    classes = list(dict.fromkeys(words[list(rows)]))
    wanted = [classes[(start + n) % len(classes)] for n in range(min(count, len(rows)))]
    taken: list[int] = []
    for word in wanted:
        free = [row for row in rows if words[row] == word and row not in taken]
        taken.append(free[0] if free else next(r for r in rows if r not in taken))
    return taken
