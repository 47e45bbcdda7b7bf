"""The accepted pairs as ToffeeNet trains on them: read once and encoded once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.config.settings import CANVAS, Conditioning, Subset
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder, batches
from toffee.models.subject_encoder import SubjectEncoder, cut_out
from toffee.runtime.errors import ToffeeError
from toffee.runtime.seeds import seed_of
from toffee.storage.reader import Shard
from toffee.training.encoded import Column, encode

GREY = 0.5  # what the masked image shows inside of the mask
EDITING = ("background", "colour", "texture", "style")
KINDS = {"both": ("generation", *EDITING), "generation": ("generation",), "editing": EDITING}


def hidden(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """What is shown of pictures [B,3,H,W] to edit inside of masks [B,H,W]: they are grey there.

    A picture that is to be repainted as a whole (an edit of its style) is shown as a whole.
    """
    whole = masks.flatten(1).all(1)[:, None, None]
    return torch.where((masks & ~whole)[:, None], torch.tensor(GREY), pictures)


@dataclass
class Pairs:
    """Accepted pairs, encoded once for the whole training. One row a pair.

    Attributes:
        target: latents of the picture to draw [P,C,h,w].
        masked: latents of the picture to edit (see `hidden`); all grey for generation.
        mask: bool [P,H,W], what is to be drawn; all of it for generation.
        generation: bool [P], which ones are no edits.
        tokens: patch tokens of the subject's picture [P,N,d].
        own: latents of the subject's picture itself, for reconstruction.
        depth: normalised depth of the target [P,H,W], or None.
        reference: latents of the subject's picture as the model is shown it, or None.
        prompts, words: the prompt and the class word of each pair.
        subjects: number of different subjects.
    """

    target: Column
    masked: Column
    mask: Column
    generation: Column
    tokens: Column
    own: Column
    prompts: list[str]
    words: list[str]
    subjects: int
    depth: Column | None = None
    reference: Column | None = None

    def __len__(self) -> int:
        return len(self.prompts)

    def read(self, rows: torch.Tensor, **_: torch.Tensor) -> dict[str, torch.Tensor]:
        """The encoded values of some pairs [B], by name (see `toffee.training.loop.fit`)."""
        columns = {name: value for name, value in vars(self).items() if isinstance(value, Column)}
        return {name: column[rows] for name, column in columns.items()}


def encode_pairs(
    folder: Path,
    index: str | Path,
    shards: list[str],
    subset: Subset,
    conditioning: Conditioning,
    encoder: SubjectEncoder,
    autoencoder: Autoencoder,
    estimate: DepthEstimator | None,
    batch: int = 64,
) -> Pairs:
    """Read the accepted pairs of some kinds and encode what the training needs of them.

    Args:
        folder: the work folder (see `toffee.training.encoded`).
        index, shards: where the pairs are.
        subset: which of them are used (see `choose_pairs`).
        conditioning: which kinds are wanted, and how the subject is shown.
        encoder, autoencoder, estimate: what encodes them.
        batch: pairs encoded at once.

    Raises:
        ToffeeError: there is no such pair.
    """
    files = {Path(path).stem: path for path in shards}
    table = pd.read_parquet(index)
    kinds = KINDS[conditioning.kinds]
    table = table[table["accepted"] & table["kind"].isin(kinds)]
    if table.empty:
        raise ToffeeError(f"{index}: no accepted pair of the kinds {', '.join(kinds)}")
    table = choose_pairs(with_subjects(table, files), subset)
    prompts: list[str] = []
    words: list[str] = []
    work: list[tuple[str, np.ndarray]] = []
    for name, chosen in table.groupby("shard", sort=True):
        rows = chosen["row"].to_numpy()
        with Shard(files[str(name)]) as shard:
            prompts += list(shard.column("prompt")[rows])
            words += list(shard.column("class_word")[rows])
        work += [(str(name), rows[span]) for span in batches(len(rows), batch)]

    def encode_batch(some: tuple[str, np.ndarray]) -> dict[str, torch.Tensor]:
        name, rows = some
        with Shard(files[name]) as shard:
            kind = shard.column("kind")[rows]
            target, subject = shard.images("target", rows), shard.images("subject", rows)
            mask = torch.ones(len(rows), *target.shape[2:], dtype=torch.bool)
            masked = torch.full_like(target, GREY)
            edits = [place for place, value in enumerate(kind) if value != "generation"]
            if edits:
                mask[edits] = shard.masks("mask", rows[edits])
                pictures = shard.images("input", rows[edits])
                masked[edits] = hidden(pictures, mask[edits])
            shown = subject
            if conditioning.segmented:
                shown = cut_out(subject, shard.masks("subject_mask", rows))
        encoded = {
            "target": autoencoder.encode(target).half(),
            "masked": autoencoder.encode(masked).half(),
            "own": autoencoder.encode(subject).half(),
            "tokens": encoder.tokens(shown).half(),
            "mask": mask,
            "generation": torch.tensor(kind == "generation"),
        }
        if estimate is not None:
            encoded["depth"] = estimate(target).half()
        if conditioning.reference == CANVAS:
            encoded["reference"] = autoencoder.encode(shown).half()
        return encoded

    columns = encode(folder / "pairs", work, encode_batch, "encode pairs")
    return Pairs(**columns, prompts=prompts, words=words, subjects=table["subject"].nunique())


def with_subjects(index: pd.DataFrame, files: Mapping[str, str]) -> pd.DataFrame:
    """Rows of the index with the subject of each pair, which the shards' files have."""
    parts = []
    for name, rows in index.groupby("shard", sort=True):
        with Shard(files[str(name)]) as shard:
            parts.append(rows.assign(subject=shard.column("subject")[rows["row"].to_numpy()]))
    return pd.concat(parts)


def choose_pairs(index: pd.DataFrame, subset: Subset) -> pd.DataFrame:
    """A part of the accepted pairs, the same for every training, within every larger part.

    Subjects are taken in the order of the hashes of their names, pairs in that of their ids, which
    are hashes too: so a part has the kinds, classes and prompts of the whole. Where the subjects
    have fewer pairs than are wanted, it is all of theirs.

    index: accepted pairs with columns sample_id and subject.
    """
    names = sorted(index["subject"].unique(), key=lambda name: seed_of(0, "subset", name))
    shown = names[: math.ceil(subset.subjects * len(names))]
    wanted = max(1, round(subset.pairs * len(index)))
    rows = index[index["subject"].isin(shown)].sort_values("sample_id")
    return rows.head(wanted).sort_values(["shard", "row"])


def grey_latents(autoencoder: Autoencoder, height: int, width: int) -> torch.Tensor:
    """Latents [1,C,h,w] of a picture that shows nothing."""
    return autoencoder.encode(torch.full((1, 3, height, width), GREY))
