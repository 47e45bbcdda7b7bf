"""The measurements of `python -m toffee_bench`, each a dictionary of figures."""

import os
import statistics
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from toffee.config.sections import Config
from toffee.config.sources import Real
from toffee.data.loaders.images import list_images, read_image, to_arrays
from toffee.data.world.write import write_subjects
from toffee.runtime.compute import EXACT, Compute
from toffee.runtime.device import device
from toffee.runtime.progress import progress
from toffee_bench import full_size, reading, writing
from toffee_bench.setting import Setting, clear, prepare
from toffee_bench.worker import Worker, together

PAIRS = 4_800_000  # of the paper's dataset
FAST = Compute(dtype="bfloat16", channels_last=True)


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and largest of repeats."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def synthesis(
    setting: Setting, folder: Path, pairs: int, loop_pairs: int, repeats: int, processes: int
) -> dict[str, object]:
    """Pairs per hour of the chain and of the obvious loop, which take turns; ratios by turn.

    The whole machine: the chain as `snakemake --cores` runs it, a shard of its own in every process
    and a thread for each, against one process that runs the loop, with one thread or with all,
    whichever was faster in that turn (all threads are stopped once they take twice as long as one:
    on a busy machine they wait for each other for minutes). Equal threads: one process with one
    thread, both.

    Args:
        setting: models, photographs and configuration.
        folder: scratch.
        pairs: candidate pairs of a shard.
        loop_pairs: candidate pairs of a turn of the loop.
        repeats: turns of each.
        processes: of the whole machine: its cores, or 1 where a GPU does the work.
    """
    plans = [setting.plan(shard, pairs) for shard in range(processes)]
    loop_plan, first = setting.plan(processes, loop_pairs), setting.plan(processes + 1, 2)
    dtypes = {"chain": Compute(**setting.config.compute.model_dump()), "chain, bfloat16": FAST}
    places = {"whole machine": processes} | ({"1 thread": 1} if processes > 1 else {})
    ways = [(name, place) for place in places for name in dtypes]
    alone = list(places)[-1]
    turns: list[dict[str, float]] = []
    stages: list[dict[str, float]] = []
    written = []
    with ExitStack() as stack:

        def start(name: str, threads: int | None) -> Worker:
            return stack.enter_context(closing(Worker(folder / name, setting, threads)))

        cores = [start(f"core_{core}", 1) for core in range(processes)]
        loops = {"loop, 1 thread": cores[0], "loop, all threads": start("all", None)}
        # Libraries are loaded, and the kernels' code is made, before anything is measured.
        together(cores, "chain", [first] * processes, EXACT)
        for worker in loops.values():
            _, results = together([worker], "loop", [first], EXACT, limit=0.1)
        for turn in progress(range(repeats), desc="synthesis", unit="turn"):
            rates, limit = {}, None
            for name, worker in loops.items():
                seconds, made = together([worker], "loop", [loop_plan], EXACT, limit)
                rates[name], limit = 3600 * made[0]["pairs"] / seconds, 2 * seconds
            # Which of them comes first, and so next to the loop, changes.
            for name, place in ways[:: -1 if turn % 2 else 1]:
                count = places[place]
                seconds, made = together(cores[:count], "chain", plans[:count], dtypes[name])
                rates[f"{name}, {place}"] = 3600 * pairs * count / seconds
                if (name, place) == ("chain", alone):
                    stages.append(made[0]["stages"])
                    clear(folder / "written")
                    batch = setting.config.sampler.batch
                    written.append(
                        writing.seconds(cores[0].out, batch, folder / "written") / seconds
                    )
            turns.append(rates)

    def ratio(name: str, place: str) -> dict[str, float]:
        rivals = list(loops) if place == "whole machine" else ["loop, 1 thread"]
        return spread(
            [rates[f"{name}, {place}"] / max(rates[r] for r in rivals) for rates in turns]
        )

    return {
        "pairs": pairs,
        "loop_pairs": loop_pairs,
        "repeats": repeats,
        "processes": processes,
        "loop_all_threads": results[0]["threads"],
        "pairs_per_hour": {
            way: spread([rates[way] for rates in turns])
            for way in [*loops, *(f"{name}, {place}" for name, place in ways)]
        },
        "ratio": {place: {name: ratio(name, place) for name in dtypes} for place in places},
        "seconds_per_pair": {
            rule: statistics.median(s[rule] for s in stages) / pairs for rule in stages[0]
        },
        "writing_share": spread(written),
    }


def small(
    config: Config, folder: Path, pairs: int, loop_pairs: int, repeats: int, processes: int
) -> dict:
    """`synthesis` of the tiny scale, with the models that ship with the repository."""
    setting = prepare(folder / "tiny", config)
    return synthesis(setting, folder / "work", pairs, loop_pairs, repeats, processes)


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
    results: dict[str, Any] = {
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
        nothing = Real(subjects=None, multiview=None, benchmark=None)
        world = config.data.model_copy(update={"source": "world", "real": nothing})
        config = config.model_copy(update={"data": world})
        models = full_size.prepare_models(folder / "models", sizes)
        setting = replace(prepare(folder / "sd21", config, models))
        measured: dict[str, Any] = synthesis(
            setting, folder / "work_sd21", 2 * config.sampler.batch, 2, repeats, processes=1
        )
        hours = PAIRS / measured["pairs_per_hour"]["chain, whole machine"]["median"]
        results["synthesis"] = measured
        results["projection"]["device_hours_of_the_chain"] = hours
    return results
