"""The accepted pairs as ToffeeNet trains on them: read once and encoded once."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from toffee.config.settings import CANVAS, Conditioning, Subset
from toffee.method.pair_latents import GREY, accepted_pairs, by_shard, encode_alike, unpacked
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder
from toffee.models.subject_encoder import SubjectEncoder, cut_out
from toffee.runtime.errors import ToffeeError
from toffee.runtime.seeds import seed_of
from toffee.storage.reader import Shard
from toffee.training.encoded import Column, Computed, encode, opened

EDITING = ("background", "colour", "texture", "style")
SHOWN = ("subject", "photo")
"""Pictures of a subject in a shard: its view, and the photo that this was drawn from."""
CHANGES = ("colour", "texture", "style")
"""Edits whose target shows the subject as no photo of it does."""
KINDS = {"both": ("generation", *EDITING), "generation": ("generation",), "editing": EDITING}


@dataclass
class Pairs:
    """Pairs of a training: some of the accepted ones [A], which all trainings share (see
    `encode_pairs`). One row a pair, but for what only edits have.

    Attributes:
        chosen: the pairs of this training among all, [P].
        target: latents of the picture to draw [A,C,h,w].
        masked: latents of the picture to edit (see `hidden`), of the edits alone [E,C,h,w].
        mask: what is to be drawn of an edit [E,H*W/8], eight pixels a byte.
        side: of the pictures (pixels).
        grey: latents of a picture that shows nothing [1,C,h,w], of generation.
        generation: bool [A], which ones are no edits.
        tokens: patch tokens of the subject's view [P,N,d]; where its photo may be shown in place
            of the view [2P,N,d], the photos behind the views.
        own: latents of the subject's view itself, for reconstruction [A,C,h,w].
        changes: those of this training's pairs that are edits of the subject or the style [K].
        depth: normalised depth of the target [P,H,W], or None.
        reference: latents of what the tokens are of, as the model is shown it, or None.
        prompts, words: the prompt and the class word of each pair.
        subjects: number of different subjects.
    """

    chosen: torch.Tensor
    target: Column
    masked: Column
    mask: Column
    side: int
    grey: torch.Tensor
    generation: torch.Tensor
    changes: torch.Tensor
    tokens: Column | Computed
    own: Column
    prompts: list[str]
    words: list[str]
    subjects: int
    depth: Column | Computed | None = None
    reference: Column | Computed | None = None

    def __post_init__(self) -> None:
        self.place_of_edit = (~self.generation).long().cumsum(0) - 1

    def __len__(self) -> int:
        return len(self.prompts)

    def read(
        self,
        rows: torch.Tensor,
        own_photo: torch.Tensor | None = None,
        whole: torch.Tensor | None = None,
        **_: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """The encoded values of some pairs [B], by name (see `toffee.training.loop.fit`).

        `masked` [B,C,h,w] is grey, and `mask`, bool [B,H,W], all of the picture for generation.

        own_photo: bool [B], which pairs show the subject's own photo, if they are of generation;
            None shows views alone.
        whole: bool [B], which pairs are of generation though they are edits: their target is drawn
            without the picture that is edited; None are.
        """
        places = self.chosen[rows]
        generation = self.generation[places]
        if whole is not None:
            generation = generation | whole
        shown = {"tokens": self.tokens, "reference": self.reference}
        at = rows if own_photo is None else rows + len(self) * (own_photo & generation)
        values = {name: column[at] for name, column in shown.items() if column is not None}
        values |= {"target": self.target[places], "own": self.own[places]}
        if self.depth is not None:
            values["depth"] = self.depth[rows]
        masked = self.grey.repeat(len(rows), 1, 1, 1)
        mask = torch.ones(len(rows), self.side, self.side, dtype=torch.bool)
        edits = (~generation).nonzero()[:, 0]
        if len(edits):
            found = self.place_of_edit[places[edits]]
            masked[edits], mask[edits] = self.masked[found], unpacked(self.mask[found], self.side)
        return {**values, "masked": masked, "mask": mask, "generation": generation}


class Subjects:
    """The subjects' pictures in shards, as a training shows them: views, and behind them photos."""

    def __init__(self, places: list[tuple[str, int]], segmented: bool) -> None:
        """
        places: of each pair, the file of its shard and its row there.
        segmented: whether the subject is cut out.
        """
        self.places, self.segmented, self._open = places, segmented, dict[str, Shard]()

    def shown(self, shard: Shard, rows: np.ndarray, name: str) -> torch.Tensor:
        """Pictures [B,3,H,W] of rows of a shard: of `subject`, its view, or `photo`."""
        pictures = shard.images(name, rows)
        return cut_out(pictures, shard.masks(f"{name}_mask", rows)) if self.segmented else pictures

    def computed(
        self, encoder: Callable[[torch.Tensor], torch.Tensor], target: bool = False
    ) -> Computed:
        """What an encoder makes of the subjects, or of the targets, of the pairs that are read."""

        def compute(pairs: torch.Tensor) -> torch.Tensor:
            pictures = []
            for pair in pairs.tolist():
                photo, place = divmod(pair, len(self.places))
                path, row = self.places[place]
                if path not in self._open:
                    self._open[path] = Shard(path)
                shard, rows = self._open[path], np.array([row])
                seen = shard.images("target", rows) if target else None
                pictures.append(self.shown(shard, rows, SHOWN[photo]) if seen is None else seen)
            return encoder(torch.cat(pictures)).half()

        return Computed(compute)


