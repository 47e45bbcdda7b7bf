"""The accepted pairs as ToffeeNet trains on them: read once and encoded once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from toffee.config.settings import CANVAS, Conditioning
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder, batches
from toffee.models.subject_encoder import SubjectEncoder, cut_out
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard
from toffee.training.encoded import Column, Computed, encode

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
    """Accepted pairs, encoded for a training. One row a pair, but for what only edits have.

    Attributes:
        target: latents of the picture to draw [P,C,h,w].
        masked: latents of the picture to edit (see `hidden`), of the edits alone [E,C,h,w].
        mask: what is to be drawn of an edit [E,H*W/8], eight pixels a byte.
        side: of the pictures (pixels).
        grey: latents of a picture that shows nothing [1,C,h,w], of generation.
        generation: bool [P], which ones are no edits.
        tokens: patch tokens of the subject's picture [P,N,d].
        own: latents of the subject's picture itself, for reconstruction.
        depth: normalised depth of the target [P,H,W], or None.
        reference: latents of the subject's picture as the model is shown it, or None.
        prompts, words: the prompt and the class word of each pair.
    """

    target: Column
    masked: Column
    mask: Column
    side: int
    grey: torch.Tensor
    generation: torch.Tensor
    tokens: Column | Computed
    own: Column
    prompts: list[str]
    words: list[str]
    depth: Column | Computed | None = None
    reference: Column | Computed | None = None

    def __post_init__(self) -> None:
        self.place_of_edit = (~self.generation).long().cumsum(0) - 1

    def __len__(self) -> int:
        return len(self.prompts)

    def read(self, rows: torch.Tensor, **_: torch.Tensor) -> dict[str, torch.Tensor]:
        """The encoded values of some pairs [B], by name (see `toffee.training.loop.fit`).

        `masked` [B,C,h,w] is grey, and `mask`, bool [B,H,W], all of the picture for generation.
        """
        names = ("target", "own", "tokens", "depth", "reference")
        columns = {name: getattr(self, name) for name in names}
        values = {name: column[rows] for name, column in columns.items() if column is not None}
        generation = self.generation[rows]
        masked = self.grey.repeat(len(rows), 1, 1, 1)
        mask = torch.ones(len(rows), self.side, self.side, dtype=torch.bool)
        edits = (~generation).nonzero()[:, 0]
        if len(edits):
            places = self.place_of_edit[rows[edits]]
            masked[edits], mask[edits] = self.masked[places], unpacked(self.mask[places], self.side)
        return {**values, "masked": masked, "mask": mask, "generation": generation}


def packed(masks: torch.Tensor) -> torch.Tensor:
    """Masks, bool [B,H,W], eight pixels a byte: uint8 [B,H*W/8]."""
    return torch.from_numpy(np.packbits(masks.flatten(1).numpy(), axis=1))


def unpacked(bits: torch.Tensor, side: int) -> torch.Tensor:
    """The square masks, bool [B,H,W], of `packed` ones."""
    masks = np.unpackbits(bits.numpy(), axis=1, count=side * side)
    return torch.from_numpy(masks.reshape(-1, side, side)).bool()


class Subjects:
    """The subjects' pictures in shards, as a training shows them."""

    def __init__(self, places: list[tuple[str, int]], segmented: bool) -> None:
        """
        places: of each pair, the file of its shard and its row there.
        segmented: whether the subject is cut out.
        """
        self.places, self.segmented, self._open = places, segmented, dict[str, Shard]()

    def shown(self, shard: Shard, rows: np.ndarray) -> torch.Tensor:
        """Pictures [B,3,H,W] of rows of a shard."""
        subject = shard.images("subject", rows)
        return cut_out(subject, shard.masks("subject_mask", rows)) if self.segmented else subject

    def computed(
        self, encoder: Callable[[torch.Tensor], torch.Tensor], target: bool = False
    ) -> Computed:
        """What an encoder makes of the subjects, or of the targets, of the pairs that are read."""

        def compute(pairs: torch.Tensor) -> torch.Tensor:
            pictures = []
            for path, row in (self.places[pair] for pair in pairs.tolist()):
                if path not in self._open:
                    self._open[path] = Shard(path)
                shard = self._open[path]
                rows = np.array([row])
                pictures.append(shard.images("target", rows) if target else self.shown(shard, rows))
            return encoder(torch.cat(pictures)).half()

        return Computed(compute)


