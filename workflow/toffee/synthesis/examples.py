"""Examples of a shard's stages, which stay where the stages' own files are removed."""

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path

from toffee.storage.encoding import MINIMUM_QUALITY, ImageFormat
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter
from toffee.synthesis.plan import read_plan

EXAMPLES = 64
"""Pairs; 6 MB a stage at 512 pixels."""


def keep_examples(plan: Path, initial: Path, refined: Path, views: Path, out: Path) -> None:
    """Copy the pictures of all stages of a shard's first generation pairs, byte by byte.

    Args:
        plan: the shard's plan.
        initial, refined, views: the files of its stages.
        out: images `initial`, `refined` and `view`, and column `row`, the pair's in the plan.
    """
    samples = read_plan(plan)
    rows = samples[samples["kind"] == "generation"]["row"].tolist()[:EXAMPLES]
    stages = {"initial": initial, "refined": refined, "view": views}
    with ExitStack() as stack:
        shards = {name: stack.enter_context(Shard(path)) for name, path in stages.items()}
        # Of the pictures themselves: stages that were drawn again may differ, by a rounding too.
        copied = [[shard.digest("image", row) for row in rows] for shard in shards.values()]
        identity = hashlib.sha256(json.dumps([rows, copied]).encode()).hexdigest()
        layout: dict[str, ImageFormat] = dict.fromkeys(stages, "jpeg")
        writer = stack.enter_context(
            ShardWriter(out, len(rows), identity, layout, {"row": "int"}, MINIMUM_QUALITY)
        )
        rows = rows[writer.done :]
        images = {
            name: [shard.encoded("image", row) for row in rows] for name, shard in shards.items()
        }
        writer.append({"row": rows}, images)
