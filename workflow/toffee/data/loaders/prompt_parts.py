"""The parts that prompts are made of, and the noun phrase of a subject."""

import os
import re
from dataclasses import dataclass, replace

from toffee.data.texts import read_text, read_yaml
from toffee.runtime.errors import ToffeeError

SUBJECT = "{}"
"""In a context: where the subject stands. Without it, it stands before the context."""

_ARTICLE = re.compile(r"(an?|the|my) ", re.I)


@dataclass(frozen=True)
class PromptParts:
    """The parts that prompts are made of.

    Attributes:
        contexts: what follows the subject, e.g. "on the grass", or a text with `SUBJECT` in it;
            one that begins with a class word ("a mug in the snow") is for that class alone.
        colours: e.g. "red".
        textures: e.g. "striped".
        styles: beginnings of a text, e.g. "a sketch of".
    """

    contexts: list[str]
    colours: list[str]
    textures: list[str]
    styles: list[str]

    def contexts_of(self, word: str) -> list[str]:
        """The contexts for a class word, which is taken out of those that begin with it."""
        named = rf"(?:(?:an?|the|my) {re.escape(word)}|{re.escape(noun_phrase(word))})(?!\w)"
        found = []
        for context in self.contexts:
            begin = re.match(named, context, re.I)
            if begin:
                found.append(SUBJECT + context[begin.end() :])
            elif SUBJECT in context or not _ARTICLE.match(context):
                found.append(context)
        return found


def in_context(context: str, *words: str) -> str:
    """A subject in a context (see `PromptParts`): "a red mug in the snow"."""
    noun = noun_phrase(*words)
    return context.replace(SUBJECT, noun) if SUBJECT in context else f"{noun} {context}"


def read_prompt_parts(
    path: str | os.PathLike, texts: str | os.PathLike | None = None
) -> PromptParts:
    """Read the YAML file of contexts, colours, textures and styles.

    Each is a list of texts, or several named lists, which are joined.

    Args:
        path: the file.
        texts: a text file of a user's own contexts, one a line, which take the place of the
            file's; `#` begins a comment.

    Raises:
        ToffeeError: a file is missing, is no such YAML, has a missing or unknown key, or has a text
            twice.
    """
    parts = _read_parts(path)
    return replace(parts, contexts=_read_lines(texts)) if texts else parts


def _read_lines(path: str | os.PathLike) -> list[str]:
    found: list[str] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        text = " ".join(line.partition("#")[0].split())
        if text in found:
            raise ToffeeError(f"{path}, line {number}: {text!r} stands there twice, expected once")
        if set(text.replace(SUBJECT, "")) & set("{}"):
            raise ToffeeError(
                f"{path}, line {number}: {text!r}, expected {SUBJECT} where the subject stands"
            )
        found += [text] if text else []
    if not found:
        raise ToffeeError(f"{path}: no prompt, expected one a line")
    return found


def _read_parts(path: str | os.PathLike) -> PromptParts:
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
