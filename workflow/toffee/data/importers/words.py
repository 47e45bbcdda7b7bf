"""Class words and file names from the names of classes and subjects in a source."""

import re

_SPELLING = {
    "wahser": "washer",
    "swin ring": "swim ring",
    "screw driver": "screwdriver",
    "pipe pvc metal pipe": "pipe",
}
"""Corrected spelling of words in MVImgNet."""


def class_word(text: str) -> str:
    """A class word for prompts: lower case, spaces for underscores, no punctuation.

    "Toy_butterfly " is "toy butterfly". Empty where nothing is left.
    """
    words = re.sub(r"[^\w'-]+|_", " ", text.lower()).strip(" '-")
    words = " ".join(words.split())
    return _SPELLING.get(words, words)


def folder_name(word: str) -> str:
    """The folder of a class word: an underscore stands for a space (see `load_multiview`)."""
    return word.replace(" ", "_")


def file_name(text: str) -> str:
    """A text as a file name that is valid on any system."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("._") or "unnamed"
