"""The accepted pairs as latents, encoded once for all trainings of ToffeeNet."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.models.diffusion import Autoencoder, batches
from toffee.runtime.distributed import team
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.storage.reader import Shard
from toffee.storage.work_folder import work_folder
from toffee.training.encoded import encode
from toffee.training.launch import in_processes

GREY = 0.5  # what the masked image shows inside of the mask


def accepted_pairs(index: str | Path, shards: list[str]) -> pd.DataFrame:
    """The accepted pairs in the order in which they are encoded: by shard, and in it by row.

    Columns of the index, and `path`, the file of the shard.

    Raises:
        ToffeeError: there is none.
    """
    table = pd.read_parquet(index)
    table = table[table["accepted"]].sort_values("shard", kind="stable").reset_index(drop=True)
    if table.empty:
        raise ToffeeError(f"{index}: no accepted pair")
    files = {Path(path).stem: str(path) for path in shards}
    return table.assign(path=[files[name] for name in table["shard"]])


def by_shard(table: pd.DataFrame, batch: int) -> list[tuple[str, np.ndarray]]:
    """Rows of shards in batches, as (path, rows): no batch is of two shards."""
    return [
        (str(path), rows[span])
        for path, chosen in table.groupby("path", sort=False)
        for rows in [chosen["row"].to_numpy()]
        for span in batches(len(rows), batch)
    ]


@in_processes
def encode_pairs(
    *,
    index: str | Path,
    shards: list[str],
    text_to_image: str | Path,
    out: str | Path,
    batch: int = 64,
    code: str = "",
) -> None:
    """Encode the latents of all accepted pairs, for all trainings (see `latents_of`).

    Args:
        index: `dataset/index.parquet` of the filter.
        shards: the shard files that it points to.
        text_to_image: the base model, whose autoencoder encodes.
        out: folder to write, with files of pairs in the order of `accepted_pairs`.
        batch: pairs encoded at once.
        code: digest of the code, so that no folder is finished by another one.

    Raises:
        ToffeeError: the index accepts no pair.
    """
    table = accepted_pairs(index, shards)
    autoencoder = Autoencoder(Path(text_to_image) / "vae")

    def encode_batch(some: tuple[str, np.ndarray]) -> dict[str, torch.Tensor]:
        path, rows = some
        with Shard(path) as shard:
            return latents_of(shard, rows, autoencoder)

    inputs = [index, *shards, text_to_image]
    with work_folder(out, inputs, {"batch": batch, "code": code}, team()) as folder:
        encode(folder / "pairs", by_shard(table, batch), encode_batch, "encode pairs")
        team().wait_for_everyone()  # until all have opened what is moved now
        if team().is_main_process:
            with atomic_path(out) as target:
                (folder / "pairs").rename(target)


def hidden(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """What is shown of pictures [B,3,H,W] to edit inside of masks [B,H,W]: they are grey there.

    A picture that is to be repainted as a whole (an edit of its style) is shown as a whole.
    """
    whole = masks.flatten(1).all(1)[:, None, None]
    return torch.where((masks & ~whole)[:, None], torch.tensor(GREY), pictures)


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
    seen = encode_alike(autoencoder, masked).half()
    return coded | {"masked": seen, "mask": packed(mask)}


def encode_alike(autoencoder: Autoencoder, pictures: torch.Tensor) -> torch.Tensor:
    """Latents of pictures, to the bit as those in a batch of a shard's pictures.

    A CPU rounds a picture that is alone, or lies otherwise in memory, by other kernels.
    """
    several = torch.cat([pictures, pictures]) if len(pictures) == 1 else pictures
    several = several.contiguous(memory_format=torch.channels_last)
    return autoencoder.encode(several)[: len(pictures)]


def grey_latents(autoencoder: Autoencoder, height: int, width: int) -> torch.Tensor:
    """Latents [1,C,h,w] of a picture that shows nothing."""
    return autoencoder.encode(torch.full((1, 3, height, width), GREY))


def packed(masks: torch.Tensor) -> torch.Tensor:
    """Masks, bool [B,H,W], eight pixels a byte: uint8 [B,H*W/8]."""
    return torch.from_numpy(np.packbits(masks.flatten(1).numpy(), axis=1))


def unpacked(bits: torch.Tensor, side: int) -> torch.Tensor:
    """The square masks, bool [B,H,W], of `packed` ones."""
    masks = np.unpackbits(bits.numpy(), axis=1, count=side * side)
    return torch.from_numpy(masks.reshape(-1, side, side)).bool()
