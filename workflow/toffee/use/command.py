"""A command that draws: its pictures, numbered, with a record as a job's in a folder of their own.

    drawn/0001-a-mug-in-the-snow-seed0.png     a picture
    drawn/0001-mask1.png, 0001-found1.png      the mask of the first photo, and how it lies on it
    drawn/records/, drawn/logs/0001.log        the command's record and log

`toffee audit drawn` checks such a folder, `toffee trace drawn/…` says what a picture was made from.
"""

import contextlib
import itertools
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toffee.launch.call import arguments_of, load
from toffee.launch.job import Tee, done_line
from toffee.launch.params import leaves
from toffee.launch.rerun import recorded_job
from toffee.provenance.code import COMMANDS, code_digest
from toffee.provenance.digests import read_json
from toffee.provenance.machine import note_run
from toffee.provenance.paths import LOGS, RECORDS, record_path
from toffee.provenance.record import Recorder
from toffee.provenance.sources import describe_source
from toffee.runtime.environment import quieten_libraries, use_threads
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import remove
from toffee.runtime.signals import raise_on_sigterm
from toffee.use.artist import ModelCard, Sampling
from toffee.use.model import Model

PHOTOS = "photos"
"""Folder of the drawings where photos and masks are that `toffee app` was given."""

SLUG = 40
"""Longest part of a prompt in a name."""


def draw(
    folder: Path,
    model: Model,
    sampling: Sampling,
    photos: Sequence[Path],
    masks: Sequence[Path],
    prompts: Sequence[str],
    seeds: Sequence[int],
    word: str,
    alone: bool = False,
    together: bool = False,
    base: bool = False,
    command: Sequence[str] = (),
) -> list[Path]:
    """Draw each prompt with each seed from each photo of one subject (see `draw_pictures`).

    Args:
        folder: of drawings; it is made where it is not there.
        alone: whether each prompt is also drawn without a photo, to compare.
        together: whether a picture is drawn from all photos, and not from each.
        base: whether the base model draws each prompt too, to compare.
        command: the command line, for the record.

    Returns:
        The pictures and the shown masks, in the order of their numbers.

    Raises:
        ToffeeError: something cannot be used; then nothing is left of it.
    """
    if masks and len(masks) != len(photos):
        raise ToffeeError(f"{len(masks)} masks for {len(photos)} photos, expected one for each")
    if base and model.base is None:
        raise ToffeeError(f"{model.pipeline}: there is no base model beside it (--base-model)")
    prompts = _without_twins(prompts)
    views = len(photos) if model.segmented else 0
    masked = list(masks) if views else []

    def names(number: str) -> dict[str, Any]:
        several = len(photos) > 1 and not together
        ends = [
            f"-photo{n}" if several else "" for n in range(1, (len(photos) if several else 1) + 1)
        ]
        stems = _stems(prompts, seeds)
        return {
            "out": [f"{number}-{stem}{end}.png" for stem in stems for end in ends],
            "alone": [f"{number}-{stem}-without-photo.png" for stem in stems if alone],
            "by_base": [f"{number}-{stem}-base-model.png" for stem in stems if base],
        }

    inputs: dict[str, Any] = {"photos": list(photos), "masks": masked}
    inputs |= {"base": model.base} if base else {}
    values = {"prompts": list(prompts), "seeds": list(seeds), "word": word, "together": together}
    return _run("draw_pictures", folder, model, sampling, inputs, values, names, views, command)


def edit(
    folder: Path,
    model: Model,
    sampling: Sampling,
    picture: Path,
    mask: Path | None,
    photo: Path | None,
    photo_mask: Path | None,
    prompts: Sequence[str],
    seeds: Sequence[int],
    word: str,
    background: bool = False,
    command: Sequence[str] = (),
) -> list[Path]:
    """Edit a picture with each prompt and seed (see `edit_picture`); the rest as in `draw`."""
    if photo_mask and not photo:
        raise ToffeeError("--subject-mask without --subject: expected both or neither")
    prompts = _without_twins(prompts)

    def names(number: str) -> dict[str, Any]:
        return {"out": [f"{number}-{stem}.png" for stem in _stems(prompts, seeds)]}

    inputs = {
        "picture": picture,
        "masks": [mask] if mask else [],
        "photos": [photo] if photo else [],
        "photo_masks": [photo_mask] if photo_mask else [],
    }
    values = {"prompts": list(prompts), "seeds": list(seeds), "word": word}
    values["background"] = background
    views = 2 if photo else 1
    return _run("edit_picture", folder, model, sampling, inputs, values, names, views, command)


def slug(text: str) -> str:
    """A text as a part of a file's name."""
    words = re.sub(r"\W+", "-", text.lower()).strip("-_")
    return words.encode()[:SLUG].decode(errors="ignore").strip("-") or "picture"


