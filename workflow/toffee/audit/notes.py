"""What an audit checked, and what it did not: its last lines, beside the findings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toffee.config.reference import SCALES
from toffee.launch.dag import Job
from toffee.provenance.paths import RESULTS, SHARED
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError
from toffee.runtime.settings import read_settings
from toffee.runtime.text import printable

SHOWN = 6
"""Names of a list that a line shows."""

GATE = "evaluation.oracle."
"""Keys of the values that decide whether the benchmark is compared at all: they have a line of
their own, or one of many would hide that the gate was opened."""

OWN = tuple(f"config/{name}" for name in (*SCALES.values(), "demo.yaml"))
"""Files of the checkout whose gate is the configuration's: each is a scale's."""


@dataclass
class Notes:
    """Lines about what an audit covers, collected by its checks.

    Attributes:
        lines: each a whole sentence or clause.
    """

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Add a line; it is made safe to print."""
        self.lines.append(printable(line))

    def listed(self, what: str, names: Sequence[str]) -> None:
        """Add a line about some things, where there are any."""
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            self.add(f"{what}: {len(names)} ({', '.join(names[:SHOWN])}{more})")

    def of_plan(self, results: Results, jobs: Mapping[str, Job], current: set[int]) -> None:
        """Say what of the newest run's plan is there, and what else is.

        Args:
            results: the folder.
            jobs: the plan, by output.
            current: identities of the records of the newest run and of all that it was made from.
        """
        planned = {id(job): job for job in jobs.values()}
        done = {id(jobs[path]) for path in results.producers if path in jobs}
        count = f"{len(done)} of the {len(planned)}"
        self.add(f"graph: {count} jobs that Snakemake plans for all targets")
        absent = [path for path in jobs if path not in results.producers and path.endswith(".csv")]
        tables = [path for path in absent if path.startswith(f"{results.root}/tables/")]
        self.listed("planned tables that are not there", [path.split("/")[-1] for path in tables])
        left = Counter(one.rule for one in results.records.values() if id(one) not in current)
        if results.whole:
            self.listed(
                "left over, made by earlier runs and part of nothing that the newest run made",
                [f"{count} × {rule}" for rule, count in left.items()],
            )

    def given(self, results: Results, run: str | None, earlier: int = 0) -> None:
        """Say which values a command line laid over the checkout's configuration.

        Args:
            results: the folder.
            run: text of the command line (see `toffee.provenance.kept`).
            earlier: how many jobs it ran, where it is not the newest run's.
        """
        if run is None:
            return
        try:
            content = results.kept(run, "the command line of a run", SHARED)
        except ToffeeError:
            return  # a finding by itself
        given, gate = [], []
        for name, values, *_ in content.get("configfiles") or ():
            words, own = _words(values), _is_own(results.project, str(name), values)
            if not (own and name in OWN):
                gate += [word for word in words if word.startswith(GATE)]
            given += [f"those of {name}"] if own else words
        words = _words(content.get("config") or {})
        given, gate = given + words, gate + [word for word in words if word.startswith(GATE)]
        of = f" for {earlier} jobs of an earlier run" if earlier else ""
        if given:
            what = "values that the command line laid over the checkout's configuration"
            self.add(f"{what}{of}: {'; '.join(given)}")
        if gate:
            self.add(f"the benchmark's gate is not the configuration's{of}: {'; '.join(gate)}")


def _is_own(project: Path, name: str, values: Any) -> bool:
    """Whether a file of the checkout has these values. Results are none of the checkout's own: a
    file there would hide the values behind its name."""
    try:
        path, top = (project / name).resolve(), project.resolve()
        own = path.is_relative_to(top) and not path.is_relative_to(top / RESULTS)
        return own and path.is_file() and read_settings(path) == values
    except (ToffeeError, OSError, ValueError):
        return False


def _words(values: Any) -> list[str]:
    return [f"{name}={one}" for name, one in leaves(values).items() if name]


def leaves(value: Any, prefix: str = "") -> dict[str, Any]:
    """The single values of a configuration by their dotted keys."""
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, one in value.items():
        found |= leaves(one, f"{prefix}.{key}" if prefix else str(key))
    return found
