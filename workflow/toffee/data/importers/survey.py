"""What is there for a run before anything of it is read: photos, masks, captions, and which classes
have poses. No pixel is decoded, so a page of it costs a second."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from toffee.config.sections import Config
from toffee.config.sources import WORLD
from toffee.data.faults import SetAside
from toffee.data.importers.images import list_images
from toffee.data.importers.mvimgnet import CATEGORIES, read_categories
from toffee.data.importers.sources import Picture
from toffee.data.importers.words import class_word
from toffee.data.loaders.images import image_size
from toffee.data.loaders.prompt_parts import read_prompt_parts
from toffee.data.loaders.subjects import COLUMNS, METADATA
from toffee.data.masks import IMAGES, MASKS
from toffee.data.tables import read_table
from toffee.data.walk import list_folder
from toffee.data.world.vocabulary import CLASSES
from toffee.provenance.sources import refuse_system
from toffee.runtime.errors import ToffeeError
from toffee.runtime.text import printable

SHOWN = 12
"""Most classes that are listed, so that all fits on a page."""

WIDEST = 120
"""Most characters of a line about a file."""

LOOKED_INTO = 1_000
"""Most photos whose header, mask and caption are read."""

NOTHING_LEFT = "nothing is left of these photos"


@dataclass
class _Photos:
    """Photos by class word, and what else there is."""

    words: Counter[str] = field(default_factory=Counter)
    masks: int | None = None
    captions: int = 0
    aside: list[str] = field(default_factory=list)


class Stop(NamedTuple):
    """A rule that would stop, the key of the configuration that is to blame, and why."""

    rule: str
    key: str
    problem: str


@dataclass(frozen=True)
class Survey:
    """A page about the user's own subjects, and what would stop a run that reads them.

    Attributes:
        lines: what was found, and what is missing for which class; none where no photos of the
            user's are named.
        stops: what rules would stop at.
    """

    lines: list[str] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)


def survey(config: Config) -> Survey:
    """Look at the user's own subjects and prompts. A missing folder is a line, too."""
    source, stops = config.data.real.subjects, list[Stop]()
    prompts = f"prompts: {_prompts(config, stops)}"
    if source is None or source.kind not in ("images", "folder"):
        return Survey([], stops)
    words = _words_with_poses(config)
    lines = [f"found in {source.path}:"]
    try:
        refuse_system(source.path)
        photos = _in_folder(source.path) if source.kind == "folder" else _in_images(config)
        # Subjects may also lend each other their poses.
        known = None if config.synthesis.subject_poses else words
        lines += _said(photos, known, config.data.subjects)
        if not _usable(photos, known):
            posed = f" and whose class has poses ({_some(known)})" if known else ""
            problem = f"{source.path}: {NOTHING_LEFT}, expected one that can be read{posed}"
            stops.append(Stop("list_subjects", "data.real.subjects", problem))
    except ToffeeError as error:
        lines.append(f"  MISSING {error}")
        rule = "list_subjects" if source.kind == "folder" else "import_subjects"
        stops.append(Stop(rule, "data.real.subjects.path", str(error)))
    lines += [f"poses: {_poses(config, words)}", f"benchmark: {_benchmark(config)}", prompts]
    return Survey(lines, stops)


def _in_images(config: Config) -> _Photos:
    keys = config.data.real.keys("subjects")
    listed = list_images(keys["path"], keys["class_word"])
    photos = _Photos(aside=[f"{one.file}: {one.reason} ({one.detail})" for one in listed.faults])
    photos.masks = 0 if any(one.mask for one in listed.pictures) else None
    for one in listed.pictures[:LOOKED_INTO]:
        _look(one, Path(keys["path"]), photos)
    for one in listed.pictures[LOOKED_INTO:]:
        photos.words[class_word(one.word)] += 1
    return photos


def _look(one: Picture, root: Path, photos: _Photos) -> None:
    word = class_word(one.word)
    try:
        if not word:
            raise SetAside(one.file, "no class word", "expected a folder named after its class")
        _check_header(root / one.file, one.file)
        if one.mask:
            one.mask()
            photos.masks = (photos.masks or 0) + 1
        photos.captions += bool(one.caption())
    except SetAside as aside:
        photos.aside.append(f"{one.file}: {aside.fault.reason} ({aside.fault.detail})")
        return
    photos.words[word] += 1