def _stems(prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """A name for each prompt and seed, in their order: no two prompts have the same one, though
    they may differ in nothing that `slug` keeps."""
    slugs: list[str] = []
    for plain in map(slug, prompts):
        numbered = (f"{plain}-{number}" for number in itertools.count(2))
        slugs.append(next(one for one in itertools.chain([plain], numbered) if one not in slugs))
    return [f"{one}-seed{seed}" for one in slugs for seed in seeds]


def _without_twins(prompts: Sequence[str]) -> list[str]:
    """The prompts without those that are equal to one before: their pictures would be, too."""
    for prompt, times in Counter(prompts).items():
        if times > 1:
            line = f"warning: {prompt!r} is given {times} times and drawn once"
            print(line, file=sys.stderr)
    return list(dict.fromkeys(prompts))


def _run(
    rule: str,
    folder: Path,
    model: Model,
    sampling: Sampling,
    inputs: Mapping[str, Any],
    values: Mapping[str, Any],
    names: Callable[[str], dict[str, Any]],
    views: int,
    command: Sequence[str],
) -> list[Path]:
    """Call a command's function with a record around it, from the folder that `folder` is in."""
    if not all(one.strip() for one in values["prompts"]) or not values["prompts"]:
        raise ToffeeError("no prompt, expected a text, e.g. --prompt 'a mug in the snow'")
    folder = Path(os.path.abspath(folder))
    require_drawings(folder)
    finding = {"segmenter": model.segmenter, "detector": model.detector}
    read = {**inputs, "pipeline": model.pipeline} | {k: p for k, p in finding.items() if p}
    read = {name: _located(path, folder) for name, path in read.items()}
    is_new = not folder.exists()
    root = folder.name
    with contextlib.chdir(_made(folder.parent)):
        number, log = _next_number(root)
        try:
            made = {**names(number), **_views(number, views)}
            output = {name: [f"{root}/{one}" for one in each] for name, each in made.items()}
            digest = describe_source(read["pipeline"], root)["sha256"]
            function = COMMANDS[rule]
            card = ModelCard(model.name, digest, model.licence)
            params = {"function": function, "code": code_digest(function), **values}
            params |= leaves("sampling", sampling) | leaves("card", card)
            job = recorded_job(
                {
                    "rule": rule,
                    "input": read,
                    "output": output,
                    "params": params,
                    "wildcards": {"number": number},
                    "threads": _threads(),
                    "log": log,
                },
                {},
            )
            note_run(command, {}, [])
            _call(job, log, f"{rule} {number}")
        except BaseException:
            remove(folder.parent / log)
            if is_new:
                forget_unused(folder)
            raise
        kinds = ("out", "alone", "by_base", "shown")
        return [folder.parent / path for kind in kinds for path in output.get(kind, ())]


def _call(job: Any, log: str, name: str) -> None:
    """Call a job's function; log and record as in `toffee.launch.job`, of errors nothing stays."""
    start, streams = time.monotonic(), (sys.stdout, sys.stderr)
    with open(log, "w", encoding="utf-8") as text:
        sys.stderr = Tee(streams[1], text)
        recorder = None
        try:
            use_threads(job.threads)
            quieten_libraries()
            with _stoppable():
                recorder = Recorder(job, own_process=False)
                function = load(job.params["function"])
                function(**arguments_of(function, job))
                recorder.finish()
            text.write(done_line(name, time.monotonic() - start, recorder.sha256) + "\n")
        except BaseException:
            for path in [*job.output, *([recorder.started] if recorder else [])]:
                remove(path)
                remove(record_path(recorder.root, path) if recorder else path)
            raise
        finally:
            sys.stdout, sys.stderr = streams


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM and Ctrl-C raise, where this is the thread that receives them."""
    import threading

    main = threading.current_thread() is threading.main_thread()
    with raise_on_sigterm() if main else contextlib.nullcontext():
        yield


def _views(number: str, count: int) -> dict[str, list[str]]:
    places = range(1, count + 1)
    return {
        "found": [f"{number}-mask{place}.png" for place in places],
        "shown": [f"{number}-found{place}.png" for place in places],
    }


def _located(path: Any, folder: Path) -> Any:
    """Paths from the folder that the drawings are in: of a drawing from there, of any other file
    from the root of the disk."""
    if isinstance(path, list):
        return [_located(one, folder) for one in path]
    place = Path(os.path.abspath(path))
    return str(place.relative_to(folder.parent) if place.is_relative_to(folder) else place)


def require_drawings(folder: Path) -> None:
    """Raise ToffeeError where a folder is there and is none that commands draw into."""
    if not folder.exists():
        return
    expected = "expected a new folder or one of drawings (--out)"
    if not folder.is_dir():
        raise ToffeeError(f"{folder}: no folder, {expected}")
    records = folder / RECORDS
    first = next(iter(sorted(records.glob("*.json"))), None)
    others = {one.name for one in folder.iterdir()} - {PHOTOS}
    if first is None and others:
        raise ToffeeError(f"{folder}: holds other files, {expected}")
    while first is not None:
        content = read_json(first)
        if "see" not in content:
            if content.get("rule") not in COMMANDS:
                raise ToffeeError(f"{folder}: holds results of {content.get('rule')}, {expected}")
            return
        first = records / content["see"]


def forget_unused(folder: Path) -> None:
    """Remove a folder of drawings that was made for a command that failed, unless another command
    draws into it by now."""
    if not any((folder / LOGS).glob("*.log")):
        remove(folder)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToffeeError(f"{folder}: cannot be made ({error.strerror})") from error
    return folder


def _next_number(root: str) -> tuple[str, str]:
    """The next free number and its log, which is made: two commands at once get two numbers."""
    logs = Path(root, LOGS)
    try:
        logs.mkdir(parents=True, exist_ok=True)
        last = max((int(one.stem) for one in logs.glob("*.log") if one.stem.isdigit()), default=0)
        while True:
            last += 1
            log = logs / f"{last:04d}.log"
            with contextlib.suppress(FileExistsError):
                log.touch(exist_ok=False)
                return log.stem, str(log)
    except OSError as error:
        raise ToffeeError(
            f"{os.path.abspath(root)}: cannot be written ({error.strerror})"
        ) from error


def _threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else len(os.sched_getaffinity(0))
