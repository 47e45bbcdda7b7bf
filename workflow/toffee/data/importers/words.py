"""Class words and names of files, out of what a source calls its classes and subjects."""

import re

_SPELLING = {
    "wahser": "washer",
    "swin ring": "swim ring",
    "screw driver": "screwdriver",
    "pipe pvc metal pipe": "pipe",
}
"""Words of sources (MVImgNet) that no text encoder knows so spelt."""


def class_word(text: str) -> str:
    """A class word as prompts have it: lower case, spaces for underscores, no punctuation.

    "Toy_butterfly " is "toy butterfly". Empty where nothing is left.
    """
    words = re.sub(r"[^\w'-]+|_", " ", text.lower()).strip(" '-")
    words = " ".join(words.split())
    return _SPELLING.get(words, words)


def folder_name(word: str) -> str:
    """The folder of a class word: an underscore stands for a space (see `load_multiview`)."""
    return word.replace(" ", "_")


def file_name(text: str) -> str:
    """A text as one name of a file that any system takes."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("._") or "unnamed"
