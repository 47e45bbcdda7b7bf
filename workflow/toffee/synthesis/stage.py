"""What the stages of a shard share: reading its plan, drawing in batches, resuming."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from toffee.config.settings import Drawing
from toffee.data.loaders.images import read_mask, stack_images
from toffee.models.diffusion import batches
from toffee.models.segmenter import Segmenter
from toffee.provenance.digests import sha256_of
from toffee.runtime.compute import compute
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise
from toffee.storage.encoding import ImageFormat
from toffee.storage.journal import PARTIAL
from toffee.storage.layout import ColumnType
from toffee.storage.writer import ShardWriter
from toffee.synthesis.plan import read_plan, stage_seed

PINNED = ("image_sha256", "mask_sha256", "donor_sha256", "source_prompt", "class_word")
"""Columns of a plan that say what a sample is drawn from, and that its id does not: which pictures,
the text of an edit's picture before the change, and the word by which masks are found."""


def identity(rows: pd.DataFrame, inputs: Sequence[str | Path], settings: Mapping[str, Any]) -> str:
    """Digest of what a stage's file depends on, so that a partial one is resumed by its own kind.

    Inputs count by content, so that the finished file is the same whenever and wherever it is made.
    """
    digests = [sha256_of(path) for path in inputs]
    settings = dict(settings) | asdict(compute())
    samples = [list(rows[name]) for name in ("sample_id", *PINNED)]
    text = json.dumps([samples, digests, settings], default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def draw_stage(
    *,
    plan: str | Path,
    out: str | Path,
    inputs: Sequence[str | Path],
    settings: Mapping[str, Any],
    images: Mapping[str, ImageFormat],
    drawing: Drawing,
    draw: Callable[[pd.DataFrame], Mapping[str, list[Any]]],
    wants: Callable[[str], bool] = lambda kind: True,
) -> None:
    """Write a stage's file of one shard: `draw` gives the pictures of a batch of plan rows.

    Args:
        plan: the shard's plan.
        out: the file.
        inputs, settings: what the pictures depend on, for resuming (see `identity`).
        images: names and formats of the pictures.
        drawing: resolution, samples drawn at once, JPEG quality.
        draw: plan rows to pictures, name to one value a row.
        wants: which kinds of pairs have pictures in this stage; the other rows stay empty.
    """
    rows = read_plan(plan)
    settings = {"resolution": drawing.resolution} | dict(settings)
    stage, shard = Path(out).parent.name, Path(out).stem
    digest = identity(rows, inputs, settings)
    types: dict[str, ColumnType] = {"sample_id": "str"}
    with ShardWriter(out, len(rows), digest, images, types, drawing.quality) as writer:
        left = rows.iloc[writer.done :]
        spans = batches(len(left), drawing.batch)
        for span in progress(spans, desc=f"{stage} {shard}", unit="batch"):
            part = left.iloc[span]
            wanted = part[part["kind"].map(wants)]
            drawn = draw(wanted) if len(wanted) else {name: [] for name in images}
            places = {row: place for place, row in enumerate(wanted["row"])}
            columns = {"sample_id": list(part["sample_id"])}
            writer.push(
                columns,
                {
                    name: [
                        drawn[name][places[row]] if row in places else None for row in part["row"]
                    ]
                    for name in images
                },
            )


def forget_journals(stage_file: str | Path) -> None:
    """Remove the journals that a shard's stages kept: nobody will make its files again.

    stage_file: the file of any of the shard's stages.
    """
    stage_file = Path(stage_file)
    for journal in stage_file.parents[1].glob(f"*/{stage_file.name}{PARTIAL}"):
        journal.unlink()


def planned_files(
    rows: pd.DataFrame, column: str, root: str | Path | Iterable[str | Path]
) -> list[Path]:
    """The files that plan rows name in `image`, `mask` or `donor`, as they were when planned.

    Args:
        rows: of the plan.
        column: of the files' paths.
        root: the folder of all of them, or of each.

    Raises:
        ToffeeError: one has changed since, or is gone.
    """
    roots = repeat(root) if isinstance(root, str | Path) else root
    paths = [Path(one) / name for one, name in zip(roots, rows[column], strict=False)]
    for path, expected in zip(paths, rows[f"{column}_sha256"], strict=True):
        found = file_digest(path)
        if found != expected:
            raise ToffeeError(
                f"{path} has SHA-256 {found}, expected {expected} as in the shard's plan: it was "
                "changed since; run list_subjects and plan_shard again"
            )
    return paths


def subject_images(rows: pd.DataFrame, root: str | Path, resolution: int) -> torch.Tensor:
    """The subjects' pictures of plan rows, [B,3,H,W] in [0,1]."""
    return stack_images(planned_files(rows, "image", root), resolution)


def subject_masks(
    rows: pd.DataFrame, root: str | Path, images: torch.Tensor, segmenter: Segmenter
) -> torch.Tensor:
    """The subjects' masks, bool [B,H,W]: the source's own where it has them, else segmented."""
    masks = torch.zeros(len(images), *images.shape[-2:], dtype=torch.bool)
    given = (rows["mask"] != "").to_numpy()
    for place, path in zip(
        given.nonzero()[0], planned_files(rows[given], "mask", root), strict=True
    ):
        masks[place] = read_mask(path, images.shape[-1])
    if not given.all():
        words = list(rows["class_word"][~given])
        masks[~given] = segmenter.segment(images[~given], words)
    return masks


def sample_noise(
    rows: pd.DataFrame, stage: str, run_seed: int, shape: tuple[int, int, int]
) -> torch.Tensor:
    """Every sample's own noise [B,C,h,w] for a stage."""
    columns = zip(rows["subject"], rows["prompt"], rows["kind"], rows["attempt"], strict=True)
    return noise([stage_seed(run_seed, stage, *identity) for identity in columns], shape)
