"""Run the job of a record again, in the working directory: `python -m toffee.audit.rerun RECORD`.

A record has all that Snakemake hands to a script, so the script runs as it did.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from toffee.launch.job import run_job
from toffee.provenance.code import rule_functions
from toffee.runtime.errors import ToffeeError


class Named(list):
    """Values with names, as Snakemake's: a list of the values, attributes by name."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values.values())
        self._values = dict(values)
        self.__dict__.update(values)  # before the list's own methods: a file may be called index

    def __getitem__(self, key: Any) -> Any:
        return self._values[key] if isinstance(key, str) else super().__getitem__(key)

    def items(self):
        return self._values.items()

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)


class Files(Named):
    """Input or output: a list of all paths, whatever their names."""

    def __init__(self, values: Mapping[str, str | list[str]]) -> None:
        super().__init__(values)
        flat = [[value] if isinstance(value, str) else value for value in values.values()]
        self[:] = [path for paths in flat for path in paths]


def as_snakemake(record: Mapping[str, Any], config: Mapping[str, Any]) -> SimpleNamespace:
    """The object that a script of the record's rule was handed."""
    return SimpleNamespace(
        rule=record["rule"],
        input=Files(record["input"]),
        output=Files(record["output"]),
        params=Named(record["params"]),
        wildcards=Named(record["wildcards"]),
        threads=record["threads"],
        resources={"processes": record.get("processes", 1)},
        log=[record["log"]],
        config=dict(config),
    )


def rerun(record: str | Path, config: str | Path) -> None:
    """Call the function of a record's rule.

    Raises:
        ToffeeError: the checkout's rule names another function than the record.
    """
    content, values = (json.loads(Path(path).read_text("utf-8")) for path in (record, config))
    function = rule_functions().get(content["rule"])
    if function is None or function != content["params"].get("function"):
        raise ToffeeError(f"{record}: the function of rule {content['rule']} is {function}")
    run_job(as_snakemake(content, values))


if __name__ == "__main__":
    rerun(*sys.argv[1:3])
