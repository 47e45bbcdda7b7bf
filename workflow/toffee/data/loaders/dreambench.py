"""The benchmark: DreamBench (arXiv 2208.12242) and whatever is laid out like it.

    <root>/dataset/<subject>/00.jpg ...
    <root>/dataset/prompts_and_classes.txt

The prompt file is the one that the DreamBooth authors published, a text with a line of Python for
each prompt. It is read line by line; nothing of it is ever evaluated.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toffee.data.loaders.images import list_images, read_image
from toffee.data.masks import MASKS, masks_beside
from toffee.data.texts import read_text
from toffee.data.walk import list_folder
from toffee.runtime.errors import ToffeeError

if TYPE_CHECKING:
    import torch

PROMPT_FILE = "prompts_and_classes.txt"
UNIQUE_TOKEN = "sks"
LIVE_CLASSES = ("cat", "dog")

_PROMPT = re.compile(
    r"""^(?P<quote>['"])(?P<template>(?:(?!(?P=quote))[^\\])+)(?P=quote)"""
    r"""\.format\(\s*unique_token\s*,\s*class_token\s*\)\s*,?$"""
)
_SUBJECT = re.compile(r"\w[\w.-]*")
_CLASS_WORD = re.compile(r"\w[\w -]*")
_SECTIONS = {
    "classes": "classes",
    "prompts": "prompts",
    "object prompts": "object",
    "live subject prompts": "live",
}


@dataclass(frozen=True)
class Prompt:
    """One prompt of one subject.

    `text` has no unique token ("a backpack in the jungle"): this is what CLIP-T and every model
    without per-subject fine-tuning read. `text_with_token` is what DreamBooth trains on
    ("a sks backpack in the jungle").
    """

    template: str
    text: str
    text_with_token: str

    @property
    def changes_subject(self) -> bool:
        """Whether it asks for another look of the subject ("a purple backpack") and not for a
        context ("a backpack in the jungle")."""
        return not re.match(r"(an? )?\{0\} \{1\}", self.template)


@dataclass(frozen=True)
class BenchmarkSubject:
    """A subject, its photos and its prompts; `live` subjects have the list for animals.

    `masks[i]` belongs to `photos[i]` where the benchmark has `<subject>/masks/` (DreamBench does
    not); else the list is empty.
    """

    subject: str
    class_word: str
    live: bool
    photos: list[Path]
    masks: list[Path]
    prompts: list[Prompt]


@dataclass(frozen=True)
class Benchmark:
    """All subjects, sorted as in the prompt file."""

    root: Path
    subjects: list[BenchmarkSubject]

    def __len__(self) -> int:
        return len(self.subjects)

    def pairs(self) -> list[tuple[BenchmarkSubject, Prompt]]:
        """Every (subject, prompt), subject by subject."""
        return [(subject, prompt) for subject in self.subjects for prompt in subject.prompts]


@dataclass(frozen=True)
class PromptFile:
    """The parsed prompt file: subject → class word, and the two lists of templates."""

    classes: dict[str, str]
    object_prompts: list[str]
    live_prompts: list[str]


def load_benchmark(root: str | os.PathLike, unique_token: str = UNIQUE_TOKEN) -> Benchmark:
    """Read a benchmark; its photos are listed, not decoded.

    Args:
        root: the folder that holds `dataset/`, or `dataset/` itself.
        unique_token: stands for the subject in `Prompt.text_with_token`.

    Raises:
        ToffeeError: the folder or the prompt file is missing, a line of it is malformed, a listed
            subject has no folder or no photo, or a folder is not listed.
    """
    root = Path(root)
    folder = root / "dataset" if (root / "dataset").is_dir() else root
    if not folder.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected dataset/<subject>/*.jpg")
    listed = parse_prompts(folder / PROMPT_FILE)
    found = list_folder(folder)
    for fault in found.faults:
        raise ToffeeError(f"{folder / fault.file}: {fault.reason} ({fault.detail})")
    for name in found.folders:
        if name not in listed.classes:
            expected = f"expected a line in {folder / PROMPT_FILE}"
            raise ToffeeError(f"{folder / name}: no class word, {expected}")
    for name in listed.classes:
        if name not in found.folders:
            place = f"{folder}/{name[:100]}"
            raise ToffeeError(f"{place}: no such folder, expected the photos of {name[:100]}")
    subjects = [
        _subject(folder / name, class_word, listed, unique_token)
        for name, class_word in listed.classes.items()
    ]
    return Benchmark(root, subjects)


def read_photo(path: str | os.PathLike, resolution: int | None = None) -> torch.Tensor:
    """A photo of the benchmark as `read_image` reads it, but without its colour profile: the
    published scores were measured on the stored numbers."""
    return read_image(path, resolution, profile=False)


def parse_prompts(path: str | os.PathLike) -> PromptFile:
    """Parse a prompt file without evaluating it.

    Raises:
        ToffeeError: the file is missing or empty, or a line does not fit (it is named).
    """
    path = Path(path)
    lines = read_text(path).splitlines()
    classes: dict[str, str] = {}
    prompts: dict[str, list[str]] = {"object": [], "live": []}
    section = ""
    for number, line in enumerate((line.strip() for line in lines), start=1):
        where = f"{path}, line {number}"
        if line.lower() in _SECTIONS:
            section = _SECTIONS[line.lower()]
        elif not line or line in ("prompt_list = [", "]") or line == "subject_name,class":
            continue
        elif section == "classes":
            _add_class(classes, line, where)
        elif section in prompts:
            prompts[section].append(_template(line, where))
        else:
            raise ToffeeError(f"{where}: {line!r} is outside of Classes and Prompts")
    if not classes:
        raise ToffeeError(f"{path}: no classes, expected lines subject_name,class")
    if not prompts["object"]:
        raise ToffeeError(f"{path}: no object prompts, expected a list below Object Prompts")
    return PromptFile(classes, prompts["object"], prompts["live"])


def fill(template: str, class_word: str, unique_token: str = "") -> str:
    """A template with its two places filled; an empty unique token leaves no gap."""
    words = " ".join(word for word in (unique_token, class_word) if word)
    return template.replace("{0} {1}", words)


def _add_class(classes: dict[str, str], line: str, where: str) -> None:
    subject, comma, class_word = (part.strip() for part in line.partition(","))
    if not (comma and _SUBJECT.fullmatch(subject) and _CLASS_WORD.fullmatch(class_word)):
        raise ToffeeError(f"{where}: {line!r}, expected subject_name,class")
    if subject in classes:
        raise ToffeeError(f"{where}: subject {subject} is named twice, expected once")
    classes[subject] = class_word


def _template(line: str, where: str) -> str:
    found = _PROMPT.match(line)
    template = found["template"] if found else ""
    rest = template.replace("{0} {1}", "", 1)
    if not found or rest == template or "{" in rest or "}" in rest:
        raise ToffeeError(
            f"{where}: {line!r}, expected '... {{0}} {{1}} ...'.format(unique_token, class_token)"
        )
    return template


def _subject(
    folder: Path, class_word: str, listed: PromptFile, unique_token: str
) -> BenchmarkSubject:
    photos = list_images(folder)
    live = bool(listed.live_prompts) and class_word in LIVE_CLASSES
    templates = listed.live_prompts if live else listed.object_prompts
    return BenchmarkSubject(
        folder.name,
        class_word,
        live,
        photos,
        masks_beside(folder, photos) if (folder / MASKS).is_dir() else [],
        [
            Prompt(text, fill(text, class_word), fill(text, class_word, unique_token))
            for text in templates
        ],
    )
