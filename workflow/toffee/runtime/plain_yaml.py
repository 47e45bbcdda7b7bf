"""YAML from elsewhere, which can be made so that it takes all time or memory to read."""

from typing import Any

import yaml

LARGEST_YAML = 1 << 17
"""Characters."""
DEEPEST_YAML = 50


def load_plain(text: str) -> Any:
    """What a small YAML text without aliases says.

    Raises:
        ValueError: it is no YAML, has an alias, is nested too deeply or too large.
    """
    if len(text) > LARGEST_YAML:
        raise ValueError(f"more than {LARGEST_YAML} characters of YAML")
    try:
        return yaml.load(text, _Plain)
    except (RecursionError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ValueError(f"not valid YAML ({error or 'nested too deeply'})") from error


class _Plain(yaml.SafeLoader):
    """YAML without aliases, of which a few lines can stand for gigabytes, and not nested deeply."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*), expected the value itself")
        self.depth += 1
        if self.depth > DEEPEST_YAML:
            raise yaml.YAMLError("nested too deeply")
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode):
            node.value.encode()  # an escape can name half a character, which no file can hold
        self.depth -= 1
        return node
