"""The graph of jobs as the page shows it: rules with sums at once, jobs and records on demand.

A job is named on the page by `<rule>/<number>`, its place among its rule's jobs, oldest first.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from toffee.config.sections.synthesis import STAGES_FOLDER
from toffee.provenance.paths import CONFIGS, RECORDS
from toffee.provenance.record import files_of
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.provenance.temporary import temporary
from toffee.site.script import write_script

CHUNK = 200_000
"""Characters of JSON after which a script of records is full."""
FILES = 60
"""Files of a folder that the page lists; the record has all."""
NEIGHBOURS = 40
"""Jobs of a rule that a record or a chain lists."""
VERDICT = "write_verdict"
"""Rule of the audit that the page shows."""
COSTS = ("seconds", "cpu_seconds", "gpu_seconds")
KEPT = ("wildcards", "params", "log", "seed", "device", "threads", "slurm_job_id", "attempt")
"""Fields of a record that the page shows as they are."""


class Jobs:
    """The jobs of a results folder, what each read from which other, and their names on the page.

    Args:
        results: the folder's records.
        own: path of the page as records write it; its own job is left out.
    """

    def __init__(self, results: Results, own: str) -> None:
        self.results = results
        self.records = {
            name: record for name, record in results.records.items() if own not in record.outputs
        }
        self.by_rule: dict[str, list[str]] = defaultdict(list)
        self.ids: dict[str, str] = {}
        for name, record in self.records.items():
            self.ids[name] = f"{record.rule}/{len(self.by_rule[record.rule])}"
            self.by_rule[record.rule].append(name)
        self._names = {id(record): name for name, record in self.records.items()}
        self.before: dict[str, list[str]] = {}
        self.after: dict[str, list[str]] = defaultdict(list)
        for name, record in self.records.items():
            found = (self.writer(path) for path in record.inputs)
            self.before[name] = list(dict.fromkeys(one for one in found if one is not None))
            for one in self.before[name]:
                self.after[one].append(name)

    def writer(self, path: str) -> str | None:
        """Name of the record of the job that wrote a file; None where no job did."""
        record = self.results.producer(path)
        return None if record is None else self._names.get(id(record))

    def writer_id(self, path: str) -> str | None:
        """Name on the page of the job that wrote a file; None where no job did."""
        name = self.writer(path)
        return None if name is None else self.ids[name]

    def ancestors(self, name: str) -> list[str]:
        """A job and all jobs behind it, latest first."""
        seen, waiting = {name}, [name]
        while waiting:
            new = [one for one in self.before[waiting.pop()] if one not in seen]
            seen.update(new)
            waiting += new
        return sorted(seen, key=lambda one: (self.records[one].start, one), reverse=True)

    def rules(self) -> list[dict[str, Any]]:
        """Each rule with its number of jobs and their summed costs, in the order of first jobs."""
        return [
            {"rule": rule, "jobs": len(names)}
            | {cost: sum(getattr(self.records[name], cost) for name in names) for cost in COSTS}
            for rule, names in self.by_rule.items()
        ]

    def edges(self) -> list[tuple[str, str, int]]:
        """Rules whose jobs read what jobs of another wrote, and how often: from, to, number."""
        count = Counter(
            (self.records[one].rule, self.records[name].rule)
            for name, before in self.before.items()
            for one in before
        )
        return [(one, other, number) for (one, other), number in count.items() if one != other]


def describe_run(jobs: Jobs) -> dict[str, Any]:
    """What all jobs have in common or sum up to: number, costs, times, commits, devices."""
    records = list(jobs.records.values())
    commits = Counter((one.git.commit, one.git.changed) for one in records)
    return {
        "jobs": len(records),
        "root": jobs.results.root,
        "temporary": f"{STAGES_FOLDER}/" if temporary(jobs.results) else None,
        **{cost: sum(getattr(one, cost) for one in records) for cost in COSTS},
        "start": min((one.start.isoformat() for one in records), default=None),
        # The audit's own job ends after it has said what it found.
        "end": max((one.end.isoformat() for one in records if one.rule != VERDICT), default=None),
        "commits": [[commit, changed, n] for (commit, changed), n in commits.most_common()],
        "devices": sorted({one.device for one in records}),
        "problems": {
            "columns": ["file", "expected", "found"],
            "rows": [
                [path.relative_to(jobs.results.folder).as_posix(), *problem]
                for path, *problem in jobs.results.problems
            ],
        },
    }


def write_jobs(jobs: Jobs, folder: Path) -> None:
    """Write what the page loads on demand: `<rule>.js`, a list of a rule's jobs and where their
    records are, and `<rule>.<chunk>.js`, records."""
    for rule, names in jobs.by_rule.items():
        wildcards = list(jobs.records[names[0]].wildcards)
        starts = []
        for chunk, (start, details) in enumerate(_chunks(jobs, names)):
            starts.append(start)
            write_script(folder / f"{rule}.{chunk}.js", f"jobs/{rule}.{chunk}", details)
        listed = {
            "wildcards": wildcards,
            "rows": [_row(jobs.records[name], wildcards) for name in names],
            "chunks": starts,
        }
        write_script(folder / f"{rule}.js", f"jobs/{rule}", listed)


def _row(record: Record, wildcards: Iterable[str]) -> list[Any]:
    """A job in its rule's list; see `showRule` in page/assets/workflow.js."""
    costs = (record.seconds, record.cpu_seconds, record.gpu_seconds, record.peak_memory_mb)
    start = record.start.isoformat(timespec="seconds")
    return [*(record.wildcards.get(name, "") for name in wildcards), start, *costs, record.attempt]


