"""Licences of what a sample is made from: identifiers, what they add up to, what may be shared.

A licence is an identifier as the Hugging Face hub spells it (`apache-2.0`, `cc-by-4.0`) or any
other text, in lower case; several that all apply are joined by ` AND `, as in an SPDX expression.
"""

import re
from collections.abc import Collection, Iterable

UNKNOWN = "unknown"
"""What an empty licence reads as. It is never one that may be shared."""

REPOSITORY = "apache-2.0"
"""The licence of this repository (LICENSE): of the world's photographs and the zoo's models."""

_AND = " AND "

HUB_LICENCES = {
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "bigscience-openrail-m": None,
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "cc-by-2.0": "https://creativecommons.org/licenses/by/2.0/",
    "cc-by-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc-by-nc-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "cc-by-nc-sa-4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "cc-by-sa-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "cc-by-sa-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "creativeml-openrail-m": "https://huggingface.co/spaces/CompVis/stable-diffusion-license",
    "mit": "https://opensource.org/license/mit",
    "openrail": None,
    "openrail++": None,
    "other": None,
    UNKNOWN: None,
}
"""Identifiers that the hub knows, with the address of the text where there is one text."""


def parts_of(licence: str) -> list[str]:
    """The identifiers of a licence, in order and each once; `unknown` for an empty one."""
    parts = re.split(r"\s+AND\s+", licence.strip(), flags=re.IGNORECASE)
    return sorted({" ".join(part.split()).lower() or UNKNOWN for part in parts})


def combined(licences: Iterable[str]) -> str:
    """One licence for what is made from several things: all of theirs apply."""
    return _AND.join(sorted({part for licence in licences for part in parts_of(licence)}))


def may_be_shared(licence: str, allowed: Collection[str] | None) -> bool:
    """Whether every part of a licence is among those allowed; None allows whatever comes."""
    if allowed is None:
        return True
    known = {part for one in allowed for part in parts_of(one)} - {UNKNOWN}
    return set(parts_of(licence)) <= known
