"""The audit's verdict and its findings, as the page shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toffee.runtime.errors import ToffeeError

COLUMNS = ("tier", "file", "expected", "found")


def read_audit(path: Path) -> dict[str, Any]:
    """An audit's report: verdict, summary, time, and its findings as a grid.

    path: text of lines with tabs, the first `verdict, <verdict>, <summary>, <time>`, the others
    tier, file, expected, found. Raises ToffeeError where it is none.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: expected the report of an audit ({error})") from None
    head, *findings = [line.split("\t") for line in lines if line.strip()] or [[]]
    if len(head) != 4 or head[0] != "verdict":
        raise ToffeeError(f"{path}, line 1: expected verdict, its name, a summary and a time")
    for number, line in enumerate(findings, start=2):
        if len(line) != len(COLUMNS):
            raise ToffeeError(f"{path}, line {number}: expected {', '.join(COLUMNS)}")
    _, verdict, summary, time = head
    return {
        "verdict": verdict,
        "summary": summary,
        "time": time,
        "findings": {"columns": list(COLUMNS), "rows": findings},
    }
