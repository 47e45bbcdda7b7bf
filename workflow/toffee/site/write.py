"""Writes the page: its own files, and the data of a run as scripts beside them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.site.audit import read_audit
from toffee.site.jobs import Jobs, describe_chain, describe_run, write_jobs
from toffee.site.panels import describe_table
from toffee.site.script import write_script
from toffee.site.wall import write_wall
from toffee.tables.tidy import comparability

PAGE = Path(__file__).parent / "static"
"""The page's own files: HTML, style, scripts, and the library that draws the graph."""


def write_site(
    results: Path,
    tables: Sequence[Path],
    figures: Sequence[Path],
    shards: Sequence[Path],
    index: Path,
    ledger: Path,
    verdict: Path | None,
    out: Path,
    captions: Sequence[Path] = (),
    source: str = "",
    resolution: int = 0,
    root: str | None = None,
    as_of: datetime | None = None,
) -> None:
    """Write a folder whose `index.html` shows a run; it opens from a disk and needs no server.

    Args:
        results: a results folder with its records; shown are the jobs that led to the files below.
        tables: tidy CSV files.
        figures: PNG files.
        shards: the dataset's files.
        index: the filter's index.
        ledger: any CSV.
        verdict: the report of an audit, see `read_audit`; None where none was made.
        out: folder to write; an older one is replaced as a whole.
        captions: text files `table_<name>` and `figure_<name>`.
        source, resolution: of the measured photographs (config `data`); they decide about the note
            that measured and published rows do not compare.
        root: the results folder as paths are shown; by default its own name.
        as_of: show the records of that time, for an audit; by default those that are there.

    Raises:
        ToffeeError: an input cannot be read; nothing is written then.
    """
    whole = Results(results, root=root)
    whole = whole.as_of(as_of) if as_of else whole
    shown = [*tables, *figures, *shards, index, ledger, *([verdict] if verdict else [])]
    found = whole.only([whole.written(path) for path in shown])
    jobs = Jobs(found, own=whole.written(out))
    texts = {path.stem: path.read_text(encoding="utf-8").strip() for path in map(Path, captions)}
    with atomic_path(out) as folder:
        shutil.copytree(PAGE, folder)
        data = folder / "data"
        note = comparability(source, resolution).replace("**", "")
        write_jobs(jobs, data / "jobs")
        write_script(data / "ledger.js", "ledger", _grid(ledger))
        write_script(data / "wall.js", "wall", write_wall(index, shards, folder / "images"))
        site = {
            "scale": Path(found.root).name,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": describe_run(jobs) | {"left": whole.left_over(found)},
            "rules": jobs.rules(),
            "edges": jobs.edges(),
            "tables": [
                _write_table(Path(path), jobs, data, texts) | {"note": note} for path in tables
            ],
            "figures": [_copy_figure(Path(path), folder / "figures", texts) for path in figures],
            "audit": None if verdict is None else read_audit(verdict),
        }
        write_script(data / "site.js", "site", site)


def _write_table(path: Path, jobs: Jobs, data: Path, captions: Mapping[str, str]) -> dict[str, Any]:
    """A table for the page. The jobs that led to it are written to data/chains/."""
    written = jobs.results.written(path)
    chain = describe_chain(jobs, written)
    write_script(data / "chains" / f"{path.stem}.js", f"chains/{path.stem}", chain)
    caption = captions.get(f"table_{path.stem}", "")
    job = chain and chain["job"]
    about = {"name": path.stem, "caption": caption, "path": written, "job": job}
    return about | describe_table(path)


def _copy_figure(path: Path, folder: Path, captions: Mapping[str, str]) -> dict[str, Any]:
    """Copy a figure; its name, caption and size in pixels."""
    folder.mkdir(exist_ok=True)
    try:
        with Image.open(path) as picture:
            width, height = picture.size
        shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise ToffeeError(f"{path}: expected a figure ({error})") from None
    caption = captions.get(f"figure_{path.stem}", "")
    size = {"width": width, "height": height}
    return {"name": path.stem, "caption": caption, "file": path.name} | size


def _grid(path: Path) -> dict[str, Any]:
    """A CSV as columns and rows of text."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: expected a CSV ({error})") from None
    return {"columns": list(table.columns), "rows": table.to_numpy().tolist()}
