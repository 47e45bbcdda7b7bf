"""A check of tier graph: ledger, crate, page and verdict say what the records say, and the gate
what the benchmark's scores say.

The former tell of other jobs, so they are not run again but made again from the records that their
own records name, and compared. The gate is one comparison, made again with the values of its record
(which the plan has to have, see `toffee.audit.compare_with_plan`). Nothing in a record exempts a
job from this or from replay.
"""

import json
import math
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toffee.audit.findings import Finding
from toffee.audit.limits import refuse_large_files, refuse_large_scores
from toffee.audit.notes import Notes, leaves
from toffee.evaluation.oracle import compare_with_published
from toffee.evaluation.scores_file import read_scores
from toffee.launch.call import arguments_of, load
from toffee.launch.rerun import recorded_job
from toffee.provenance.crate.graph import ROOT
from toffee.provenance.crate.write import SNAKEMAKE, describe_run
from toffee.provenance.digests import read_json, read_text
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.tables.ledger import accepted_pairs, ledger_of, ledger_text

TIER = "graph"
PASSING = re.compile(r'\\?"written\\?": ?\\?"[^"\\]*\\?"|\\?"left\\?": ?\{[^{}]*\}')
"""When the page was written, and which jobs of the folder it does not tell of: there are more of
them when jobs for other targets run later."""

SHOWN = 5
"""Differences of a document that become findings."""


def check_recomputed(results: Results, notes: Notes) -> Iterator[Finding]:
    """Make ledger, crate and page again, each from the records that it was made from."""
    checks = {
        "write_ledger": _ledger,
        "write_crate": _crate,
        "write_site": _page,
        "check_oracle": _gate,
    }
    done = []
    for name, record in results.records.items():
        check = checks.get(record.rule)
        if check is None:
            continue
        done.append(record.rule)
        try:
            yield from check(results, record, results.roots[name])
        except Exception as error:  # of whatever library meets what nobody wrote in earnest
            path = next(iter(record.outputs))
            found = f"it cannot be made again ({type(error).__name__}: {error})"
            yield Finding(TIER, path, "what its records say", found)
    notes.listed("graph: made again from the records or scores, and compared", done)


def _part(results: Results, record: Record, root: str) -> Results:
    """The records that a job could see: of all that led to its inputs, with their paths as then."""
    part = results if results.root == root else Results(results.folder, results.project, root)
    return part.as_of(record.start).only(
        [path.replace(results.root, root, 1) for path in record.inputs]
    )


def _ledger(results: Results, record: Record, root: str) -> Iterator[Finding]:
    pairs = accepted_pairs(results.place(str(record.input["index"])))
    made = ledger_text(ledger_of(_part(results, record, root).records.values(), pairs))
    path = str(record.output["csv"])
    was = read_text(results.place(path))
    for expected, found in zip(made.splitlines(), was.splitlines(), strict=False):
        if expected != found:
            yield Finding(TIER, path, f"{expected}, as the records add up", found)
            return
    if len(made.splitlines()) != len(was.splitlines()):
        expected = f"{len(made.splitlines())} rows, as the records have rules"
        yield Finding(TIER, path, expected, f"{len(was.splitlines())}")


def _crate(results: Results, record: Record, root: str) -> Iterator[Finding]:
    part = _part(results, record, root)
    out, source = str(record.output["out"]), results.place(str(record.output["source"]))
    made = _entities(json.loads(describe_run(part, source).text()))
    was = _entities(read_json(results.place(out)))
    names = [name for name in {**made, **was} if made.get(name) != was.get(name)]
    for name in names[:SHOWN]:
        one, other = made.get(name, {}), was.get(name, {})
        key = next((key for key in {**one, **other} if one.get(key) != other.get(key)), "")
        expected = f"{name} {key} {_short(one.get(key))}, as the records say"
        yield Finding(TIER, out, expected, _short(other.get(key)))
    if len(names) > SHOWN:
        expected = "entities as the records say"
        yield Finding(TIER, out, expected, f"{len(names) - SHOWN} more that differ")


