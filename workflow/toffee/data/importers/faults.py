"""Files that are set aside, and the reasons."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

REASONS = (
    "broken image",
    "broken video",
    "empty mask",
    "mask of another size",
    "missing image",
    "missing mask",
    "missing video",
    "broken mask",
    "named twice",
    "no class word",
    "too few frames",
    "unknown class id",
    "unreadable zip file",
    "unreadable zip member",
    "unsafe zip file",
)
COLUMNS = ("file", "reason", "detail")


@dataclass(frozen=True, order=True)
class Fault:
    """A file, or a whole sequence, that was set aside; `reason` is one of `REASONS`."""

    file: str
    reason: str
    detail: str

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"{self.reason!r} is none of the reasons to set something aside")


class SetAside(Exception):
    """A file or sequence is unusable; carries its `Fault`."""

    def __init__(self, file: object, reason: str, detail: object) -> None:
        super().__init__(reason)
        # One line each: a decoder's message may have several.
        self.fault = Fault(str(file), reason, " ".join(str(detail).split()))


def summary(faults: Iterable[Fault]) -> str:
    """ "3 set aside (2 broken image, 1 empty mask)", or "nothing set aside"."""
    counts = Counter(fault.reason for fault in faults)
    if not counts:
        return "nothing set aside"
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return f"{sum(counts.values())} set aside ({reasons}), see quarantine.csv"
