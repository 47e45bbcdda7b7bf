"""Reading training batches of random rows: shards against webdataset and `datasets` Parquet.

All formats hold the same encoded bytes (target and input JPEG, mask PNG) and give the same tensors.
Every reader is one process without workers, its files are in the page cache, and it is used as its
documentation says is fast:

- `shard`: `toffee.storage.reader.Shard`, which also checks every image's SHA-256.
- `datasets`: Parquet with Image columns, loaded once into the memory-mapped Arrow cache (not
  counted), then rows by index.
- `webdataset`: tar files read in sequence through a shuffle buffer, its way to a random order.
  Its rows are not the random rows that are asked for, which spares it the seeking.
- `wids`: the same tar files by index, through its memory map; its own decoder for images.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from toffee.storage.encoding import ImageFormat, encode
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter

SHARDS = 2
BUFFER = 1000  # webdataset's own default of a shuffle buffer's size in its examples
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Targets and inputs, float32 [B,3,H,W] in [0,1], and masks, bool [B,H,W]."""
Reader = Callable[[np.ndarray], Batch]


def samples(pictures: list[np.ndarray], rows: int, seed: int) -> Iterator[dict[str, bytes]]:
    """Encoded targets, inputs and masks: pictures uint8 [H,W,3], each with noise of its own.

    The noise makes files as large as a camera's, and no two of them alike.
    """
    generator = np.random.default_rng(seed)
    for row in range(rows):
        pair = []
        for place in (row, row + 1):
            picture = pictures[place % len(pictures)].astype(np.float32)
            noisy = picture + generator.normal(0, 4, picture.shape)
            pair.append(encode(noisy.clip(0, 255).astype(np.uint8), "jpeg"))
        size = picture.shape[0]
        y, x = np.mgrid[:size, :size] / size - generator.uniform(0.3, 0.7, 2)[:, None, None]
        mask = x**2 + y**2 < generator.uniform(0.01, 0.1)
        yield {"target": pair[0], "input": pair[1], "mask": encode(mask, "mask")}


def write_formats(folder: Path, pictures: list[np.ndarray], rows: int, seed: int = 0) -> None:
    """Write the same samples as shards, tar files and Parquet, `rows` to each of two files."""
    import webdataset
    from datasets import Dataset, Features, disable_progress_bars
    from datasets import Image as ImageFeature

    disable_progress_bars()
    names = {"target": "jpg", "input": "jpg", "mask": "png"}
    for number in range(SHARDS):
        part = list(samples(pictures, rows, seed + number))
        columns = {name: [sample[name] for sample in part] for name in names}
        layout: dict[str, ImageFormat] = {"target": "jpeg", "input": "jpeg", "mask": "mask"}
        with ShardWriter(folder / f"{number:05d}.h5", rows, "bench", layout, {}) as writer:
            writer.append({}, columns)
        with webdataset.TarWriter(str(folder / f"{number:05d}.tar")) as tar:
            for row, sample in enumerate(part):
                files = {f"{name}.{names[name]}": data for name, data in sample.items()}
                tar.write({"__key__": f"{number:05d}_{row:06d}", **files})
        table = {
            name: [{"bytes": data, "path": None} for data in values]
            for name, values in columns.items()
        }
        features = Features(dict.fromkeys(names, ImageFeature()))
        Dataset.from_dict(table, features).to_parquet(folder / f"{number:05d}.parquet")


def _pictures(arrays: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float().div_(255)


def _masks(arrays: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays).astype(bool))


