"""The parts that prompts are made of, and the noun phrase of a subject."""

import os
import re
from dataclasses import dataclass

from toffee.data.texts import read_yaml
from toffee.runtime.errors import ToffeeError


@dataclass(frozen=True)
class PromptParts:
    """The parts that prompts are made of.

    Attributes:
        contexts: places, e.g. "on the grass".
        colours: e.g. "red".
        textures: e.g. "striped".
        styles: beginnings of a text, e.g. "a sketch of".
    """

    contexts: list[str]
    colours: list[str]
    textures: list[str]
    styles: list[str]


def read_prompt_parts(path: str | os.PathLike) -> PromptParts:
    """Read the YAML file of contexts, colours, textures and styles.

    Each is a list of texts, or several named lists, which are joined.

    Raises:
        ToffeeError: the file is missing, is no such YAML, or has a missing or unknown key.
    """
    names = tuple(PromptParts.__dataclass_fields__)
    values = read_yaml(path)
    if not isinstance(values, dict) or set(values) != set(names):
        found = ", ".join(map(str, values)) if isinstance(values, dict) else "no mapping"
        raise ToffeeError(f"{path}: expected the keys {', '.join(names)}, got {found}")
    for name in names:
        entries = values[name] if values[name] is not None else []
        if isinstance(entries, dict) and all(isinstance(e, list) for e in entries.values()):
            entries = [entry for group in entries.values() for entry in group]
        if not isinstance(entries, list) or not all(isinstance(e, str) and e for e in entries):
            raise ToffeeError(f"{path}: {name} should be a list of texts, quote words like 'on'")
        if len(set(entries)) < len(entries):
            raise ToffeeError(f"{path}: {name} names a text twice, expected different ones")
        values[name] = entries
    return PromptParts(**values)


_AN = re.compile(
    r"hour|honest|heir|x-|(?!uni(?!n)|uk|us[aeu]|ut[ei]|eu|ewe|one\b|once)[aeiou]", re.I
)
_NO_ARTICLE = frozenset(
    {
        *(
            "balloons",
            "binoculars",
            "chopsticks",
            "clothes",
            "dishes",
            "earphones",
            "eggs",
            "fries",
        ),
        *("glasses", "goggles", "headphones", "jeans", "pants", "pliers", "scissors", "shorts"),
        *("snacks", "strings", "sunglasses", "trousers", "tweezers"),
        *("bread", "broccoli", "clothing", "corn", "garlic", "ginger", "ironmongery", "paper"),
        *("seafood", "toothpaste"),
    }
)
"""Class words in the plural, and those of things that are not counted."""


def noun_phrase(*words: str) -> str:
    """Words with their indefinite article, if they have one: "a red crate", "an orange crate", "an
    hourglass", "a ukulele", "glasses"."""
    phrase = " ".join(words)
    if phrase.rpartition(" ")[2].lower() in _NO_ARTICLE:
        return phrase
    return f"{'an' if _AN.match(phrase) else 'a'} {phrase}"
