"""Tier replay: some jobs run again in a scratch folder, and what they write is compared.

On a machine of the same kind the bytes are equal. Elsewhere rounding may move them a little: then
the drift is measured and said, and what is not comparable is a finding.
"""

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from toffee.audit.drift import drift_of
from toffee.audit.findings import Finding
from toffee.audit.notes import Notes
from toffee.download.model import MANIFEST
from toffee.launch.rerun import ALLOW_NETWORK
from toffee.provenance.code import ROOTS
from toffee.provenance.digests import summary
from toffee.provenance.paths import CONFIGS, RECORDS
from toffee.provenance.results import TELLING, Results
from toffee.provenance.schema import Record
from toffee.provenance.temporary import removed
from toffee.runtime.errors import ToffeeError
from toffee.runtime.progress import progress
from toffee.runtime.project import PROJECT
from toffee.runtime.text import printable

TIER = "replay"
MEASURED = {"generate_dreambooth": ("seconds",)}
"""Rule → names of outputs that hold measured times, which no second run has again."""

DOWNLOADS = ("download_model", "download_dreambench")
"""Rules that may need a network."""


def check_replay(
    results: Results,
    sample: int,
    jobs: Sequence[str] = (),
    seed: int | None = None,
    network: bool = False,
    notes: Notes | None = None,
) -> list[Finding]:
    """Run jobs again and compare.

    Args:
        results: a results folder; jobs read their inputs from there.
        sample: how many jobs, one of each rule in turn.
        jobs: names of the jobs instead (a rule, or a rule and its wildcards).
        seed: of the sample; by default nobody knows it before.
        network: whether downloads may run again, and jobs reach a network.
        notes: takes what ran again, and what cannot.

    Raises:
        ToffeeError: there is no such job, or it does not run again.
    """
    chosen = replayed_jobs(results, jobs, network) or _sampled(results, sample, seed, network)
    findings = []
    for record in progress(chosen, desc="audit: replay", unit="job"):
        print(f"audit: replay {printable(record.job)}", file=sys.stderr)
        findings += _replay(results, record, network)
    if notes:
        notes.listed(f"replay: ran again, of {len(results.records)} jobs", [r.job for r in chosen])
        never = [r.job for r in results.records.values() if not_replayed(r, network)]
        notes.listed("replay: not what is recomputed or needs the network", never)
    return findings


def replayed_jobs(results: Results, jobs: Sequence[str], network: bool = False) -> list[Record]:
    """The records of jobs by name.

    Raises:
        ToffeeError: there is none, or one does not run again; the line says why.
    """
    chosen = []
    for name in jobs:
        found = [r for r in results.records.values() if name in (r.job, r.rule)]
        if not found:
            known = ", ".join(sorted({record.rule for record in results.records.values()}))
            raise ToffeeError(f"no record of job {name!r}, expected one of the rules {known}")
        reasons = [reason for record in found if (reason := not_replayed(record, network))]
        if reasons:
            raise ToffeeError(f"--job {name}: does not run again: {reasons[0]}")
        chosen += found
    return chosen


def not_replayed(record: Record, network: bool = False) -> str:
    """Why a job is not run again; "" where it may be."""
    if record.rule in TELLING:  # the rule decides, nothing that a record says
        return "what it wrote is recomputed from the records"
    local = record.rule == "download_model" and record.inputs
    if record.rule in DOWNLOADS and not local and not network:
        return "it needs the network (--allow-network)"
    return ""


def _sampled(results: Results, count: int, seed: int | None, network: bool) -> list[Record]:
    if count < 1:
        raise ToffeeError(f"--sample {count}: expected at least one job")
    draw = random.Random(seed) if seed is not None else random.SystemRandom()
    records = [one for one in results.records.values() if not not_replayed(one, network)]
    turn: Counter[str] = Counter()
    order = []
    for record in draw.sample(records, len(records)):
        order.append((turn[record.rule], record))
        turn[record.rule] += 1
    return [record for _, record in sorted(order, key=lambda one: one[0])[:count]]


def _replay(results: Results, record: Record, network: bool) -> list[Finding]:
    """Run a job again, in a folder of its own, after those that wrote what it read of files that
    were removed."""
    with tempfile.TemporaryDirectory(prefix="toffee-replay-") as folder:
        for one in _chain(results, record, removed(results)).values():
            if findings := _rerun(results, one, network, Path(folder)):
                return findings  # what follows would read it
    return []


def _chain(results: Results, record: Record, gone: set[str]) -> dict[int, Record]:
    """By identity, in order: the jobs of `_replay`."""
    chain: dict[int, Record] = {}
    for path in gone.intersection(record.inputs):
        if (writer := results.producer(path)) is not None:
            chain |= _chain(results, writer, gone)
    return chain | {id(record): record}


def _rerun(results: Results, record: Record, network: bool, scratch: Path) -> list[Finding]:
    name = results.name_of(record)
    for path in (*record.inputs, *_read_beside(record)):
        if (scratch / path).exists():  # from a job before
            continue
        if not results.place(path).exists() or ".." in Path(path).parts:
            return [Finding(TIER, f"records/{name}", f"the input {path}", "no such file")]
        _link(scratch / path, results.place(path))
    kept = results.folder / RECORDS
    config = kept / CONFIGS / f"{record.config}.json"
    files = [str(path.resolve()) for path in (kept / name, config)]
    allowed = [ALLOW_NETWORK] if network else []
    command = [sys.executable, "-m", "toffee.launch.rerun", *allowed, "--", *files]
    packages = [str(PROJECT / root) for root in ROOTS]
    search = os.pathsep.join([*packages, os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": search}
    environment |= {} if network else {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return [Finding(TIER, f"records/{name}", f"{record.job} to run again", lines[-1])]
    skipped = {record.output[name] for name in MEASURED.get(record.rule, ())}
    return [
        Finding(TIER, path, f"the bytes that {record.job} wrote", drift)
        for path, made in record.outputs.items()
        if path not in skipped
        and summary(scratch / path)["sha256"] != made.sha256
        and (drift := _drift(results.place(path), scratch / path))
    ]


def _drift(before: Path, after: Path) -> str:
    return drift_of(before, after) if before.exists() else "other bytes; what it wrote is removed"


def _read_beside(record: Record) -> list[str]:
    """What a job reads that is no input: the zoo's manifest, and folders of which its inputs have
    the digests of the files that it reads."""
    manifests = [f"{record.params['zoo']}/{MANIFEST}"] if "zoo" in record.params else []
    return manifests + [path for name, path in record.params.items() if name.endswith("_root")]


def _link(target: Path, source: Path) -> None:
    """An input in its place: a link to where it is."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.resolve())