def shard_reader(folder: Path) -> Reader:
    """Rows of the shards, as `Shard` gives them."""
    shards = [Shard(path) for path in sorted(folder.glob("*.h5"))]
    ends = np.cumsum([len(shard) for shard in shards])

    def read(rows: np.ndarray) -> Batch:
        which = np.searchsorted(ends, rows, side="right")
        columns: dict[str, list] = {
            name: [None] * len(rows) for name in ("target", "input", "mask")
        }
        for number, shard in enumerate(shards):
            places = np.flatnonzero(which == number)
            own = rows[places] - (ends[number] - len(shard))
            for name, arrays in columns.items():
                for place, array in zip(places, shard.arrays(name, own), strict=True):
                    arrays[place] = array
        return _pictures(columns["target"]), _pictures(columns["input"]), _masks(columns["mask"])

    return read


def datasets_reader(folder: Path) -> Reader:
    """Rows of the Parquet files by index."""
    from datasets import load_dataset

    files = [str(path) for path in sorted(folder.glob("*.parquet"))]
    rows_of = load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(folder / "cache")
    ).with_format("numpy")

    def read(rows: np.ndarray) -> Batch:
        batch = rows_of[rows]
        return (
            _pictures(list(batch["target"])),
            _pictures(list(batch["input"])),
            _masks(list(batch["mask"])),
        )

    return read


def webdataset_reader(folder: Path) -> Reader:
    """As many samples as are asked for, in the order of a shuffle buffer."""
    import webdataset

    def decoded(sample: dict) -> dict[str, np.ndarray]:
        return {
            name: np.asarray(sample[name]) for name in sample if name.endswith((".jpg", ".png"))
        }

    files = [str(path) for path in sorted(folder.glob("*.tar"))]
    stream = iter(
        webdataset.WebDataset(files, shardshuffle=len(files), seed=0)
        .shuffle(BUFFER)
        .decode(webdataset.imagehandler("pil", ["jpg"]), webdataset.imagehandler("pill", ["png"]))
        .map(decoded)
        .repeat()
    )

    def read(rows: np.ndarray) -> Batch:
        some = [next(stream) for _ in rows]
        return (
            _pictures([sample["target.jpg"] for sample in some]),
            _pictures([sample["input.jpg"] for sample in some]),
            _masks([sample["mask.png"] for sample in some]),
        )

    return read


def wids_reader(folder: Path) -> Reader:
    """Rows of the tar files by index."""
    import wids

    shards = [
        {"url": str(path), "nsamples": len(Shard(path.with_suffix(".h5")))}
        for path in sorted(folder.glob("*.tar"))
    ]
    rows_of = wids.ShardListDataset(shards, localname=lambda url: url, keep=True)

    def read(rows: np.ndarray) -> Batch:
        some = [rows_of[int(row)] for row in rows]
        return (
            _pictures([np.asarray(sample[".target.jpg"]) for sample in some]),
            _pictures([np.asarray(sample[".input.jpg"]) for sample in some]),
            _masks([np.asarray(sample[".mask.png"]) for sample in some]),
        )

    return read


READERS = {
    "shard": shard_reader,
    "webdataset": webdataset_reader,
    "wids": wids_reader,
    "datasets": datasets_reader,
}


def measure(
    folder: Path, rows: int, batch: int = 64, batches: int = 4, repeats: int = 5
) -> dict[str, list[float]]:
    """Samples per second of every reader and repeat; the readers take turns.

    Args:
        folder: what `write_formats` wrote.
        rows: samples there in all.
        batch, batches: random rows of a batch, batches of a repeat.
        repeats: turns of every reader.
    """
    readers = {name: make(folder) for name, make in READERS.items()}
    generator = np.random.default_rng(0)
    for read in readers.values():
        read(generator.integers(rows, size=batch))  # caches, indexes and buffers are filled
    speeds: dict[str, list[float]] = {name: [] for name in readers}
    for repeat in range(repeats):
        wanted = [generator.integers(rows, size=batch) for _ in range(batches)]
        names = list(readers)
        for name in names[repeat % len(names) :] + names[: repeat % len(names)]:
            start = time.perf_counter()
            for some in wanted:
                readers[name](some)
            speeds[name].append(batch * batches / (time.perf_counter() - start))
    return speeds
