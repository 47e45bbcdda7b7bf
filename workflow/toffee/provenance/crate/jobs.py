"""The jobs of a crate: each is an action, part of its rule's step, done with its rule's script."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from toffee.provenance.code import module_digests, module_file, rule_functions
from toffee.provenance.crate.files import Files
from toffee.provenance.crate.graph import ROOT, Graph, local, relative, short
from toffee.provenance.crate.source import sentences
from toffee.provenance.record import stamp
from toffee.provenance.schema import Paths, Record
from toffee.runtime.errors import ToffeeError

COMPLETED = "http://schema.org/CompletedActionStatus"
RUN = local("run")
"""The engine's action, which organizes the jobs."""

USAGE = {"seconds": "SEC", "cpu_seconds": "SEC", "gpu_seconds": "SEC", "peak_memory_mb": "E63"}
"""Costs in a record, and their units (UN/CEFACT codes; E63 is 1024² bytes)."""


class Jobs:
    """Adds jobs to a graph, and what they share: steps, tools, parameters and values.

    Attributes:
        read, written: `@id`s of the files and folders that jobs read and wrote.
    """

    def __init__(self, graph: Graph, files: Files, source: Path, workflow: str) -> None:
        """Begin.

        Args:
            graph: what is added to.
            files: finds the entity of a file.
            source: the copy of the workflow.
            workflow: `@id` of the workflow.
        """
        self.graph, self.files, self.source, self.workflow = graph, files, source, workflow
        self.read: set[str] = set()
        self.written: set[str] = set()
        self._sentences = sentences(source)
        self._modules: dict[str, dict[str, str]] = {}
        self._files: dict[str, str] = {}
        self._steps: dict[str, str] = {}

    def add(self, name: str, record: Record) -> None:
        """Add a job, after the outputs of all jobs; `name` tells it from all others."""
        step, tool = self._step_and_tool(record)
        read = self._data(record, tool, "input")
        written = self._data(record, tool, "output")
        self.read |= read
        self.written |= written
        action = self.graph.add(
            local("job", name),
            "CreateAction",
            name=record.job,
            description=f"rule {record.rule}, attempt {record.attempt}",
            identifier=record.sha256,
            instrument={tool},
            object=read | self._values(record, tool),
            result=written,
            startTime=stamp(record.start.timestamp()),
            endTime=stamp(record.end.timestamp()),
            actionStatus=COMPLETED,
            environment=self._environment(record),
            resourceUsage=self._usage(name, record),
        )
        control = self.graph.add(
            local("control", name),
            "ControlAction",
            name=f"job {record.job}",
            instrument={step},
            object={action},
        )
        self.graph.add(RUN, object={control})
        self.graph.add(ROOT, mentions={action})

    def _step_and_tool(self, record: Record) -> tuple[str, str]:
        rule, says = record.rule, self._sentences.get(record.rule)
        tool = self.graph.add(
            self._script(record),
            "SoftwareSourceCode",
            name=rule,
            description=says,
            version=record.code.sha256 or short(record.code.modules),
        )
        if rule not in self._steps:
            position = str(len(self._steps) + 1)
            self._steps[rule] = self.graph.add(
                local("step", rule), "HowToStep", name=rule, description=says, position=position
            )
        step = self.graph.add(self._steps[rule], workExample={tool})
        self.graph.add(self.workflow, hasPart={tool}, step={step})
        return step, tool

    def _script(self, record: Record) -> str:
        """`@id` of the script: the copy, if its code is what ran, else just a name."""
        rule = record.rule
        if rule not in self._modules:
            function = rule_functions(self.source).get(rule, "")
            try:
                self._modules[rule] = module_digests(function, self.source)
                file = module_file(function.rpartition(".")[0], self.source)
                self._files[rule] = file.relative_to(self.source).as_posix()
            except ToffeeError:
                self._modules[rule] = {}
        if self._modules[rule] == record.code.modules != {}:
            return relative(f"{self.source.name}/{self._files[rule]}")
        return local("script", rule, short(record.code.modules))

    def _data(self, record: Record, tool: str, side: str) -> set[str]:
        """What a job read or wrote; `side` is input or output."""
        contents = record.inputs if side == "input" else record.outputs
        found: set[str] = set()
        for name, path in _named(getattr(record, side), contents):
            data = self.files.of(path, contents[path], record)
            parameter = self._parameter(record.rule, side, name, data)
            self.graph.add(tool, **{side: {parameter}})
            found.add(data)
        return found

    def _values(self, record: Record, tool: str) -> set[str]:
        """Wildcards and params. Jobs that share a value share its entity.

        The digest of the code is the tool's version.
        """
        found: set[str] = set()
        for kind, values in (("wildcard", record.wildcards), ("param", record.params)):
            for name, value in values.items():
                if (kind, name) == ("param", "code"):
                    continue
                place = local("value", record.rule, kind, name, short(value))
                found.add(self.graph.add(place, "PropertyValue", name=name, value=_literal(value)))
                parameter = self._parameter(record.rule, kind, name, place)
                self.graph.add(tool, input={parameter})
        return found

    def _parameter(self, rule: str, kind: str, name: str, data: str) -> str:
        """The formal parameter of a rule that data stand for; it is added where it is not there."""
        place = local("parameter", rule, kind, name)
        types = {"File", "Dataset", "PropertyValue"} & {*self.graph.entities[data]["@type"]}
        known = self.graph.entities.get(place, {}).get("additionalType", [])
        self.graph.add(
            place,
            "FormalParameter",
            name=name,
            description=f"{kind} of {rule}",
            additionalType=sorted(types.union(known)),
        )
        self.graph.add(data, exampleOfWork={place})
        return place

    def _environment(self, record: Record) -> set[str]:
        values = {
            "lock": record.environment.lock,
            "python": record.environment.python,
            "machine": record.environment.machine,
            "device": record.device,
            "threads": record.threads,
            "commit": record.git.commit,
            "commit_changed": record.git.changed,
            "slurm_job_id": record.slurm_job_id,
        }
        return {
            self.graph.add(
                local("environment", name, short(value)), "PropertyValue", name=name, value=value
            )
            for name, value in values.items()
            if value is not None
        }

    def _usage(self, name: str, record: Record) -> set[str]:
        """Costs but for zeros: most jobs use no GPU."""
        return {
            self.graph.add(
                local("usage", key, name),
                "PropertyValue",
                name=key,
                propertyID=key,
                unitCode=unit,
                value=getattr(record, key),
            )
            for key, unit in USAGE.items()
            if getattr(record, key)
        }


def _named(names: Paths, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and path of all inputs or outputs; one that a rule gave no name has its own."""
    waiting = dict.fromkeys(paths)
    for name, value in names.items():
        for path in [value] if isinstance(value, str) else value:
            waiting.pop(path, None)
            yield name, path
    yield from (("unnamed", path) for path in waiting)


def _literal(value: Any) -> Any:
    """A value as JSON-LD can hold it: lists, objects and null as JSON text."""
    plain = isinstance(value, str | int) or isinstance(value, float) and math.isfinite(value)
    return value if plain else json.dumps(value, ensure_ascii=False, sort_keys=True)
