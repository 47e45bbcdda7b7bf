"""Small plans, and small finished shards with scores."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from toffee.config.sections.filter import SCORES, Filter
from toffee.config.sections.synthesis import KINDS
from toffee.storage.writer import ShardWriter
from toffee.synthesis.listing import list_subjects
from toffee.synthesis.plan import plan_shard

IMAGES = {"input": "jpeg", "target": "jpeg", "mask": "mask", "subject": "png"}
IMAGES |= {"subject_mask": "mask"}
COLUMNS = {"sample_id": "str", "subject": "str", "kind": "str", "prompt": "str"}
COLUMNS |= {"class_word": "str"}
COLUMNS |= {"subject_licence": "str", "donor_licence": "str", "seed_edits": "int"}
COLUMNS |= dict.fromkeys(SCORES, "float")

# Every threshold rejects some of the random rows below, whatever scores there are.
LIMITS = {name: 0.1 if name.startswith("min_") else 0.9 for name in Filter.model_fields}
LIMITS |= {"min_subject_similarity": 0.3, "min_text_alignment": 0.2, "min_change_read": 0.2}
LIMITS |= {"max_copy_rate": 0.8, "min_mask_connectedness": 0.2}


def write_list(
    folder: Path, subjects: Path, multiview: Path, subject_poses: bool = False
) -> dict[str, Path]:
    """What a plan chooses from, and what was set aside: the paths, by name."""
    paths = {
        "subjects": folder / "subjects.parquet",
        "donors": folder / "donors.parquet",
        "quarantine": folder / "quarantine.csv",
    }
    out, donors, quarantine = paths.values()
    list_subjects(subjects, multiview, out, donors, quarantine, subject_poses)
    return paths


def write_plan(folder: Path, world: Path, prompts: Path, kinds: dict, samples: int) -> Path:
    """The plan of the first shard over a world's subjects."""
    listed = write_list(folder, world / "subjects", world / "multiview")
    out = folder / "plan" / "00000.parquet"
    given = (listed["subjects"], listed["donors"], prompts, world / "subjects", world / "multiview")
    plan_shard(*given, kinds, "00000", samples, 0, out)
    return out


def write_shard(path: Path, rows: Sequence[dict], first: int = 0) -> Path:
    """A shard of 8 x 8 pixels; `rows` give scores and kind, everything else is filled in."""
    columns: dict[str, list] = {name: [] for name in COLUMNS}
    images: dict[str, list] = {name: [] for name in IMAGES}
    for number, row in enumerate(rows, start=first):
        values = {
            "sample_id": f"{number:016x}",
            "subject": f"s{number % 5}",
            "prompt": f"p{number}",
            "class_word": "crate",
            "subject_licence": "apache-2.0",
            "donor_licence": "apache-2.0",
            "seed_edits": 2**62 + number,
        }
        values |= {"kind": "generation"} | dict.fromkeys(SCORES, 0.5) | row
        for name in COLUMNS:
            columns[name].append(values[name])
        pixels = np.full((8, 8, 3), number % 256, np.uint8)
        mask = np.zeros((8, 8), bool)
        mask.flat[: 1 + number % 63] = True
        lacking = values["kind"] == "generation" and number % 4 == 0
        images["input"].append(None if lacking else pixels)
        images["target"].append(255 - pixels)
        images["subject"].append(pixels)
        images["mask"].append(mask)
        images["subject_mask"].append(mask)
    with ShardWriter(path, len(rows), "test", IMAGES, COLUMNS) as shard:
        shard.append(columns, images)
    return path


def random_rows(count: int, seed: int) -> list[dict]:
    """Rows of all kinds with uniform scores, some of them missing."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        row = dict(zip(SCORES, generator.random(len(SCORES)).tolist(), strict=True))
        if number % 10 == 0:
            row[list(SCORES)[number // 10 % len(SCORES)]] = float("nan")
        rows.append(row | {"kind": KINDS[int(generator.integers(5))]})
    return rows


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return [
        write_shard(tmp_path / f"{number:05d}.h5", random_rows(100, number), 100 * number)
        for number in range(3)
    ]
