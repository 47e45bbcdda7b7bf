"""Files that are set aside, and the reasons."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from toffee.runtime.text import printable

REASONS = (
    "broken caption",
    "broken image",
    "broken video",
    "empty mask",
    "mask of another shape",
    "mask of another size",
    "mask of no picture",
    "missing image",
    "missing mask",
    "missing video",
    "broken mask",
    "link",
    "low score",
    "named twice",
    "no class word",
    "no picture",
    "no regular file",
    "too few frames",
    "unknown class id",
    "unreadable folder",
    "unreadable zip file",
    "unreadable zip member",
    "unsafe zip file",
    "unusable name",
    "unused table",
)
COLUMNS = ("file", "reason", "detail")


@dataclass(frozen=True, order=True)
class Fault:
    """A file, or a whole sequence, that was set aside; `reason` is one of `REASONS`.

    What is no printable character of a name or a detail is escaped: both stand in a table.
    """

    file: str
    reason: str
    detail: str

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"{self.reason!r} is none of the reasons to set something aside")
        object.__setattr__(self, "file", printable(self.file))
        # One line: a decoder's message may have several.
        object.__setattr__(self, "detail", printable(" ".join(self.detail.split())))


class SetAside(Exception):
    """A file or sequence is unusable; carries its `Fault`."""

    def __init__(self, file: object, reason: str, detail: object) -> None:
        super().__init__(reason)
        self.fault = Fault(str(file), reason, str(detail))


def summary(faults: Iterable[Fault]) -> str:
    """ "3 set aside (2 broken image, 1 empty mask)", or "nothing set aside"."""
    counts = Counter(fault.reason for fault in faults)
    if not counts:
        return "nothing set aside"
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return f"{sum(counts.values())} set aside ({reasons}), see quarantine.csv"
