"""Writes what a zoo's manifest says of its trainings into a page: no number is typed by hand.

python -m toffee_zoo.page workflow/zoo docs/zoo.md: rewrites the marked block, and docs/zoo.png
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toffee.figures.chart import INK, MUTED, OURS, as_picture, new_figure, plain
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, write_text
from toffee_zoo.assemble import all_records

BEGIN, END = "<!-- zoo:begin -->", "<!-- zoo:end -->"

Records = dict[str, dict[str, Any]]


def read_records(zoo: Path) -> Records:
    """The record of every part by name; a part inside another (the autoencoder) before that one.

    Raises:
        ToffeeError: there is no manifest, or it is none.
    """
    path = zoo / "manifest.json"
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
        return all_records(dict(sorted(parts.items())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToffeeError(f"{path}: expected the manifest of a zoo ({error})") from error


def table(records: Records) -> str:
    """Markdown: how each part was trained, and what it does on what no training saw."""
    lines = ["| part | steps × batch | CPU minutes | held out |", "| --- | ---: | ---: | --- |"]
    for name, record in records.items():
        seconds = record.get("cpu_seconds")
        # Records before `cpu_seconds` have the wall time of one thread.
        minutes = f"{(seconds or record['seconds']) / 60:.0f}{'' if seconds else ' (wall)'}"
        heldout = ", ".join(f"{key} {value}" for key, value in record.get("heldout", {}).items())
        steps = f"{record['steps']:,} × {record['batch']}"
        lines.append(f"| `{name}` | {steps} | {minutes} | {heldout or 'not measured'} |")
    return "\n".join(lines)


def plot_curves(records: Records, out: Path, width: int = 1200) -> None:
    """The loss of each training that has its curve in the manifest, one panel for each."""
    curves: dict[str, Mapping[str, Any]] = {
        name: record for name, record in records.items() if "curve" in record["losses"]
    }
    columns = min(3, len(curves))
    lines = -(-len(curves) // columns)
    figure = new_figure(width, 2.4 * lines)
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for place, (name, record) in zip(axes, curves.items(), strict=False):
        steps, losses = zip(*record["losses"]["curve"], strict=True)
        place.plot(steps, losses, color=OURS)
        place.set_title(name, loc="left", fontsize="medium", color=INK)
        plain(place)
    for empty in axes[len(curves) :]:
        empty.set_axis_off()
    figure.supxlabel("optimizer step", color=MUTED)
    figure.supylabel("training loss", color=MUTED)
    with atomic_path(out) as temporary:
        as_picture(figure).save(temporary, "PNG")


def fill(page: str, records: Records) -> str:
    """The page with its marked block rewritten. Raises ToffeeError where a mark is missing."""
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ToffeeError(f"page: expected the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table(records)}\n{END}{after}"


def main() -> None:
    """Write the page from the command line; what is wrong is one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zoo", type=Path, help="folder of the zoo, with its manifest")
    parser.add_argument("page", type=Path, help="page with the marks; its picture lies beside it")
    arguments = parser.parse_args()
    try:
        records = read_records(arguments.zoo)
        text = fill(arguments.page.read_text(encoding="utf-8"), records)
        plot_curves(records, arguments.page.with_suffix(".png"))
        write_text(arguments.page, text)
    except (OSError, ToffeeError) as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
