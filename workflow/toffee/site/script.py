"""Data as scripts: a page that is opened from a disk may load scripts, but may not fetch files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any


def write_script(path: Path, key: str, data: Any) -> None:
    """Write a script that hands `data` to the page under `key` (see page/assets/load.js)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"Store.put({literal(key)}, {literal(data)});\n", encoding="ascii")


def literal(data: Any) -> str:
    """JSON of `data` as a JavaScript string literal, for the page to parse.

    ASCII without `<` or line ends, so that no text of the data can end the literal or the script.
    Parsed as JSON, a key like `__proto__` is one like any other.
    """
    encode = partial(json.dumps, separators=(",", ":"), allow_nan=False)
    try:
        text = encode(data)
    except (ValueError, TypeError):  # rare, and `finite` takes longer than JSON
        text = encode(finite(data))
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("<", "\\x3c") + "'"


def finite(data: Any) -> Any:
    """Data as JSON can hold it, with None in place of NaN and the infinities."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return data
