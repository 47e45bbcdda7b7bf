"""What an audit finds, and how it says it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from toffee.runtime.files import write_text
from toffee.runtime.text import printable

TIERS = ("schema", "bytes", "graph", "replay")
EXIT_CODES = {"schema": 10, "bytes": 20, "graph": 30, "replay": 40}
"""Exit code of the worst tier with a finding; 0 is clean."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        tier: one of `TIERS`.
        file: which file, below the results folder or as records write it.
        expected, found: one line each.
    """

    tier: str
    file: str
    expected: str
    found: str

    def __str__(self) -> str:
        expected, found = _line(self.expected), _line(self.found)
        return f"{self.tier}: {printable(self.file)}: expected {expected}, found {found}"


def exit_code(findings: Iterable[Finding]) -> int:
    """Of the worst finding; 0 without any."""
    return max((EXIT_CODES[finding.tier] for finding in findings), default=0)


def verdict(findings: Iterable[Finding]) -> str:
    """`clean`, or the worst tier with a finding."""
    code = exit_code(findings)
    return next((tier for tier, number in EXIT_CODES.items() if number == code), "clean")


def write_findings(findings: list[Finding], out: str | Path) -> None:
    """Write the verdict, the number of findings and the time, then the findings, tab-separated."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [("verdict", verdict(findings), f"{len(findings)} findings", now)]
    rows += [(f.tier, f.file, f.expected, f.found) for f in findings]
    lines = ("\t".join(map(_line, row)) for row in rows)
    write_text(out, "".join(f"{line}\n" for line in lines))


def _line(text: str) -> str:
    """A text on one line; a message of a library may have several."""
    return printable(" ".join(text.split()))
