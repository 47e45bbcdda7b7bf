"""Tier schema: every record is a valid one, and the crate is a valid crate."""

from pathlib import Path

from toffee.audit.findings import Finding
from toffee.audit.notes import Notes
from toffee.provenance.attestation import FILE, verify
from toffee.provenance.results import Results
from toffee.provenance.validate import validate_crate

TIER = "schema"
CRATE = "ro-crate-metadata.json"


def check_schema(
    results: Results, notes: Notes | None = None, key: Path | None = None
) -> list[Finding]:
    """Records, and the crate and the statement where there are any.

    Args:
        results: the folder.
        notes: takes what was checked.
        key: public key that has to have signed a statement about the records.

    Raises:
        ToffeeError: the key is none.
    """
    findings = [
        Finding(TIER, path.relative_to(results.folder).as_posix(), expected, found)
        for path, expected, found in results.problems
    ]
    findings += _attestation(results, notes, key) if results.whole else []
    crate = results.folder / CRATE
    if notes:
        kept = f" and {len(results.earlier)} of earlier runs" if results.earlier else ""
        what = "the crate" if crate.is_file() else "no crate"
        notes.add(f"schema: {len(results.records)} records{kept}, {what}")
    if crate.is_file():
        findings += [
            Finding(TIER, CRATE, "a valid Workflow Run RO-Crate", problem)
            for problem in validate_crate(crate)
        ]
    return findings


def _attestation(results: Results, notes: Notes | None, key: Path | None) -> list[Finding]:
    """The statement about all records, where there is one or a key asks for one."""
    path = results.folder / FILE
    if key is None and not path.exists():
        if notes:
            notes.add("signature: none, no statement (toffee attest)")
        return []
    differs = verify(results, path, key)
    if notes:
        signed = "by the given key" if key else "not checked (--key)"
        notes.add(f"statement about the records: {'no' if differs else 'yes'}; signature: {signed}")
    return [Finding(TIER, FILE, *differs)] if differs else []
