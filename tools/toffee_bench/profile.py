"""`python -m toffee_bench.profile`: where the CPU time of a shard and of the trainings goes.

Everything is done twice: first with torch's counter of FLOPs, which also warms it up, then with a
clock. One process, one thread, the CPU.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import diffusers
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from toffee.method.pair_latents import encode_pairs
from toffee.method.refiner import pretrain_refiner
from toffee.method.toffeenet import train_toffeenet
from toffee.method.view_generator import pretrain_view_generator
from toffee.models.clip import Clip
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder
from toffee.models.semantic_segmenter import SemanticSegmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.text_to_image import TextEncoder
from toffee.runtime.compute import EXACT, Compute, computing
from toffee.runtime.distributed import team
from toffee.runtime.environment import quieten_libraries
from toffee.runtime.files import write_text
from toffee.storage.writer import ShardWriter
from toffee.training import loop
from toffee.training.average import Average
from toffee.training.optimizer import MuonAndAdamW
from toffee_bench import chain, report
from toffee_bench.__main__ import scale
from toffee_bench.setting import Setting, clear, prepare

Part = tuple[Any, str, str]  # owner, the method's name, what the table calls it

DRAWING: list[Part] = [
    (diffusers.UNet2DConditionModel, "forward", "UNet"),
    (diffusers.ControlNetModel, "forward", "ControlNet"),
    (Autoencoder, "encode", "VAE, encode"),
    (Autoencoder, "decode", "VAE, decode"),
    (TextEncoder, "__call__", "text encoder"),
    (SubjectEncoder, "encode", "subject encoder"),
    (DepthEstimator, "__call__", "depth estimator"),
    (SemanticSegmenter, "segment", "segmenter"),
    (Clip, "images", "CLIP, pictures"),
    (Clip, "texts", "CLIP, texts"),
    (ShardWriter, "_encoded", "PNG and JPEG"),
    (ShardWriter, "_write_hdf5", "HDF5"),
]


class Meter:
    """CPU seconds, or FLOPs, of the calls of each part.

    Attributes:
        seconds, flops: of each call, by part.
    """

    def __init__(self, counts: bool) -> None:
        """counts: FLOPs, and not seconds."""
        self.counts = counts
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.flops: dict[str, list[int]] = defaultdict(list)

    @contextmanager
    def of(self, parts: list[Part]) -> Iterator[None]:
        """Inside, calls of these parts are measured. No part calls another one."""
        patches = [
            mock.patch.object(owner, name, self._measured(getattr(owner, name), what))
            for owner, name, what in parts
        ]
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in reversed(patches):
                patch.stop()

    def _measured(self, call: Callable[..., Any], what: str) -> Callable[..., Any]:
        def count(*given: Any, **named: Any) -> Any:
            with FlopCounterMode(display=False) as counter:
                result = call(*given, **named)
            self.flops[what].append(counter.get_total_flops())
            return result

        def clock(*given: Any, **named: Any) -> Any:
            start = time.thread_time()  # without the thread that writes
            result = call(*given, **named)
            self.seconds[what].append(time.thread_time() - start)
            return result

        return count if self.counts else clock


def peak(dtype: str, size: int = 1024, repeats: int = 9) -> float:
    """FLOPs per second of the best of several products of square matrices, one thread."""
    matrix, best = torch.randn(size, size).to(getattr(torch, dtype)), float("inf")
    for _ in range(repeats):
        start = time.thread_time()
        matrix @ matrix
        best = min(best, time.thread_time() - start)
    return 2 * size**3 / best


def start_up(module: str) -> float:
    """CPU seconds of a new process until it has a rule's module with all libraries."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def shard(setting: Setting, plan: Path, out: Path, settings: Compute) -> dict[str, Any]:
    """Of each rule of a shard `seconds` in all, and by part `parts` and `flops`."""
    rules: dict[str, Any] = {}
    with computing(settings):
        for counts in (True, False):
            clear(out)
            for rule, call in chain.stages(setting, plan, out).items():
                meter = Meter(counts)
                start = time.process_time()
                with meter.of(DRAWING):
                    call()
                found = rules.setdefault(rule, {})
                if counts:
                    found["flops"] = {what: sum(each) for what, each in meter.flops.items()}
                else:
                    found["seconds"] = time.process_time() - start
                    found["parts"] = {what: sum(each) for what, each in meter.seconds.items()}
    return rules


def index_of_all(plan: Path, out: Path) -> Path:
    """An index that accepts every pair of a shard, as the filter writes it."""
    rows = pd.read_parquet(plan)[["sample_id", "row", "kind"]]
    rows.assign(shard=plan.stem, accepted=True).to_parquet(out)
    return out


Training = tuple[Callable[..., None], Any, dict[str, Any]]  # function, its settings, the rest