def _in_folder(path: str) -> _Photos:
    rows = read_table(Path(path, METADATA), COLUMNS)
    photos = _Photos(captions=sum(bool(row["caption"]) for row in rows))
    if Path(path, MASKS).is_dir():
        photos.masks = len(list_folder(path, MASKS).files)
    for number, row in enumerate(rows):
        file = row["file_name"]
        try:
            if number < LOOKED_INTO:
                is_there = os.path.exists(f"{path}/{file}")
                _check_header(Path(path, "" if is_there else IMAGES, file), file)
            photos.words[row["class_word"]] += 1
        except SetAside as aside:
            photos.aside.append(f"{aside.fault.file}: {aside.fault.reason} ({aside.fault.detail})")
    return photos


def _check_header(place: Path, file: str) -> None:
    """Raise SetAside where a file is missing, or does not begin as a picture does."""
    try:
        image_size(place)
    except ToffeeError as error:
        reason = "broken image" if os.path.exists(place) else "missing image"
        raise SetAside(file, reason, error) from error


def _said(photos: _Photos, words: set[str] | None, most: int | None) -> Iterator[str]:
    found = photos.words.total()
    masks = "no masks: the segmenter finds the subjects"
    if photos.masks is not None:
        masks = _counted(photos.masks, "mask")
    captions = _counted(photos.captions, "caption") if photos.captions else "no captions"
    yield f"  {_counted(found, 'photo')}, {masks}, {captions}; {len(photos.aside)} set aside"
    yield from (f"  set aside {printable(line)[:WIDEST]}" for line in photos.aside[:SHOWN])
    if len(photos.aside) > SHOWN:
        yield f"  … and {len(photos.aside) - SHOWN} more (quarantine.csv names all)"
    poseless = set(photos.words) - _usable(photos, words)
    order = sorted(photos.words, key=lambda word: (word not in poseless, -photos.words[word]))
    for word in order[:SHOWN]:
        lack = " – MISSING: no sequence of this class lends a pose, they will be set aside"
        count = _counted(photos.words[word], "photo")
        yield f"  {word}: {count}{lack if word in poseless else ''}"
    if len(order) > SHOWN:
        yield f"  … and {len(order) - SHOWN} more classes"
    if poseless and words:
        yield f"  classes with poses: {_some(words)}"
    if poseless == set(photos.words):
        yield f"  MISSING: {NOTHING_LEFT}, rule list_subjects would stop"
    usable = sum(count for word, count in photos.words.items() if word not in poseless)
    if most is not None and usable > most:
        yield f"  of these at most {most} are taken (config data.subjects)"


def _some(words: set[str]) -> str:
    return f"{', '.join(sorted(words)[:SHOWN])}{', …' if len(words) > SHOWN else ''}"


def _usable(photos: _Photos, words: set[str] | None) -> set[str]:
    """The classes of photos that have poses, by the words that have them (None: not known)."""
    return {word for word in photos.words if words is None or word in words}


def _words_with_poses(config: Config) -> set[str] | None:
    """Class words of the multi-view source; None where it cannot be said yet."""
    source = config.data.real.multiview
    if source is None:
        return set(CLASSES)
    root = Path(source.path)
    try:
        if source.kind == "mvimgnet":
            return {class_word(one) for one in read_categories(root / CATEGORIES).values()}
        if source.kind == "syncd":
            return None
        if source.kind == "folder":  # whose words count as they are written there
            return {name.replace("_", " ") for name in list_folder(root).folders} or None
        found = [path.name.replace("_", " ") for path in root.glob("*/*") if path.is_dir()]
        return {word for one in found if (word := class_word(one))} if found else None
    except (OSError, ToffeeError):
        return None


def _poses(config: Config, words: set[str] | None) -> str:
    kind = config.data.real.kind("multiview")
    if kind == WORLD:
        return f"the rendered world, {config.data.sequences} sequences of {len(CLASSES)} classes"
    path = config.data.real.keys("multiview")["path"]
    if words is None and Path(path).is_dir():
        return f"{kind} in {path}, whose classes are known when it is imported"
    if words is None:
        return f"MISSING {path}: no such folder"
    return f"{kind} in {path}, {len(words)} classes"


def _benchmark(config: Config) -> str:
    kind = config.data.real.kind("benchmark")
    return "the rendered world's" if kind == WORLD else kind


def _prompts(config: Config, stops: list[Stop]) -> str:
    given, key = config.synthesis, "prompts"
    try:
        parts = read_prompt_parts(given.prompts)
        if given.texts:
            key = "texts"
            parts = read_prompt_parts(given.prompts, given.texts)
    except ToffeeError as error:
        stops.append(Stop("plan_shard", f"synthesis.{key}", str(error)))
        return f"MISSING {error}"
    return f"{_counted(len(parts.contexts), 'text')} of {given.texts or given.prompts}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
