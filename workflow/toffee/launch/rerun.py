"""Runs the job of a record again, in the working directory.

    python -m toffee.launch.rerun [--allow-network] -- RECORD CONFIG

A record has all that Snakemake hands to a script, so the job runs as it did. It reaches no network
unless that is allowed.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake.iocontainers import Namedlist

from toffee.launch.job import run_job
from toffee.provenance.code import recorded_functions
from toffee.runtime.errors import ToffeeError

ALLOW_NETWORK = "--allow-network"
HERE = ("localhost", "127.0.0.1", "::1", "", None)
"""Names and addresses of this machine, by which processes of one job talk to each other."""


def forbid_network() -> None:
    """From here on, a connection of this process to another machine is an error.

    It stops Python's own sockets, which is what accidents take; jobs that download are not started
    at all (see `toffee.audit.replay`).
    """

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            host = arguments[0]
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        else:
            return
        name = host.decode() if isinstance(host, bytes) else host
        if name not in HERE:
            raise ToffeeError(f"replay reaches no network ({ALLOW_NETWORK}): {name}")

    sys.addaudithook(check)


def rerun(record: str | Path, config: str | Path) -> None:
    """Call the function of a record's rule.

    Args:
        record: file of the record.
        config: file of the configuration that the job ran with.

    Raises:
        ToffeeError: the checkout's rule names another function than the record.
    """
    content, values = (json.loads(Path(path).read_text("utf-8")) for path in (record, config))
    function, recorded = (
        recorded_functions().get(content["rule"]),
        content["params"].get("function"),
    )
    if function is None or function != recorded:
        raise ToffeeError(
            f"{record}: rule {content['rule']} called {recorded}, in this checkout it calls "
            f"{function}"
        )
    run_job(recorded_job(content, values))


def recorded_job(record: Mapping[str, Any], config: Mapping[str, Any]) -> SimpleNamespace:
    """The object that Snakemake handed to the script of a job, made from the job's record."""
    return SimpleNamespace(
        rule=record["rule"],
        input=_files(record["input"]),
        output=_files(record["output"]),
        params=Namedlist(fromdict=record["params"]),
        wildcards=Namedlist(fromdict=record["wildcards"]),
        threads=record["threads"],
        resources={"processes": record.get("processes", 1)},
        log=[record["log"]],
        config=dict(config),
    )


def _files(names: Mapping[str, str | list[str]]) -> Namedlist:
    """Input or output: a list of all paths, and a path or a list of paths by name."""
    files = Namedlist()
    for name, value in names.items():
        start = len(files)
        files.extend([value] if isinstance(value, str) else value)
        files._set_name(name, start, None if isinstance(value, str) else len(files))
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument(ALLOW_NETWORK, action="store_true")
    parser.add_argument("files", nargs=2)
    given = parser.parse_args()
    if not given.allow_network:
        forbid_network()
    rerun(*given.files)