def training_calls(setting: Setting, plan: Path, shard: Path) -> dict[str, Training]:
    """The calls of the rules that train, by rule, but for `out`; ToffeeNet on all pairs of a shard.

    Their inputs are those of the chain, and `encoded` and `index.parquet` beside them.
    """
    config, folder, model = setting.config, setting.folder, setting.model
    common = {
        "text_to_image": model("text_to_image"),
        "subject_encoder": model("subject_encoder"),
        "resolution": config.data.resolution,
        "seed": config.seed,
    }
    frames, depth = folder / "multiview", {"depth_estimator": model("depth")}
    refiner, views, net = config.refiner, config.view_generator, config.toffeenet
    grid = {"token_grid": refiner.token_grid, "token_dropout": refiner.token_dropout}
    pairs = {
        "index": folder / "index.parquet",
        "shards": [str(shard)],
        "encoded": folder / "encoded",
        "view_generator": model("view_generator"),
        "conditioning": net.conditioning,
    }
    index_of_all(plan, folder / "index.parquet")
    return {
        "pretrain_refiner": (
            pretrain_refiner,
            refiner.training,
            {**common, **grid, "multiview": frames},
        ),
        "pretrain_view_generator": (
            pretrain_view_generator,
            views.training,
            {
                **common,
                **depth,
                "multiview": frames,
                "depth": views.depth,
                "reference": views.reference,
            },
        ),
        "train_toffeenet": (train_toffeenet, net.training, {**common, **depth, **pairs}),
    }


def trainings(setting: Setting, plan: Path, shard: Path, steps: int) -> dict[str, Any]:
    """Of a step of each training the median CPU seconds by part (`parts`), and its FLOPs."""
    folder, found = setting.folder, {}
    calls = training_calls(setting, plan, shard)
    clear(folder / "encoded")
    encode_pairs(
        index=folder / "index.parquet",
        shards=[str(shard)],
        text_to_image=setting.model("text_to_image"),
        out=folder / "encoded",
    )
    for rule, (train, training, given) in calls.items():
        one: dict[str, Any] = {}
        optimizer = MuonAndAdamW if training.optimizer == "muon" else torch.optim.AdamW
        parts: list[Part] = [
            (loop._Objective, "forward", "forward"),
            (type(team()), "backward", "backward"),
            (type(team()), "clip_grad_norm_", "clip"),
            (optimizer, "step", "optimizer"),
            (Average, "update", "average"),
        ]
        for counts in (True, False):
            meter = Meter(counts)
            settings = replace(setting.config.training.applied(training), steps=steps)
            clear(folder / "trained")
            with meter.of(parts):
                train(out=folder / "trained", training=settings, **given)
            each = meter.flops if counts else meter.seconds
            name = "flops" if counts else "parts"
            one[name] = {what: statistics.median(values) for what, values in each.items()}
        found[rule] = one | {"seconds": sum(one["parts"].values())}
    return found


def table(figures: dict[str, Any]) -> str:
    """All figures: seconds, their share, and the share of the processor's peak that is reached."""
    lines = [
        "| spent on | CPU seconds | share, % | of the peak, % |",
        "| --- | ---: | ---: | ---: |",
    ]
    for title, unit, rules in figures["measured"]:
        for rule, one in rules.items():
            lines.append(f"| **{title}: {rule}**, {unit} | {one['seconds']:.3f} | 100 | |")
            parts = sorted(one["parts"].items(), key=lambda part: -part[1])
            for what, seconds in parts:
                share, flops = 100 * seconds / one["seconds"], one["flops"].get(what, 0)
                reached = 100 * flops / seconds / figures["peak"][title] if seconds else 0
                if share >= 1:
                    near = f"{reached:.0f}" if flops else ""
                    lines.append(f"| {what} | {seconds:.3f} | {share:.0f} | {near} |")
    return "\n".join(lines)


def main() -> None:
    """Profile, write the JSON file and print the table."""
    parser = argparse.ArgumentParser(prog="python -m toffee_bench.profile", description=__doc__)
    parser.add_argument("--pairs", type=int, default=128, help="of the shard")
    parser.add_argument("--steps", type=int, default=15, help="of each training")
    parser.add_argument("--out", type=Path, default=Path("results/bench"), help="folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    quieten_libraries()
    figures: dict[str, Any] = report.machine(
        " ".join(["python -m toffee_bench.profile", *sys.argv[1:]])
    )
    figures["start_up"] = start_up("toffee.synthesis.initial")
    figures["peak"] = {dtype: peak(dtype) for dtype in ("float32", "bfloat16")}
    with tempfile.TemporaryDirectory() as scratch:
        setting = prepare(Path(scratch), scale("tiny"))
        plan, out = setting.plan(0, options.pairs), Path(scratch, "out")
        shards = {
            dtype: shard(setting, plan, out, replace(EXACT, dtype=dtype))
            for dtype in ("bfloat16", "float32")
        }
        steps = trainings(setting, plan, out / "shards" / f"{plan.stem}.h5", options.steps)
    unit = f"{options.pairs} pairs"
    figures["measured"] = [
        *((dtype, unit, shards[dtype]) for dtype in ("float32", "bfloat16")),
        ("float32", "a step", steps),
    ]
    path = options.out / f"profile-{report.file_name(figures['device'])}"
    write_text(path, json.dumps(figures, indent=2) + "\n")
    tops = ", ".join(f"{dtype} {top / 1e9:.0f} GFLOP/s" for dtype, top in figures["peak"].items())
    print(f"start of a process: {figures['start_up']:.1f} s; products of matrices: {tops}")
    print(f"{table(figures)}\n\nwritten to {path}")


if __name__ == "__main__":
    main()
