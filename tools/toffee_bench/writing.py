"""What writing costs: the chain's pictures written once more, with nothing behind anything."""

import time
from pathlib import Path

from toffee.models.diffusion import batches
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter
from toffee_bench.chain import STAGES


def seconds(out: Path, batch: int, scratch: Path) -> float:
    """Seconds to encode, commit and finish all files of a shard, batch by batch.

    A stage does this in a thread behind the drawing; here all of it is waited for, so it is the
    most that writing can add. What a stage takes over as encoded bytes is taken over here.

    Args:
        out: where `toffee_bench.chain.run` wrote.
        batch: rows of a batch.
        scratch: an empty folder.
    """
    spent = 0.0
    paths = [*((out / "stages" / name) for name in STAGES), out / "shards"]
    for number, path in enumerate(file for folder in paths for file in folder.glob("*.h5")):
        with Shard(path) as shard:
            finished = path.parent.name == "shards"
            columns = {name: shard.column(name).tolist() for name in shard.column_names}
            images = {
                name: [
                    None
                    if not shard.has(name, row)
                    else shard.encoded(name, row)
                    if finished and format != "mask"
                    else shard.arrays(name, [row])[0]
                    for row in range(len(shard))
                ]
                for name, format in shard.formats.items()
            }
            start = time.perf_counter()
            with ShardWriter(
                scratch / f"{number}.h5",
                len(shard),
                "bench",
                shard.formats,
                shard.types,
                shard.quality,
            ) as writer:
                for span in batches(len(shard), batch):
                    writer.append(
                        {name: values[span] for name, values in columns.items()},
                        {name: values[span] for name, values in images.items()},
                    )
            spent += time.perf_counter() - start
    return spent
