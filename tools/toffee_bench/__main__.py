"""`python -m toffee_bench`: measure on this machine; figures as JSON, and as a table."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from toffee.config.load import load_config
from toffee.config.sections import Config
from toffee.runtime.device import device
from toffee.runtime.environment import quieten_libraries
from toffee.runtime.files import write_text
from toffee_bench import measure, report
from toffee_bench.setting import ROOT

ARCHITECTURES = ("tiny", "sd21")


def scale(name: str) -> Config:
    """The configuration of a scale, laid over the tiny one."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "config" / "config.yaml").read_text("utf-8"))
    if name != "tiny":
        overlay(values, yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text("utf-8")))
    return load_config(values)


def overlay(values: dict[str, Any], other: dict[str, Any]) -> None:
    """Lay a configuration over another, in place, as Snakemake does."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            overlay(values[key], value)
        else:
            values[key] = value


def cores() -> int:
    """Cores that this process may use, where the system tells; else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the JSON file and print the table."""
    parser = argparse.ArgumentParser(prog="python -m toffee_bench", description=__doc__)
    parser.add_argument(
        "--architecture",
        nargs="+",
        choices=ARCHITECTURES,
        default=ARCHITECTURES,
        help="tiny: the shipped models, chain against loop, writing and reading; sd21: the full "
        "size at random weights, single forwards, on a GPU the whole chain",
    )
    parser.add_argument("--pairs", type=int, default=128, help="of a shard of the chain")
    # Of 13 pairs 9 are generation and each kind of editing has one, as of the chain's.
    parser.add_argument("--loop-pairs", type=int, default=13, help="of a repeat of the loop")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--processes",
        type=int,
        default=cores(),
        help="of the chain on the whole machine, a thread each; by default its cores",
    )
    parser.add_argument("--out", type=Path, default=Path("results/bench"), help="folder")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # as a rule has
    quieten_libraries()
    shown = sys.argv[1:] if arguments is None else list(arguments)
    figures: dict[str, Any] = report.machine(" ".join(["python -m toffee_bench", *shown]))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if "tiny" in options.architecture:
            figures["synthesis"] = measure.small(
                scale("tiny"),
                folder,
                options.pairs,
                options.loop_pairs,
                options.repeats,
                1 if device().type == "cuda" else options.processes,
            )
            figures["reading"] = measure.batches_read(
                folder, {64: 512, 512: 96}, options.repeats + 2
            )
        if "sd21" in options.architecture:
            figures["full_size"] = measure.full(scale("paper"), folder, options.repeats)
            figures["sustained_tflops"] = figures["full_size"]["sustained_tflops"]
    path = options.out / report.file_name(figures["device"])
    write_text(path, json.dumps(figures, indent=2) + "\n")
    print(f"{report.markdown(figures)}\n\nwritten to {path}")


if __name__ == "__main__":
    main()
