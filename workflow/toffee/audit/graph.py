"""Tier graph: the records fit together, and what they tell is what the checkout's rules do."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from toffee.audit.compare_with_plan import check_plan
from toffee.audit.evidence import check_evidence
from toffee.audit.findings import Finding
from toffee.audit.notes import Notes
from toffee.audit.plans import Plan
from toffee.audit.recompute import check_recomputed
from toffee.audit.sources import check_sources
from toffee.audit.surroundings import check_surroundings
from toffee.config.models import HubFiles
from toffee.download.fetch import in_order
from toffee.download.hub import is_wanted
from toffee.download.lock import SourceLock
from toffee.download.model import manifest_files
from toffee.download.weights import is_rewritten
from toffee.provenance.code import COMMANDS, code_digest, module_digests, recorded_functions
from toffee.provenance.content import content_digest
from toffee.provenance.digests import summary
from toffee.provenance.paths import RECORDS
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.provenance.sources import refuse_system
from toffee.runtime.errors import ToffeeError

TIER = "graph"
TOLERANCE = timedelta(seconds=2)
"""Between the clocks of two machines, or of a process's start and its own."""

UNREADABLE = (
    *(ToffeeError, ValueError, TypeError, LookupError, AttributeError, OSError),
    *(ArithmeticError, RecursionError, MemoryError),
)
"""What a check meets in values that no job writes: of another type, huge, or nested deeply."""

DOWNLOAD = "download_model"
TABLES = "tables"


def check_graph(
    results: Results,
    notes: Notes | None = None,
    newest: Callable[[], Plan | ToffeeError | None] | None = None,
) -> list[Finding]:
    """All checks of the tier. notes: takes what they cover; newest: see `check_plan`."""
    notes = notes or Notes()
    checks = (_producers, _edges, _cycles, _times, _downloads, _cells, _code)
    found = [finding for check in checks for finding in _guarded(check, results)]
    found += _guarded(check_plan, results, notes, newest)
    for more in (check_evidence, check_surroundings, check_recomputed, check_sources):
        found += _guarded(more, results, notes)
    return found


def _guarded(check: Callable[..., Iterator[Finding]], *arguments: Any) -> Iterator[Finding]:
    """The findings of a check; that records hold something which it cannot read is one too."""
    try:
        yield from check(*arguments)
    except UNREADABLE as error:
        name = check.__name__.strip("_")
        found = f"{type(error).__name__}: {error}"
        yield Finding(TIER, RECORDS, f"records that the check {name} can read", found)


def _producers(results: Results) -> Iterator[Finding]:
    """Every output has one producer, and every pointer leads to it."""
    owner: dict[str, str] = {}
    for name, record in results.records.items():
        for path in record.outputs:
            if path in owner:
                yield Finding(TIER, path, "one producer", f"two: {owner[path]} and {name}")
            owner.setdefault(path, name)
    for name, target in results.pointers.items():
        path = f"{results.root}/{name.removesuffix('.json')}"
        if owner.get(path) != target:
            found = f"it points to {target}"
            yield Finding(TIER, f"records/{name}", "a pointer to the record of its job", found)


def _edges(results: Results) -> Iterator[Finding]:
    """What a job read is what the job before it wrote; files of the repository are unchanged."""
    benchmarks = {record.benchmark for record in results.records.values()}
    changed: dict[str, Finding] = {}
    # A folder of photographs from elsewhere, which many jobs read, is read once.
    described = cache(_described)
    for record in results.records.values():
        for path, read in record.inputs.items():
            producer = results.producer(path)
            if producer is None:
                if path in benchmarks:
                    continue  # compared in tier bytes
                if record.rule in COMMANDS and not results.place(path).exists():
                    continue  # a photo that its owner moved away: its digest is in the record
                if path.startswith(f"{results.root}/") and record.rule not in COMMANDS:
                    found = "no record of a job that wrote it"
                    yield Finding(TIER, path, f"a producer, since {record.job} read it", found)
                elif finding := _source(results, path, record, described):
                    changed.setdefault(path, finding)
                continue
            writer = results.writer(path, read) or producer
            made = results.made(producer, path)
            sha256, size = (made.sha256, made.size) if made else ("", 0)
            if (sha256, size) != (read.sha256, read.size):
                expected = f"{read.sha256[:16]}… of {read.size} bytes, which {record.job} read"
                found = f"{sha256[:16]}… of {size} bytes by {producer.job}"
                yield Finding(TIER, path, expected, found)
            elif read.record != writer.sha256 or not _wrote(writer, path):
                name = f"records/{results.name_of(producer)}"
                found = "another one, edited or made later"
                yield Finding(TIER, name, f"the record that {record.job} was made after", found)
    yield from changed.values()


def _described(place: Path) -> tuple[str, int]:
    if place.is_dir():
        refuse_system(place)
    found = summary(place)
    return found["sha256"], found["size"]


def _wrote(record: Record, path: str) -> bool:
    """Whether a job has an output that a path is, or is in."""
    return any(path == one or path.startswith(f"{one}/") for one in record.outputs)


def _source(
    results: Results, path: str, record: Record, described: Callable[[Path], tuple[str, int]]
) -> Finding | None:
    """A file or folder from outside of the results: as it was read, or gone or changed since.

    In a data file of the repository, comments may change: its values were a param of the job."""
    place, read = results.place(path), record.inputs[path]
    expected = f"SHA-256 {read.sha256[:16]}… of {read.size} bytes, as it was read"
    if read.record:
        name = f"{RECORDS}/{results.name_of(record)}"
        return Finding(TIER, name, f"no record of {path}, which no job wrote", f"{read.record}")
    if not place.exists():
        return Finding(TIER, path, expected, "no such file")
    try:
        digest, size = described(place)
    except ToffeeError as error:
        return Finding(TIER, path, expected, str(error))
    values = [one.get(path) for one in record.params.values() if isinstance(one, dict)]
    same = digest == read.sha256
    known = not same and place.is_file() and content_digest(place) in values
    if known or (same and size == read.size):
        return None
    return Finding(TIER, path, expected, f"{digest[:16]}… of {size} bytes")