def encode_pairs(
    folder: Path,
    index: str | Path,
    shards: list[str],
    conditioning: Conditioning,
    encoder: SubjectEncoder,
    autoencoder: Autoencoder,
    estimate: DepthEstimator | None,
    batch: int = 64,
    store: str = "all",
) -> Pairs:
    """Read the accepted pairs of some kinds and encode what the training needs of them.

    Args:
        folder: the work folder (see `toffee.training.encoded`).
        index, shards: where the pairs are.
        conditioning: which kinds are wanted, and how the subject is shown.
        encoder, autoencoder, estimate: what encodes them.
        batch: pairs encoded at once.
        store: what is encoded once and kept (see config section `training`).

    Raises:
        ToffeeError: there is no such pair.
    """
    kinds = KINDS[conditioning.kinds]
    table = pd.read_parquet(index)
    table = table[table["accepted"] & table["kind"].isin(kinds)]
    if table.empty:
        raise ToffeeError(f"{index}: no accepted pair of the kinds {', '.join(kinds)}")
    files = {Path(path).stem: str(path) for path in shards}
    prompts: list[str] = []
    words: list[str] = []
    kind_of: list[str] = []
    places: list[tuple[str, int]] = []
    work: list[tuple[str, np.ndarray]] = []
    for name, chosen in table.groupby("shard", sort=True):
        path, rows = files[str(name)], chosen["row"].to_numpy()
        with Shard(path) as shard:
            prompts += list(shard.column("prompt")[rows])
            words += list(shard.column("class_word")[rows])
            kind_of += list(shard.column("kind")[rows])
        places += [(path, row) for row in rows.tolist()]
        work += [(path, rows[span]) for span in batches(len(rows), batch)]
    subjects = Subjects(places, conditioning.segmented)
    more = {"tokens": (encoder.tokens, False)}
    more |= {"depth": (estimate, True)} if estimate is not None else {}
    if conditioning.reference == CANVAS:
        more["reference"] = (autoencoder.encode, False)

    def encode_batch(some: tuple[str, np.ndarray]) -> dict[str, torch.Tensor]:
        path, rows = some
        with Shard(path) as shard:
            encoded = latents_of(shard, rows, autoencoder)
            if store == "all":
                target, shown = shard.images("target", rows), subjects.shown(shard, rows)
                for name, (encode_one, of_target) in more.items():
                    encoded[name] = encode_one(target if of_target else shown).half()
        return encoded

    columns: dict[str, Any] = encode(folder / "pairs", work, encode_batch, "encode pairs")
    if store != "all":
        columns |= {name: subjects.computed(*one) for name, one in more.items()}
    with Shard(places[0][0]) as shard:
        side = shard.images("target", np.array([places[0][1]])).shape[-1]
    return Pairs(
        **columns,
        side=side,
        grey=grey_latents(autoencoder, side, side, 2)[:1].half(),  # two: see `latents_of`
        generation=torch.tensor([kind == "generation" for kind in kind_of]),
        prompts=prompts,
        words=words,
    )


def latents_of(shard: Shard, rows: np.ndarray, autoencoder: Autoencoder) -> dict[str, torch.Tensor]:
    """Latents of pairs, and of the edits among them also what is edited and where."""
    targets = autoencoder.encode(shard.images("target", rows)).half()
    coded = {"target": targets, "own": autoencoder.encode(shard.images("subject", rows)).half()}
    edits = rows[shard.column("kind")[rows] != "generation"]
    if not len(edits):
        side = targets.shape[-1] * autoencoder.factor
        return coded | {"masked": targets[:0], "mask": packed(torch.zeros(0, side, side).bool())}
    mask = shard.masks("mask", edits)
    masked = hidden(shard.images("input", edits), mask)
    if len(edits) == 1:  # alone, a picture is rounded by other kernels than beside others
        masked = masked.repeat(2, 1, 1, 1)
    seen = autoencoder.encode(masked)[: len(edits)].half()
    return coded | {"masked": seen, "mask": packed(mask)}


def grey_latents(autoencoder: Autoencoder, height: int, width: int, count: int = 1) -> torch.Tensor:
    """Latents [B,C,h,w] of pictures that show nothing."""
    return autoencoder.encode(torch.full((count, 3, height, width), GREY))