def read_pairs(
    folder: Path,
    index: str | Path,
    shards: list[str],
    encoded: str | Path,
    subset: Subset,
    conditioning: Conditioning,
    encoder: SubjectEncoder,
    autoencoder: Autoencoder,
    estimate: DepthEstimator | None,
    batch: int = 64,
    store: str = "all",
) -> Pairs:
    """The accepted pairs of some kinds with what a training needs of them.

    Args:
        folder: the work folder, for what is encoded for this training alone.
        index, shards: where the pairs are.
        encoded: their latents (see `encode_pairs`).
        subset: which of them are used (see `choose_pairs`).
        conditioning: which kinds are wanted, and how the subject is shown.
        encoder, autoencoder, estimate: what encodes the rest.
        batch: pairs encoded at once.
        store: what is encoded once and kept (see config section `training`).

    Raises:
        ToffeeError: there is no such pair.
    """
    kinds = KINDS[conditioning.kinds]
    every = accepted_pairs(index, shards)
    table = every[every["kind"].isin(kinds)]
    if table.empty:
        raise ToffeeError(f"{index}: no accepted pair of the kinds {', '.join(kinds)}")
    table = choose_pairs(with_subjects(table), subset)
    prompts: list[str] = []
    words: list[str] = []
    for path, rows in by_shard(table, len(table)):
        with Shard(path) as shard:
            prompts += list(shard.column("prompt")[rows])
            words += list(shard.column("class_word")[rows])
    first = table.iloc[0]
    with Shard(first["path"]) as shard:
        side = shard.images("target", np.array([first["row"]])).shape[-1]
    return Pairs(
        chosen=torch.tensor(table.index.to_numpy()),
        **opened(Path(encoded)),
        **_seen(folder, table, conditioning, encoder, autoencoder, estimate, batch, store),
        side=side,
        grey=encode_alike(autoencoder, torch.full((1, 3, side, side), GREY)).half(),
        generation=torch.tensor((every["kind"] == "generation").to_numpy()),
        changes=torch.tensor(table["kind"].isin(CHANGES).to_numpy()).nonzero()[:, 0],
        prompts=prompts,
        words=words,
        subjects=table["subject"].nunique(),
    )


def _seen(
    folder: Path,
    table: pd.DataFrame,
    conditioning: Conditioning,
    encoder: SubjectEncoder,
    autoencoder: Autoencoder,
    estimate: DepthEstimator | None,
    batch: int,
    store: str,
) -> dict[str, Any]:
    """What the model is shown besides: tokens, depth and reference, kept or computed anew."""
    places = list(zip(table["path"], table["row"], strict=True))
    subjects = Subjects(places, conditioning.segmented)
    wanted: dict[str, tuple[Any, bool]] = {"tokens": (encoder.tokens, False)}
    if estimate is not None:
        wanted["depth"] = (estimate, True)
    if conditioning.reference == CANVAS:
        wanted["reference"] = (autoencoder.encode, False)
    if store != "all":
        return {name: subjects.computed(*one) for name, one in wanted.items()}

    def encoded(picture: str, wanted: dict[str, tuple[Any, bool]]) -> dict[str, Column]:
        def encode_batch(some: tuple[str, np.ndarray]) -> dict[str, torch.Tensor]:
            path, rows = some
            with Shard(path) as shard:
                target, shown = shard.images("target", rows), subjects.shown(shard, rows, picture)
            return {
                name: encode_one(target if of_target else shown).half()
                for name, (encode_one, of_target) in wanted.items()
            }

        return encode(folder / picture, by_shard(table, batch), encode_batch, f"encode {picture}s")

    view, photo = SHOWN
    columns = encoded(view, wanted)
    if not conditioning.own_photo:
        return columns
    behind = encoded(photo, {name: one for name, one in wanted.items() if not one[1]})
    return columns | {
        name: Column([*columns[name].parts, *column.parts]) for name, column in behind.items()
    }


def with_subjects(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs (see `accepted_pairs`) with the subject of each, which the shards' files have."""
    parts = []
    for path, rows in table.groupby("path", sort=False):
        with Shard(str(path)) as shard:
            parts.append(rows.assign(subject=shard.column("subject")[rows["row"].to_numpy()]))
    return pd.concat(parts)


def choose_pairs(table: pd.DataFrame, subset: Subset) -> pd.DataFrame:
    """A part of the accepted pairs, the same for every training, within every larger part.

    Subjects are taken in the order of the hashes of their names, pairs in that of their ids, which
    are hashes too: so a part has the kinds, classes and prompts of the whole. Where the subjects
    have fewer pairs than are wanted, it is all of theirs.

    table: accepted pairs with columns sample_id and subject, in the order that is kept.
    """
    names = sorted(table["subject"].unique(), key=lambda name: seed_of(0, "subset", name))
    shown = names[: math.ceil(subset.subjects * len(names))]
    wanted = max(1, round(subset.pairs * len(table)))
    rows = table[table["subject"].isin(shown)].sort_values("sample_id").head(wanted)
    return rows.sort_index()
