"""Class words and file names from the names of classes and subjects in a source."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

LONGEST_WORD = 200
"""Most bytes of a class word: it is the name of a folder, and part of a prompt."""

_LONGEST = 100
_DIGEST = re.compile(r"-[0-9a-f]{10}$")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)  # on Windows

_SPELLING = {
    "wahser": "washer",
    "swin ring": "swim ring",
    "screw driver": "screwdriver",
    "monitor computer monitor": "computer monitor",
}
"""Corrected spelling of words in MVImgNet and LVIS."""

_QUALIFIER = re.compile(r"[\s_]*\([^()]*\)")
_QUALIFIED = {
    "bow_(weapon)": "archery bow",
    "bow_(decorative_ribbons)": "ribbon bow",
    "pan_(metal_container)": "metal pan",
    "fish_(food)": "cooked fish",
    "salmon_(food)": "cooked salmon",
}
"""Names of LVIS, uCO3D's vocabulary, that are another class's without their parentheses."""


def class_word(text: str) -> str:
    """A class word for prompts: lower case, spaces for underscores, no punctuation.

    "Toy_butterfly " is "toy butterfly". What stands in parentheses is left out: LVIS's
    "chicken_(animal)" is "chicken", which is what a text calls it. Letters and the accents on them
    are those of any script; equal ones are written in one way (NFC). Empty where no letter is left,
    as of a number, and where it has more than `LONGEST_WORD` bytes.
    """
    lower = unicodedata.normalize("NFC", text.replace("\u2019", "'")).lower().strip()
    lower = _QUALIFIED.get(lower) or _QUALIFIER.sub("", lower) or lower
    kept = "".join(one if _is_of_word(one) else " " for one in lower)
    words = " ".join(kept.split()).strip(" '-")
    has_letter = any(unicodedata.category(one)[0] == "L" for one in words)
    is_word = has_letter and len(words.encode()) <= LONGEST_WORD
    return _SPELLING.get(words, words) if is_word else ""


def _is_of_word(character: str) -> bool:
    # Marks are the vowels of Hindi or Thai, which `\w` has not. Joiners hold a word together.
    return unicodedata.category(character)[0] in "LMN" or character in "'-\u200c\u200d"


def one_line(text: str) -> str:
    """A text on one line, without control characters."""
    kept = (" " if unicodedata.category(one) == "Cc" else one for one in text)
    return " ".join("".join(kept).split())


def folder_name(word: str) -> str:
    """The folder of a class word: an underscore stands for a space (see `load_multiview`)."""
    return word.replace(" ", "_")


def file_name(text: str) -> str:
    """A text as a file name that is valid on any system. Other texts may have the same one."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("._")[:_LONGEST] or "unnamed"


def file_names(texts: Mapping[str, str]) -> dict[str, str]:
    """A file name of its own for each of some texts, whatever their order.

    A text that is a valid name on any system is kept, with an underscore for each slash. A short
    digest is added where something is lost (other letters, spaces, length), and where two names
    would be one on a disk that does not tell capitals from small letters.

    Args:
        texts: what names are made of, by a key that no other one has.
    """
    plain = {key: file_name(text) for key, text in texts.items()}
    uses = Counter(name.lower() for name in plain.values())
    return {
        key: name if uses[name.lower()] == 1 and _is_kept(texts[key], name) else _short(name, key)
        for key, name in plain.items()
    }


def _is_kept(text: str, name: str) -> bool:
    # What looks like a name with a digest gets one too, so that it is no other text's.
    is_safe = not _DIGEST.search(name) and not _RESERVED.fullmatch(name)
    return is_safe and name == text.replace("/", "_")


def _short(name: str, key: str) -> str:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{name[: _LONGEST - 11].rstrip('.')}-{digest}"
