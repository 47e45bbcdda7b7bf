"""YAML files of settings: whatever is wrong with one becomes one line."""

from pathlib import Path
from typing import Any

import yaml

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import open_file

LARGEST = 1 << 22
"""Bytes."""


TWICE = "is given twice"


class _Once(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, of which YAML's last would count."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for place, key in enumerate(keys):
            if key in keys[:place] and key[0] != "tag:yaml.org,2002:merge":
                line = node.value[place][0].start_mark.line + 1
                raise ValueError(f"line {line}: {key[1]} {TWICE}")
        return super().construct_mapping(node, deep)


def read_settings(path: str | Path) -> Any:
    """What a YAML file says.

    Raises:
        ToffeeError: it cannot be read, or is no YAML; the line names the file.
    """
    with open_file(path) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ToffeeError(f"{path}: more than {LARGEST >> 20} MB, expected a file of settings")
    try:
        return parse_settings(data.decode("utf-8"))
    except ValueError as error:
        raise ToffeeError(f"{path}: cannot be read as YAML ({error})") from error


def parse_settings(text: str) -> Any:
    """What a YAML text says.

    Raises:
        ValueError: it is no YAML; one line says why.
    """
    try:
        return yaml.load(text, _Once)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    # Of dates, numbers and tags with impossible values PyYAML raises what Python does.
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(" ".join(str(error).split())) from error
