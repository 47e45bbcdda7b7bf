"""Edits of held-out pairs by a model, and the pairs' own pictures as controls."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from toffee.config.settings import Sampling
from toffee.data.loaders.images import to_arrays, to_tensor
from toffee.evaluation.image_set import write_image_set
from toffee.evaluation.names import DEPTH
from toffee.method.toffeenet import ToffeeNet
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.folders import ToffeeNetModels
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of
from toffee.storage.reader import Shard
from toffee.synthesis.edits import paste_back

TEXTS = ("subject", "class_word", "kind", "prompt")

Drawn = dict[int, tuple[np.ndarray, np.ndarray | None]]
"""Row of the pairs → the picture, and the picture before the input was pasted back."""


def generate_edits(
    *,
    method: str,
    pairs: str | Path,
    models: ToffeeNetModels,
    depth_estimator: str | Path,
    out: str | Path,
    draws: int,
    subject_scale: float,
    sampling: Sampling,
    edit_sampling: Sampling,
    batch: int,
    seed: int,
    subject_guidance: float | None = None,
    edit_subject_guidance: float | None = None,
) -> None:
    """Edit held-out pairs with one model, and draw their subjects in another view's layout.

    A model that was trained with depth is given the input's depth for an edit and the first view's
    for kind `depth`; another one draws the latter from prompt and subject alone, which is the
    control.

    Writes one row per pair and generation seed: columns subject, class_word, kind, prompt, method,
    seed; images `image` (PNG; equal to the input outside of the mask, because it is pasted back)
    and `raw` (PNG, edits only: before the input is pasted back).

    Args:
        pairs: from `toffee.evaluation.draw.editing_pairs.make_editing_pairs`.
        draws: number of generation seeds.
        subject_scale: the value of λ.
        seed: seed of the evaluation's draws.
        sampling, subject_guidance: of what is drawn whole, see `ToffeeNet.draw`.
        edit_sampling, edit_subject_guidance: the same, of edits.
    """
    toffeenet = ToffeeNet(models.toffeenet, models.text_to_image, models.subject_encoder)
    estimate = DepthEstimator(depth_estimator) if toffeenet.depth else None
    drawing, editing = (sampling, subject_guidance), (edit_sampling, edit_subject_guidance)
    editor = Editor(toffeenet, estimate, drawing, editing, subject_scale)
    with Shard(pairs) as shard:
        drawn = {draw: editor.draw_pairs(shard, draw, batch, seed) for draw in range(draws)}
        _write_edits(out, method, shard, drawn)


def copy_controls(*, method: str, pairs: str | Path, out: str | Path) -> None:
    """The pairs' own pictures, in the layout of `generate_edits` and with one generation seed.

    method: `input` (the picture before the edit) or `target` (the base model's own edit of it).
    """
    with Shard(pairs) as shard:
        rows = [row for row in range(len(shard)) if shard.has(method, row)]
        drawn: Drawn = {
            row: (picture, None)
            for row, picture in zip(rows, shard.arrays(method, rows), strict=True)
        }
        _write_edits(out, method, shard, {0: drawn})


@dataclass(frozen=True)
class Editor:
    """A ToffeeNet and how it draws; `estimate` is None for a model trained without depth.

    drawing, editing: how it samples whole pictures and edits, and the subject's own guidance.
    """

    model: ToffeeNet
    estimate: DepthEstimator | None
    drawing: tuple[Sampling, float | None]
    editing: tuple[Sampling, float | None]
    subject_scale: float

    def draw_pairs(self, shard: Shard, draw: int, batch: int, seed: int) -> Drawn:
        """All pairs of a file with one generation seed."""
        subjects, kinds, prompts = (shard.column(n) for n in ("subject", "kind", "prompt"))
        drawn: Drawn = {}
        for desc, rows in (
            ("edits", np.flatnonzero(kinds != DEPTH)),
            ("layouts", np.flatnonzero(kinds == DEPTH)),
        ):
            for span in progress(batches(len(rows), batch), desc=f"{desc} {draw}", unit="batch"):
                some = rows[span]
                seeds = [
                    seed_of(seed, f"edit {kinds[row]}", subjects[row], prompts[row], draw)
                    for row in some
                ]
                texts = list(prompts[some])
                if desc == "edits":
                    drawn |= self._edit(shard, some, texts, seeds)
                else:
                    pictures = shard.images("target", some)
                    raw = self._draw(shard, some, texts, seeds, pictures)
                    drawn |= {int(row): (one, None) for row, one in zip(some, raw, strict=True)}
        return drawn

    def _edit(self, shard: Shard, rows: np.ndarray, texts: list[str], seeds: list[int]) -> Drawn:
        """Edits of some pairs, whose pictures are kept outside of the mask."""
        arrays, masks = shard.arrays("input", rows), shard.masks("mask", rows)
        raw = self._draw(shard, rows, texts, seeds, to_tensor(arrays), masks)
        return {
            int(row): (paste_back(one, before, mask), one)
            for row, one, before, mask in zip(rows, raw, arrays, masks.numpy(), strict=True)
        }

    def _draw(
        self,
        shard: Shard,
        rows: np.ndarray,
        texts: list[str],
        seeds: list[int],
        pictures: torch.Tensor,
        masks: torch.Tensor | None = None,
    ) -> list[np.ndarray]:
        """What the model draws for some pairs, uint8 [H,W,3]: inside the masks, or whole pictures.

        The pictures [B,3,H,W] give the depth.
        """
        subjects, shown = shard.images("subject", rows), shard.masks("subject_mask", rows)
        shape = self.model.autoencoder.latent_shape(subjects.shape[-1])
        sampling, subject_guidance = self.drawing if masks is None else self.editing
        drawn = self.model.draw(
            texts,
            self.model.tokens(subjects, shown),
            noise(seeds, shape),
            sampling,
            self.subject_scale,
            picture=None if masks is None else pictures,
            mask=masks,
            depth=self.estimate(pictures) if self.estimate else None,
            paste=False,
            subject_guidance=subject_guidance,
            reference=self.model.reference(subjects, shown),
        )
        return to_arrays(drawn)


def _write_edits(out: str | Path, method: str, pairs: Shard, drawn: Mapping[int, Drawn]) -> None:
    """Write the pictures of all generation seeds, in the order of the pairs."""
    rows = [(draw, row) for draw, pictures in drawn.items() for row in sorted(pictures)]
    texts = {name: pairs.column(name) for name in TEXTS}
    write_image_set(
        out,
        columns={
            **{name: [values[row] for _, row in rows] for name, values in texts.items()},
            "method": [method] * len(rows),
            "seed": [str(draw) for draw, _ in rows],
        },
        images={
            "image": [drawn[draw][row][0] for draw, row in rows],
            "raw": [drawn[draw][row][1] for draw, row in rows],
        },
        lossless=("image", "raw"),
    )
