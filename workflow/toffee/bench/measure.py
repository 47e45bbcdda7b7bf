"""The measurements of `python -m toffee.bench`, each a dictionary of figures."""

import os
import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from toffee.bench import chain, full_size, loop, reading, writing
from toffee.bench.setting import Setting, clear, prepare
from toffee.compute import Compute, computing
from toffee.config.sections import Config
from toffee.data.images import list_images, read_image, to_arrays
from toffee.device import device
from toffee.world.write import write_subjects

PAIRS = 4_800_000  # of the paper's dataset
FAST = Compute(dtype="bfloat16", channels_last=True)


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and largest of repeats."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def synthesis(
    setting: Setting, folder: Path, pairs: int, loop_pairs: int, repeats: int
) -> dict[str, object]:
    """Pairs per hour of the chain and of the obvious loop, which take turns; ratios by repeat.

    Args:
        setting: models, photographs and configuration.
        folder: scratch.
        pairs, loop_pairs: candidate pairs of a repeat of the chain, and of the loop.
        repeats: turns of each.
    """
    plan, loop_plan = setting.plan(0, pairs), setting.plan(1, loop_pairs)
    ways = {"chain": Compute(**setting.config.compute.model_dump()), "chain, bfloat16": FAST}
    per_hour: dict[str, list[float]] = {"loop": []} | {name: [] for name in ways}
    stages: list[dict[str, float]] = []
    written = []
    chain.run(setting, setting.plan(2, 2), folder / "warm")  # libraries are loaded once
    for repeat in range(repeats):
        per_hour["loop"].append(3600 * loop_pairs / loop.run(setting, loop_plan, folder / "loop"))
        # Which of them comes first, and so next to the loop, changes.
        for name in sorted(ways, reverse=bool(repeat % 2)):
            clear(folder / "chain")
            with computing(ways[name]):
                seconds = chain.run(setting, plan, folder / "chain")
            per_hour[name].append(3600 * pairs / sum(seconds.values()))
            if name == "chain":
                stages.append(seconds)
                clear(folder / "written")
                batch = setting.config.sampler.batch
                once_more = writing.seconds(folder / "chain", batch, folder / "written")
                written.append(once_more / sum(seconds.values()))
    ratios = {
        name: spread([a / b for a, b in zip(per_hour[name], per_hour["loop"], strict=True)])
        for name in ways
    }
    return {
        "pairs": pairs,
        "loop_pairs": loop_pairs,
        "repeats": repeats,
        "pairs_per_hour": {name: spread(values) for name, values in per_hour.items()},
        "ratio": ratios,
        "seconds_per_pair": {
            rule: statistics.median(s[rule] for s in stages) / pairs for rule in stages[0]
        },
        "writing_share": spread(written),
    }


def small(config: Config, folder: Path, pairs: int, loop_pairs: int, repeats: int) -> dict:
    """`synthesis` of the tiny scale, with the models that ship with the repository."""
    return synthesis(prepare(folder / "tiny", config), folder, pairs, loop_pairs, repeats)


def batches_read(folder: Path, rows: Mapping[int, int], repeats: int) -> dict[str, dict]:
    """Samples per second of random batches of 64 by reader, for each side in pixels.

    Args:
        folder: scratch.
        rows: samples of each of the two files, by side.
        repeats: turns of every reader.
    """
    results = {}
    for side, count in rows.items():
        place = folder / f"reading_{side}"
        write_subjects(place / "world", 16, 0, side)
        images = [read_image(path) for path in list_images(place / "world" / "images")]
        reading.write_formats(place, to_arrays(torch.stack(images)), count)
        batches = 4 if side < 256 else 1
        speeds = reading.measure(place, reading.SHARDS * count, batches=batches, repeats=repeats)
        results[str(side)] = {name: spread(values) for name, values in speeds.items()}
    return results


def full(config: Config, folder: Path, repeats: int, sizes: dict | None = None) -> dict:
    """The full-size architecture: single forwards, and on a GPU the whole chain against the loop.

    Args:
        config: the configuration of the paper's scale, for the projection.
        folder: scratch.
        repeats: of the chain.
        sizes: changes of the models' configs (see `full_size.prepare_models`).
    """
    gpu, sizes = device().type == "cuda", sizes or {}
    threads = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or threads)
    forwards = full_size.unet_speeds(
        ["float32", "bfloat16"], 16 if gpu else 1, 5 if gpu else 1, sizes.get("unet")
    )
    results = {
        "threads": torch.get_num_threads(),
        "forwards": forwards,
        "sustained_tflops": {dtype: speed["tflops"] for dtype, speed in forwards.items()},
        "projection": {
            "pairs": PAIRS,
            "rows_per_pair": full_size.forwards_per_pair(config),
            "device_hours": {
                dtype: full_size.project(config, speed, PAIRS) for dtype, speed in forwards.items()
            },
            "assumes": "UNet and ControlNet forwards alone, steps and guidance of "
            "config/paper.yaml; autoencoder, encoders, loading and reading come on top",
        },
    }
    torch.set_num_threads(threads)
    if gpu:
        world = config.data.model_copy(update={"source": "world"})
        config = config.model_copy(update={"data": world})
        models = full_size.prepare_models(folder / "models", sizes)
        setting = replace(prepare(folder / "sd21", config, models))
        measured = synthesis(setting, folder, 2 * config.sampler.batch, 2, repeats)
        hours = PAIRS / measured["pairs_per_hour"]["chain"]["median"]
        results["synthesis"] = measured
        results["projection"]["device_hours_of_the_chain"] = hours
    return results
