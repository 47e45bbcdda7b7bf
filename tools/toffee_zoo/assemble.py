"""Putting the trained parts together: a folder a role, and one manifest.

python -m toffee_zoo.assemble results/zoo workflow/zoo
"""

import argparse
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toffee.config.models import ROLES
from toffee.download.model import write_manifest
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee_zoo.measure import measure_zoo
from toffee_zoo.recipes import RECORD

MAX_BYTES = 40 * 2**20  # what the repository may carry


def assemble_zoo(parts: Iterable[str | Path], out: str | Path) -> None:
    """Copy trained parts into a zoo, measure them there and write the zoo's manifest.

    Args:
        parts: folders of trained parts, each with its record `training.json`.
        out: folder of the zoo; replaced as a whole.

    Raises:
        ToffeeError: a part or its record is missing, holds a format that is not allowed, or all
            together are larger than the repository may carry.
    """
    with atomic_path(out) as zoo:
        zoo.mkdir()
        records = {}
        for part in map(Path, parts):
            try:
                records[part.name] = json.loads((part / RECORD).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise ToffeeError(
                    f"cannot read {part / RECORD}: train {part.name} first"
                ) from error
            ignored = shutil.ignore_patterns(RECORD, ".*")
            shutil.copytree(part, zoo / part.name, ignore=ignored)
        for name, figures in measure_zoo(zoo).items():
            record_of(records, name)["heldout"] = figures
        write_manifest(zoo, records)
        size = sum(path.stat().st_size for path in zoo.rglob("*") if path.is_file())
        if size > MAX_BYTES:
            raise ToffeeError(f"{out} has {size / 2**20:.1f} MiB, more than 40 MiB")


def record_of(records: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """The record of a part; one without a role of its own is in the record of another."""
    return all_records(records)[name]


def all_records(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every part's record by name; those inside another one's before that one."""
    found: dict[str, dict[str, Any]] = {}
    for name, record in records.items():
        found |= all_records(record.get("parts", {})) | {name: record}
    return found


def main() -> None:
    """Assemble from the command line; what is wrong is one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", type=Path, help="folder of the trained parts")
    parser.add_argument("out", type=Path, help="folder of the zoo, replaced as a whole")
    arguments = parser.parse_args()
    try:
        assemble_zoo([arguments.parts / role for role in ROLES], arguments.out)
    except ToffeeError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
