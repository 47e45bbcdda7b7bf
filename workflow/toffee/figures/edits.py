"""Figure `edits`: held-out subjects, edited, and drawn in the layout of another view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toffee.evaluation.names import DEPTH
from toffee.figures.figures import EDITS, picture
from toffee.figures.grid import Cell, Grid, picture_of_mask, save_figure
from toffee.storage.shard import Shard


def draw_edits(
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
    with Shard(pairs) as asked:
        kinds, words = asked.column("kind"), asked.column("class_word")
        prompts, subjects = asked.column("prompt"), asked.column("subject")
        drawn = {name: _drawn(path) for name, path in zip(methods, images, strict=True)}

        def cells(row: int, names: tuple[str, ...]) -> list[Cell]:
            before = [Cell(picture(asked, name, row)) for name in names]
            key = (subjects[row], kinds[row])
            return [*before, *(Cell(pictures.get(key)) for pictures in drawn.values())]

        edits, edit_labels = [], []
        for place, kind in enumerate(EDITS):
            # without a mask (the subject was not found) there is nothing to see
            found = [
                row for row in np.flatnonzero(kinds == kind) if asked.arrays("mask", [row])[0].any()
            ]
            places = _varied(found, words, rows, place * rows)
            for row in places:
                shown = cells(row, ("subject", "input", "target"))
                mask = asked.arrays("mask", [row])[0]
                edits.append([*shown[:2], Cell(picture_of_mask(mask)), *shown[2:]])
                edit_labels.append(f"{kind}:\n{prompts[row]}")
        rooms = _varied(np.flatnonzero(kinds == DEPTH), words, layouts, 0)
        layout_cells = [cells(row, ("subject", "target")) for row in rooms]
        layout_labels = [prompts[row] for row in rooms]
    names = [name.replace("_", " ") for name in methods]
    save_figure(
        [
            Grid(
                edits,
                ("subject", "input", "mask", "base model", *names),
                edit_labels,
                "Editing held-out subjects",
                "Only what is white in the mask may change; around it the input is pasted back. "
                "The base model is told of the subject by words alone.",
            ),
            Grid(
                layout_cells,
                ("subject", "layout (real photo)", *names),
                layout_labels,
                "Drawing in the layout of another view",
                "Only a model that was trained with depth is told the layout.",
            ),
        ],
        out,
    )


def _drawn(path: Path) -> dict[tuple[str, str], np.ndarray]:
    """(subject, kind) → the picture of the first generation seed."""
    with Shard(path) as shard:
        keys = list(zip(shard.column("subject"), shard.column("kind"), strict=True))
        first = {key: row for row, key in reversed(list(enumerate(keys)))}
        return dict(zip(first, shard.arrays("image", list(first.values())), strict=True))


def _varied(rows: Sequence[int], words: np.ndarray, count: int, turn: int) -> list[int]:
    """`count` rows of different classes; `turn` begins with another class, so that grids vary."""
    classes = list(dict.fromkeys(words[rows]))
    wanted = [classes[(turn + n) % len(classes)] for n in range(min(count, len(rows)))]
    taken: list[int] = []
    for word in wanted:
        free = [row for row in rows if words[row] == word and row not in taken]
        taken.append(int(free[0] if free else next(r for r in rows if r not in taken)))
    return taken
