"""The figures of a run as a Markdown table, with the machine that they are from."""

import importlib.metadata
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import torch

from toffee.provenance.record import git_state
from toffee.runtime.device import device

VERSIONS = ("torch", "diffusers", "transformers", "h5py", "webdataset", "wids", "datasets")


def device_name() -> str:
    """The GPU's name, or the processor's."""
    if device().type == "cuda":
        return torch.cuda.get_device_name()
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def machine(command: str) -> dict[str, object]:
    """Where and when figures were measured: device, versions, commit, command, load.

    `device_kind` is torch's name of it: cuda, cpu.
    """
    return {
        "device": device_name(),
        "device_kind": device().type,
        "cores": os.cpu_count(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS},
        "git": git_state(),
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def file_name(name: str) -> str:
    """A device's name as that of a file."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".json"


def markdown(figures: dict) -> str:
    """All figures, a line each: what, median, and least to largest of the repeats."""
    lines = [f"**{figures['device']}**, {figures['date']}, load {figures['load'][0]}", ""]
    lines += ["| measured | median | least – largest |", "| --- | ---: | --- |"]

    def add(what: str, value: dict, digits: int = 0) -> None:
        low, high = f"{value['min']:,.{digits}f}", f"{value['max']:,.{digits}f}"
        lines.append(f"| {what} | {value['median']:,.{digits}f} | {low} – {high} |")

    def single(what: str, text: str) -> None:
        lines.append(f"| {what} | {text} | |")

    def synthesis(name: str, part: dict) -> None:
        single(f"{name}: processes of the chain on the whole machine", str(part["processes"]))
        single(f"{name}: all threads of the loop", str(part["loop_all_threads"]))
        for way, value in part["pairs_per_hour"].items():
            add(f"{name}: pairs per hour, {way}", value)
        for place, ratios in part["ratio"].items():
            for way, value in ratios.items():
                add(f"{name}, {place}: {way} / loop", value, 2)
        add(f"{name}: writing, share of the chain's time", percent(part["writing_share"]), 2)

    def percent(value: dict) -> dict:
        return {name: 100 * share for name, share in value.items()}

    if "synthesis" in figures:
        synthesis("tiny", figures["synthesis"])
    for side, readers in figures.get("reading", {}).items():
        for name, value in readers.items():
            add(f"random batches of {side} px: samples/s, {name}", value)
    if "full_size" in figures:
        part = figures["full_size"]
        for dtype, speed in part["forwards"].items():
            single(
                f"SD 2.1 UNet, {speed['batch']} rows, {dtype}: s", f"{speed['unet_seconds']:.3f}"
            )
            single("the same with ControlNet: s", f"{speed['control_seconds']:.3f}")
            single(f"sustained TFLOP/s, {dtype}", f"{speed['tflops']:.3f}")
        for dtype, hours in part["projection"]["device_hours"].items():
            single(f"projection: device hours of 4.8 million pairs, {dtype}", f"{hours:,.0f}")
        if "synthesis" in part:
            synthesis("SD 2.1", part["synthesis"])
            hours = part["projection"]["device_hours_of_the_chain"]
            single("projection: device hours of the whole chain", f"{hours:,.0f}")
    return "\n".join(lines)
