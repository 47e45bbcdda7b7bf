"""A user's own pictures of the benchmark, as the row of a method of any kind.

<folder>/<subject>/<prompt>_<seed>.png      numbers from 0: the prompt's place in the subject's list
<folder>/sample_<uid>.jpg                   or a method's folder in ImagenHub's layout, with
<folder>/../dataset_lookup.json             the subject and the prompt of each sample
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from toffee.data.loaders.dreambench import Benchmark, load_benchmark
from toffee.data.loaders.images import read_array
from toffee.evaluation.benchmark import BenchmarkImage
from toffee.evaluation.image_set import write_benchmark_images
from toffee.evaluation.imagenhub import LOOKUP, TOKEN, read_lookup
from toffee.runtime.errors import ToffeeError
from toffee.runtime.progress import progress
from toffee.runtime.text import printable

NAME = re.compile(r"^(\d+)_(\d+)\.(?:png|jpe?g|webp)$")
SAMPLE = re.compile(r"^sample_.+\.(?:png|jpe?g)$")
SHOWN = 20
"""Faults that are printed; the number of all is always said."""

Key = tuple[str, int, int]
"""Subject, place of the prompt, generation seed."""


def import_pictures(
    *,
    method: str,
    draw: int,
    draws: int,
    source: Mapping[str, str],
    benchmark: str | Path,
    out: str | Path,
) -> None:
    """Read the pictures of one generation seed from a folder, and store them without loss.

    Args:
        method: the row's name.
        draw: the generation seed.
        draws: number of generation seeds; the folder holds each prompt of each subject so often.
        source: `path`: the folder.
        benchmark: the benchmark's folder.
        out: file to write, see `write_benchmark_images`.

    Raises:
        ToffeeError: a picture is missing, is one too many, has another size than the others, is not
            square, or cannot be read. All faults are printed, a line each; the error counts them.
    """
    folder = Path(source["path"])
    loaded = load_benchmark(benchmark)
    if not folder.is_dir():
        raise ToffeeError(f"evaluation.pictures.{method}: {folder} is no folder")
    found, faults = list_pictures(folder, loaded, draws)
    images = [
        BenchmarkImage(subject, place, draw)
        for subject in loaded.subjects
        for place in range(len(subject.prompts))
    ]
    paths = [found.get((one.subject.subject, one.place, draw)) for one in images]
    arrays, broken = _read([path for path in paths if path is not None], folder)
    faults += broken
    if faults:
        for fault in faults[:SHOWN]:
            print(f"{folder}: {printable(fault)}", file=sys.stderr)
        more = f" and {len(faults) - 1} other faults" if len(faults) > 1 else ""
        raise ToffeeError(f"{folder}: {printable(faults[0])}{more} (evaluation.pictures.{method})")
    conditioned_on = {one.subject: one.subject for one in loaded.subjects}
    write_benchmark_images(out, method, images, arrays, conditioned_on, 95, lossless=True)


def list_pictures(
    folder: Path, benchmark: Benchmark, draws: int
) -> tuple[dict[Key, Path], list[str]]:
    """The pictures of a folder by what they show, and a line for each missing or surplus one."""
    theirs = (folder.parent / LOOKUP).is_file()
    theirs = theirs and any(SAMPLE.match(path.name) for path in folder.iterdir())
    found, faults = (_list_samples if theirs else _list_own)(folder, benchmark)
    wanted = [
        (subject.subject, place, seed)
        for seed in range(draws)
        for subject in benchmark.subjects
        for place in range(len(subject.prompts))
    ]
    faults += [f"{_name(key)} is missing" for key in wanted if key not in found]
    faults += [
        f"{path.relative_to(folder)} is one too many: seed {key[2]}, expected 0 to {draws - 1}"
        for key, path in found.items()
        if key[2] >= draws
    ]
    return found, faults


def _list_own(folder: Path, benchmark: Benchmark) -> tuple[dict[Key, Path], list[str]]:
    """Pictures in folders of subjects, and a line for each file that is none of these."""
    prompts = {one.subject: len(one.prompts) for one in benchmark.subjects}
    found: dict[Key, Path] = {}
    faults = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_dir() or any(part.startswith(".") for part in name.parts):
            continue
        match = NAME.match(path.name)
        if len(name.parts) != 2 or match is None:
            faults.append(f"{name} is one too many, expected <subject>/<prompt>_<seed>.png")
        elif name.parts[0] not in prompts:
            faults.append(f"{name} is one too many: no subject of the benchmark has that name")
        elif (key := (name.parts[0], int(match[1]), int(match[2]))) in found:
            faults.append(f"{name} is one too many: {found[key].name} is there")
        elif key[1] >= prompts[key[0]]:
            last = prompts[key[0]] - 1
            faults.append(f"{name} is one too many: prompt {key[1]}, expected 0 to {last}")
        else:
            found[key] = path
    return found, faults


def _list_samples(folder: Path, benchmark: Benchmark) -> tuple[dict[Key, Path], list[str]]:
    """The same of a folder in ImagenHub's layout: the n-th sample of a prompt is of seed n."""
    places = {
        (one.subject, prompt.template.format(TOKEN, one.class_word)): (one.subject, place)
        for one in benchmark.subjects
        for place, prompt in enumerate(one.prompts)
    }
    found: dict[Key, Path] = {}
    faults = []
    times: Counter[tuple[str, int]] = Counter()
    entries = read_lookup(folder.parent / LOOKUP)
    for name, (subject, prompt) in entries.items():
        known = places.get((subject, prompt))
        if known is None:
            faults.append(f"{LOOKUP}: {name} has no prompt of the benchmark: {subject}, {prompt}")
            continue
        if (folder / name).is_file():
            found[(*known, times[known])] = folder / name
        times[known] += 1
    extra = sorted(path.name for path in folder.iterdir() if path.name not in entries)
    faults += [f"{name} is one too many: not in {LOOKUP}" for name in extra if name[0] != "."]
    return found, faults


def _read(paths: list[Path], folder: Path) -> tuple[list[np.ndarray], list[str]]:
    """Pictures of one size, and a line for each that cannot be read or has another."""
    arrays: list[np.ndarray] = []
    faults = []
    for path in progress(paths, desc=f"read {folder.name}", unit="picture"):
        try:
            array = read_array(path)
        except ToffeeError as error:
            faults.append(str(error).replace(f"{folder}/", ""))
            continue
        height, width = array.shape[:2]
        side = len(arrays[0]) if arrays else height
        if height != width or height != side:
            name = path.relative_to(folder)
            faults.append(f"{name} has {width} by {height} pixels, expected {side} by {side}")
            continue
        arrays.append(array)
    return arrays, faults


def _name(key: Key) -> str:
    subject, place, seed = key
    return f"{subject}/{place:02d}_{seed}.png"