def _chunks(jobs: Jobs, names: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Records in pieces of about `CHUNK` characters, each with the number of its first job.

    Many jobs have the same list of modules: a piece holds each list once, and records its place.
    """
    size, start = 0, 0
    records: list[dict[str, Any]] = []
    codes: dict[str, int] = {}
    for number, name in enumerate(names):
        if size >= CHUNK:
            yield start, {"records": records, "modules": [json.loads(text) for text in codes]}
            size, start, records, codes = 0, number, [], {}
        detail = describe_job(jobs, name)
        modules = json.dumps(sorted(jobs.records[name].code.modules.items()))
        detail["modules"] = codes.setdefault(modules, len(codes))
        records.append(detail)
        size += len(json.dumps(detail))
    yield start, {"records": records, "modules": [json.loads(text) for text in codes]}


def describe_job(jobs: Jobs, name: str) -> dict[str, Any]:
    """A record for people: the same content, with names of the jobs around it; long lists cut."""
    record = jobs.records[name]
    kept = [*KEPT, *COSTS, "peak_memory_mb", "sha256"]
    earlier = [one.model_dump(mode="json") for one in record.earlier]
    takes, gives = _uses(record.input), _uses(record.output)
    return {
        **{key: getattr(record, key) for key in kept},
        "record": f"{RECORDS}/{name}",
        "config": f"{RECORDS}/{CONFIGS}/{record.config}.json",
        "start": record.start.isoformat(),
        "end": record.end.isoformat(),
        "environment": record.environment.model_dump(),
        "git": record.git.model_dump(),
        "code": record.code.sha256,
        "earlier": earlier,
        "inputs": [
            [takes.get(path, ""), path, read.sha256, read.size, jobs.writer_id(path)]
            for path, read in record.inputs.items()
        ],
        "outputs": [
            [gives.get(path, ""), path, made.sha256, made.size, *_files(jobs, name, path)]
            for path, made in record.outputs.items()
        ],
        "before": neighbours(jobs, jobs.before[name]),
        "after": neighbours(jobs, jobs.after[name]),
    }


def _uses(names: dict[str, Any]) -> dict[str, str]:
    """Path → the name under which a job takes or gives it."""
    return {path: name for name, value in names.items() for path in files_of({name: value})}


def _files(jobs: Jobs, name: str, path: str) -> tuple[list[Any], int] | tuple[()]:
    """The first files of a folder that a job wrote, and how many there are; nothing of a file."""
    record, results = jobs.records[name], jobs.results
    if record.outputs[path].files is None:
        return ()
    listed = islice(results.files_of(record, path), FILES)
    return [[one, file.sha256, file.size] for one, file in listed], results.count(record, path)


def neighbours(jobs: Jobs, names: Iterable[str]) -> list[dict[str, Any]]:
    """Jobs by rule: how many, and the first ones with their wildcards."""
    by_rule: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_rule[jobs.records[name].rule].append(name)
    return [
        {
            "rule": rule,
            "count": len(same),
            "jobs": [
                [jobs.ids[name], list(jobs.records[name].wildcards.values())]
                for name in same[:NEIGHBOURS]
            ],
        }
        for rule, same in by_rule.items()
    ]


def describe_chain(jobs: Jobs, path: str) -> dict[str, Any] | None:
    """All that stands behind a file: the jobs by rule from the last to the first, each with what it
    wrote, and the files that no job wrote. None where no job wrote the file itself."""
    name = jobs.writer(path)
    if name is None:
        return None
    ancestors = jobs.ancestors(name)
    steps = neighbours(jobs, ancestors)
    names = {jobs.ids[one]: one for one in ancestors}
    for step in steps:
        for job in step["jobs"]:
            record = jobs.records[names[job[0]]]
            job.append([[one, made.sha256, made.size] for one, made in record.outputs.items()])
    sources = {
        source: [source, read.sha256, read.size]
        for one in ancestors
        for source, read in jobs.records[one].inputs.items()
        if jobs.writer(source) is None
    }
    listed = [sources[path] for path in sorted(sources)]
    return {"job": jobs.ids[name], "path": path, "steps": steps, "sources": listed}
