"""Writes the tables of a run into a page, so that no number is typed by hand.

python -m toffee.tables.results_page results/tiny docs/results.md: rewrites the page's marked blocks
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.tables.markdown import markdown
from toffee.tables.tidy import without

METRICS = ("dino", "clip_t", "histogram_masked", "efficientnet_masked", "copy_rate")


@dataclass(frozen=True)
class Part:
    """A part of a table that the page shows.

    Attributes:
        title: what it is.
        table: its name.
        metrics: columns.
        setting: text that a row's setting has to contain; it is left out then.
        methods: text that a row's method has to match (a regular expression).
    """

    title: str
    table: str
    metrics: tuple[str, ...]
    setting: str = ""
    methods: str = ".*"


CONDITIONS = ("all photos", "class prompt", "token prompt")
"""Parts of settings that the page says in words."""

BLOCKS = {
    "measured": (
        Part("Benchmark, against all photos", "dreambench", METRICS, "all photos", r"^\w+$"),
        Part(
            "Refiner",
            "refiner",
            ("dino_masked", "histogram_masked", "efficientnet_masked", "clip_t"),
            methods=r"^[^(−]+$",
        ),
        Part(
            "View Generator",
            "views",
            ("dino_masked", "histogram_masked", "mask_iou"),
            methods="^(own|other)_",
        ),
        Part(
            "Pairs: the target against the subject's photo, by kind",
            "dataset",
            ("dino_masked", "view_dino_masked", "view_unlike", "clip_t", "change_found"),
            methods=r"^(accepted|rejected)$",
        ),
        Part(
            "Base model: what the metric CLIP reads",
            "base",
            (
                "class_accuracy",
                "colour_accuracy",
                "background_accuracy",
                "light_accuracy",
                "texture_accuracy",
            ),
        ),
    ),
    "tables": (
        Part("Generation by what ToffeeNet is trained on", "variants", METRICS[:3], "generation"),
        Part(
            "Editing by what it is trained on",
            "variants",
            ("dino_inside", "histogram_inside", "dino_masked", "clip_t", "outside_error"),
            "editing; all edits",
        ),
        Part("Reconstruction, by p", "reconstruction", ("seg_dino", "clip_t", "dino")),
        Part("Subject cut out, or its whole photo", "segmentation", METRICS[:3]),
        Part("Reference path and guidance", "reference", METRICS[:3]),
        Part("λ at inference", "strength", METRICS[:3]),
        Part(
            "Editing",
            "editing",
            ("dino_inside", "dino_masked", "clip_t", "outside_error", "outside_drift"),
            methods=r"^(toffeenet|input|target)$",
        ),
        Part("Cost", "cost", ("seconds_per_pair", "seconds", "ratio", "hours")),
        Part(
            "ToffeeNet by its pairs, DreamBooth by its steps",
            "scaling",
            ("pairs", "subjects", *METRICS[:3]),
            methods=r"^([^(−]+|slope .*)$",
        ),
    ),
}


def fill(page: str, results: Path) -> str:
    """The page with its marked blocks rewritten. A table that the run did not make is named.

    Raises:
        ToffeeError: the page has no block, the end of one is missing, a block has no table, or a
            part of one would be empty.
    """
    marks = {name: (f"<!-- {name}:begin -->", f"<!-- {name}:end -->") for name in BLOCKS}
    marked = [name for name, pair in marks.items() if any(mark in page for mark in pair)]
    for name in marked or BLOCKS:
        (begin, end), parts = marks[name], BLOCKS[name]
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ToffeeError(f"page: expected the marks {begin} and {end}")
        text = "\n\n".join(_parts(parts, results))
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


def _parts(parts: Sequence[Part], results: Path) -> list[str]:
    """A block's paragraphs: the parts whose table is there, and which others are not."""
    paths = {part: results / "tables" / f"{part.table}.csv" for part in parts}
    there = [part for part in parts if paths[part].exists()]
    if not there:
        raise ToffeeError(f"{paths[parts[0]]}: not found, expected the tables of a run")
    absent = dict.fromkeys(part.table for part in parts if part not in there)
    names = ", ".join(f"`{table}`" for table in absent)
    return [
        *(_part(part, paths[part]) for part in there),
        *([f"Not made by this run: {names}."] if absent else []),
    ]


def _part(part: Part, path: Path) -> str:
    try:
        table = pd.read_csv(path, dtype={"setting": str}).fillna({"setting": ""})
    except OSError as error:
        raise ToffeeError(f"{path}: {error.strerror}, expected the tables of a run") from None
    wanted = [bool(re.search(part.methods, method)) for method in table["method"]]
    rows = pd.Series(wanted, index=table.index) & table["metric"].isin(part.metrics)
    rows &= table["setting"].str.contains(part.setting, regex=False)
    table = table[rows & (table["source"] == "measured")]
    if table.empty:
        raise ToffeeError(f"{path}: no row for {part.title!r}")
    encoders = table["setting"].str.extract(r"(encoders .*)$")[0].dropna().unique()
    table = without(table, *encoders, *CONDITIONS, *filter(None, [part.setting.rstrip(";")]))
    table = table.assign(setting=table["setting"].str.removeprefix(part.setting).str.strip("; "))
    body = markdown(table.astype({"n": "Int64"}), part.metrics)
    return f"**{part.title}** (`{path.parent.name}/{path.name}`)\n\n{body}"


def main(arguments: list[str]) -> int:
    """Entry point: a results folder and the page."""
    if len(arguments) != 2:
        usage = "python -m toffee.tables.results_page results/<scale> docs/results.md"
        print(f"usage: {usage}", file=sys.stderr)
        return 2
    results, page = map(Path, arguments)
    try:
        write_text(page, fill(page.read_text(encoding="utf-8"), results))
    except ToffeeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
