"""Tier schema: every record is a valid one, and the crate is a valid crate."""

from toffee.audit.findings import Finding
from toffee.audit.notes import Notes
from toffee.provenance.results import Results
from toffee.provenance.validate import validate_crate

TIER = "schema"
CRATE = "ro-crate-metadata.json"


def check_schema(results: Results, notes: Notes | None = None) -> list[Finding]:
    """Records, and the crate where there is one. notes: takes what was checked."""
    findings = [
        Finding(TIER, path.relative_to(results.folder).as_posix(), expected, found)
        for path, expected, found in results.problems
    ]
    crate = results.folder / CRATE
    if notes:
        kept = f" and {len(results.earlier)} of earlier runs" if results.earlier else ""
        what = "the crate" if crate.is_file() else "no crate, there is none"
        notes.add(f"schema: {len(results.records)} records{kept}, {what}")
    if crate.is_file():
        findings += [
            Finding(TIER, CRATE, "a valid Workflow Run RO-Crate", problem)
            for problem in validate_crate(crate)
        ]
    return findings