def _cycles(results: Results) -> Iterator[Finding]:
    """No file is made from itself."""
    graph = {
        name: {results.name_of(one) for one in results.before(record)}
        for name, record in results.records.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = error.args[1]
        found = f"a cycle: {' → '.join(results.records[name].job for name in names)}"
        yield Finding(TIER, f"records/{names[0]}", "jobs in an order", found)


def _times(results: Results) -> Iterator[Finding]:
    """No job ends before it starts, none starts before what it read was there."""
    for name, record in results.records.items():
        if record.end < record.start:
            found = f"an end {record.start - record.end} before it"
            yield Finding(TIER, f"records/{name}", f"an end after the start {record.start}", found)
        for other in results.before(record):
            if record.start + TOLERANCE < other.end:
                expected = f"a start after {other.job} ended ({other.end})"
                yield Finding(TIER, f"records/{name}", expected, f"a start at {record.start}")


def _downloads(results: Results) -> Iterator[Finding]:
    """Every fetched model is, file by file, what is declared for it."""
    for name, record in results.records.items():
        if record.rule != DOWNLOAD:
            continue
        source: dict[str, Any] = record.params.get("source") or {}
        declared = dict(record.params.get("digests") or {})
        if "repo" in source:
            declared = _locked(results, record)
        if "zoo" in source:
            yield from _against_zoo(results, name, record, declared)
        for path in record.outputs:
            files = dict(results.files_of(record, path))
            for file in sorted(declared.keys() - files.keys()):
                yield Finding(TIER, f"{path}/{file}", "a file, since it is declared", "none")
            for file, one in files.items():
                if file in declared and declared[file] != one.sha256:
                    expected = f"the declared SHA-256 {declared[file][:16]}…"
                    yield Finding(TIER, f"{path}/{file}", expected, f"{one.sha256[:16]}…")
                elif file not in declared:
                    yield Finding(TIER, f"{path}/{file}", "a declared SHA-256", "none declared")


def _locked(results: Results, record: Record) -> dict[str, str]:
    """What the checkout's lock has for a model of a hub: SHA-256 by path inside the model."""
    path = results.place(results.config(record)["models"]["lock"])
    source = in_order(HubFiles.model_validate(record.params["source"]), path)[0]
    lock = SourceLock(path, source.repo, source.revision)
    prefix = f"{source.subfolder}/" if source.subfolder else ""
    fetched = {
        name.removeprefix(prefix): entry.sha256
        for name, entry in lock.files(lock.key or "").items()
        if is_wanted(name, source) and not is_rewritten(name, source)
    }
    written = lock.written(lock.key or "")
    return fetched | {name: entry.sha256 for name, entry in written.items()}


def _against_zoo(
    results: Results, name: str, record: Record, declared: Mapping[str, str]
) -> Iterator[Finding]:
    """What was declared to the job is what the checkout's zoo declares."""
    zoo, part = str(record.params.get("zoo")), record.params["source"]["zoo"]
    try:
        files = manifest_files(results.place(zoo), part)
    except ToffeeError as error:
        yield Finding(TIER, f"{zoo}/manifest.json", f"the digests of {part}", str(error))
        return
    for file, entry in files.items():
        if declared.get(file) != entry["sha256"]:
            found = str(declared.get(file))[:16]
            expected = f"{part}/{file} with SHA-256 {entry['sha256'][:16]}… of the zoo's manifest"
            yield Finding(TIER, f"records/{name}", expected, f"{found}…")


def _cells(results: Results) -> Iterator[Finding]:
    """Every table leads to downloads: a chain of records goes from it to base models."""
    for path, record in results.producers.items():
        if path.startswith(f"{results.root}/{TABLES}/") and path.endswith(".csv"):
            rules = {one.rule for one in results.ancestors(record)}
            if DOWNLOAD not in rules:
                found = f"only {', '.join(sorted(rules))}"
                yield Finding(TIER, path, "a chain of records down to the base models", found)


def _code(results: Results) -> Iterator[Finding]:
    """The code that ran is the checkout's; else it is named stale, once a rule."""
    stale: dict[tuple[str, str], list[str]] = {}
    for name, record in results.records.items():
        found = _changed_code(record)
        if record.code.sha256 != record.params.get("code"):
            expected = "the code that Snakemake planned the job with"
            yield Finding(TIER, f"records/{name}", expected, "other code, which ran")
        if found:
            stale.setdefault((record.rule, found), []).append(f"records/{name}")
    for (rule, found), files in stale.items():
        more = f" and of {len(files) - 1} more" if len(files) > 1 else ""
        yield Finding(TIER, files[0], f"the checkout's code of {rule}", f"{found}{more}")


def _changed_code(record: Record) -> str:
    """What is not the same in the checkout; "" where all is."""
    function = recorded_functions().get(record.rule)
    if function is None or function != record.params.get("function"):
        return f"the rule's function, which the checkout says is {function}"
    current, modules = code_digest(function), module_digests(function)
    then = record.code.modules
    changed = [m for m in sorted({*then, *modules}) if then.get(m) != modules.get(m)]
    if current != record.code.sha256:
        return f"stale code, changed since: {', '.join(changed) or 'what it is made of'}"
    return f"the same code with other digests of {', '.join(changed)}" if changed else ""