def _entities(document: Any) -> dict[str, dict[str, Any]]:
    """Entities of a crate by name, without what depends on the auditor's machine."""
    found = {one["@id"]: dict(one) for one in document["@graph"]}
    found.get(SNAKEMAKE, {}).pop("softwareVersion", None)
    found.get(ROOT, {}).pop("description", None)
    return found


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:100]


def _page(results: Results, record: Record, root: str) -> Iterator[Finding]:
    """All data of the page but for its pictures, whose files it copies."""
    write = load("toffee.site.write.write_site")
    config: dict[str, Any] = {}
    arguments = arguments_of(write, recorded_job(record.model_dump(mode="json"), config))
    was = results.place(str(record.output["out"]))
    refuse_large_files(results.place(path) for path in record.inputs)
    with tempfile.TemporaryDirectory(prefix="toffee-page-") as folder:
        made = Path(folder, "site")
        write(
            **_placed(results, arguments)
            | {"results": results.folder, "root": root, "out": made, "as_of": record.start}
        )
        files = {
            path.relative_to(top).as_posix()
            for top in (made, was)
            for path in top.rglob("*")
            if path.suffix in (".js", ".html", ".css")
        }
        for name in sorted(files):
            pair = [_text(top / name) for top in (made, was)]
            if pair[0] != pair[1]:
                path = f"{record.output['out']}/{name}"
                yield Finding(TIER, path, "what the records say", _difference(*pair))


def _gate(results: Results, record: Record, root: str) -> Iterator[Finding]:
    """The verdict on the real photos' scores."""
    scores, out = results.place(str(record.input["scores"])), str(record.output["out"])
    refuse_large_scores(scores)
    values = {name: record.params[name] for name in ("dino", "clip_i", "tolerance")}
    made = leaves(compare_with_published(read_scores(scores), **values))
    was = leaves(read_json(results.place(out)))
    for key in {**made, **was}:
        one, other = made.get(key), was.get(key)
        # Another machine may add up in another order.
        near = isinstance(one, float) and isinstance(other, float) and math.isclose(one, other)
        if one != other and not near:
            yield Finding(TIER, out, f"{key} {_short(one)}, as the scores say", _short(other))


def _placed(results: Results, value: Any) -> Any:
    """Arguments with paths of files as they are now."""
    if isinstance(value, dict):
        return {key: _placed(results, one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_placed(results, one) for one in value]
    return results.place(value.as_posix()) if isinstance(value, Path) else value


def _text(path: Path) -> str:
    return PASSING.sub("", read_text(path)) if path.is_file() else ""


def _difference(made: str, was: str) -> str:
    """Where two texts part: what the second one says there."""
    if not was:
        return "no such file"
    places = (n for n, (one, other) in enumerate(zip(made, was, strict=False)) if one != other)
    place = next(places, min(len(made), len(was)))
    return f"…{was[max(0, place - 40) : place + 40]}…"


def check_verdict(results: Results, findings: list[Finding]) -> Iterator[Finding]:
    """Where all is well, the page's verdict says so, and says when it was made."""
    records = [one for one in results.records.values() if one.rule == "write_verdict"]
    for record in () if findings else records:
        path = str(record.output["out"])
        lines = read_text(results.place(path)).splitlines()
        said = lines[0].split("\t") if lines else []
        if said[:3] != ["verdict", "clean", "0 findings"] or lines[1:]:
            yield Finding(TIER, path, "a verdict of clean, as this audit has", " ".join(said[:3]))
        elif not record.start.isoformat()[:19] <= said[-1][:19] <= record.end.isoformat()[:19]:
            expected = f"a time between {record.start} and {record.end}"
            yield Finding(TIER, path, expected, said[-1])
