"""Prints a run's tables, and the paths of its figures and page; `make demo` ends with it.

python -m toffee.tables.show results/tiny
"""

from __future__ import annotations

import sys
from pathlib import Path

from toffee.runtime.errors import ToffeeError

TABLES = ("base", "refiner", "views", "dataset", "dreambench")


def show(results: Path) -> str:
    """The run's Markdown tables, and the paths of its figures and of its page.

    Raises ToffeeError where the folder holds no table.
    """
    results = Path(results)
    tables = sorted(results.glob("tables/*.md"), key=lambda path: (_rank(path.stem), path.stem))
    if not tables:
        raise ToffeeError(
            f"{results}/tables: no tables, expected *.md (run `snakemake tables` first)"
        )
    parts = [path.read_text(encoding="utf-8").strip() for path in tables]
    places = sorted(results.glob("figures/*.png"))
    places += results.glob("site/index.html")
    if places:
        parts.append("## Pictures\n\n" + "\n".join(f"- {path}" for path in places))
    return "\n\n".join(parts)


def _rank(name: str) -> int:
    return TABLES.index(name) if name in TABLES else len(TABLES)


def main(arguments: list[str]) -> int:
    """Entry point: one argument, a results folder."""
    if len(arguments) != 1:
        print("usage: python -m toffee.tables.show results/<scale>", file=sys.stderr)
        return 2
    try:
        print(show(Path(arguments[0])))
    except ToffeeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
