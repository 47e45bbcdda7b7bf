"""Figure `edits`: held-out subjects, edited, and drawn in the layout of another view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.evaluation.names import DEPTH, DEPTH_SETTING
from toffee.evaluation.scores_file import read_scores
from toffee.figures.grid import Cell, Grid, picture_of_mask, save_figure
from toffee.figures.pictures import EDITING_KINDS, HELD_OUT, picture, read_note, shown_name
from toffee.storage.reader import Shard

Drawn = Mapping[tuple[str, str], np.ndarray]
"""(subject, kind) → the picture of the first generation seed."""
Scores = Mapping[str, Mapping[tuple[str, str], float]]
"""Method → (subject, kind) → the score of that picture."""


def plot_edits(
    pairs: Path,
    methods: Sequence[str],
    images: Sequence[Path],
    scores: Sequence[Path],
    out: Path,
    rows: int = 2,
    layouts: int = 4,
) -> None:
    """Edits of all four kinds by each method, then drawing in the layout of another view.

    pairs: what is edited (see `make_editing_pairs`); images: the edits of each of the methods, of
    which the first generation seed is shown; scores: of `input`, of `target` (the base model's
    edits) and of the methods; rows: of each kind.
    """
    drawn = {name: _first_seed(path) for name, path in zip(methods, images, strict=True)}
    frame = pd.concat([read_scores(path) for path in scores], ignore_index=True)
    with Shard(pairs) as shard:
        grids = [
            edits_grid(shard, drawn, _of_metric(frame, "change_read"), rows),
            layouts_grid(shard, drawn, _of_metric(frame, "mask_iou"), layouts),
        ]
    save_figure(grids, out)


def edits_grid(pairs: Shard, drawn: Mapping[str, Drawn], read: Scores, rows: int) -> Grid:
    """Subject, input, mask, the base model's edit, and that of each method, `rows` of each kind;
    below each picture how surely the metric CLIP reads in it what was asked."""
    kinds, prompts, before = (pairs.column(name) for name in ("kind", "prompt", "source_prompt"))
    cells, labels = [], []
    for number, kind in enumerate(EDITING_KINDS):
        places = [int(row) for row in np.flatnonzero(kinds == kind)]
        masks = dict(zip(places, pairs.arrays("mask", places), strict=True))
        # without a mask (the subject was not found) there is nothing to see
        found = [row for row, mask in masks.items() if mask.any()]
        for row in _of_different_classes(pairs, found, rows, number * rows):
            key = pairs.column("subject")[row], kind
            shown = {name: picture(pairs, name, row) for name in ("input", "target")}
            shown |= {name: edits.get(key) for name, edits in drawn.items()}
            before_it, *after = (
                Cell(image, read_note(read.get(name, {}).get(key))) for name, image in shown.items()
            )
            mask = Cell(picture_of_mask(masks[row]))
            cells.append([Cell(picture(pairs, "subject", row)), before_it, mask, *after])
            labels.append(f"{kind}: {prompts[row]}\nbefore: {before[row]}")
    return Grid(
        cells,
        ("subject", "input", "mask", "base model", *map(shown_name, drawn)),
        labels,
        "Editing held-out subjects",
        f"{HELD_OUT}Left: what was asked, and the text of the input. Only what "
        "is white in the mask may change; around it the input is pasted back. The base model knows "
        "the subject by the words alone. Read: with which probability the metric CLIP reads what "
        "was asked before any other edit of the kind.",
    )


def layouts_grid(pairs: Shard, drawn: Mapping[str, Drawn], overlap: Scores, rows: int) -> Grid:
    """Subject, the real photo whose layout is wanted, and what each method draws, with the overlap
    of the two subjects' masks."""
    places = [int(row) for row in np.flatnonzero(pairs.column("kind") == DEPTH)]
    chosen = _of_different_classes(pairs, places, rows)
    cells = []
    for row in chosen:
        key = pairs.column("subject")[row], DEPTH
        drawings = []
        for name, images in drawn.items():
            value = overlap.get(name, {}).get(key)
            note = "not scored" if value is None else f"overlap: {value:.2f}"
            drawings.append(Cell(images.get(key), note))
        stored = (Cell(picture(pairs, name, row)) for name in ("subject", "target"))
        cells.append([*stored, *drawings])
    return Grid(
        cells,
        ("subject", "layout (real photo)", *map(shown_name, drawn)),
        [pairs.column("prompt")[row] for row in chosen],
        "Drawing held-out subjects in the layout of another view",
        "Only a model that was trained with depth is given the layout. Overlap: of the drawn "
        "subject's mask with that of the real photo, 1 where they are equal.",
    )


def _of_metric(scores: pd.DataFrame, metric: str) -> Scores:
    """A metric of the first generation seed's pictures (see `Scores`)."""
    found = scores[scores["metric"] == metric]
    found = found.drop_duplicates(["method", "subject", "setting"])  # later rows: further seeds
    kinds = found["setting"].replace(DEPTH_SETTING, DEPTH)
    values: dict[str, dict[tuple[str, str], float]] = {}
    for method, subject, kind, value in zip(
        found["method"], found["subject"], kinds, found["value"], strict=True
    ):
        values.setdefault(method, {})[subject, kind] = value
    return values


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
