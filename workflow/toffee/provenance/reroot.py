"""Records of a results folder that has another name now.

A record writes paths as its run saw them, `results/tiny/tables/views.csv`. In a folder that was
copied or renamed to `results/mine`, that file is `results/mine/tables/views.csv`, and a run of
scale `mine` reads and writes it under this name. So whoever reads a record there puts the folder's
own name in place of the one that the record has. The record itself, and its digest, stay as they
are.
"""

import re
from collections.abc import Mapping
from typing import Any

from toffee.runtime.errors import ToffeeError

NAMED = ("root", "input", "output", "log", "benchmark", "params")
"""Keys of a record that hold paths of the results folder, in values or keys."""

BY_PATH = ("inputs", "outputs")
"""Keys of a record whose keys are paths, and whose values hold none."""


def rerooted_record(content: Mapping[str, Any], root: str) -> dict[str, Any]:
    """The content of a record under another name of its results folder.

    Args:
        content: a record; it stays as it is.
        root: the results folder as paths are to have it.

    Raises:
        ToffeeError: a value holds the old name where it cannot be replaced.
    """
    old = content.get("root")
    if not isinstance(old, str) or not old or old == root:
        return dict(content)
    found = {**content, **rerooted({key: content.get(key) for key in NAMED}, old, root)}
    for key in BY_PATH:
        if isinstance(content.get(key), dict):
            found[key] = {rerooted(name, old, root): one for name, one in content[key].items()}
    return found


def rerooted(value: Any, old: str, new: str) -> Any:
    """Texts, lists and dicts with one results folder's paths in place of another's.

    Raises:
        ToffeeError: a text holds the old folder's name, and is no path.
    """
    if isinstance(value, dict):
        return {rerooted(k, old, new): rerooted(one, old, new) for k, one in value.items()}
    if isinstance(value, list):
        return [rerooted(one, old, new) for one in value]
    if not isinstance(value, str):
        return value
    if value == old or value.startswith(f"{old}/"):
        return new + value[len(old) :]
    if re.search(rf"(?<![\w./-]){re.escape(old)}(?![\w-])", value):
        raise ToffeeError(f"made as {old}, and {value!r} cannot be renamed to {new}")
    return value
