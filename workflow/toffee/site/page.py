"""The report as one self-contained page: tables and figures, nothing fetched from elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.tables.markdown import blocks

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #18181b; background: #fff; max-width: 1200px;
       margin: 2rem auto; padding: 0 1.5rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 14px; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
th, td { white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
img { max-width: 100%; image-rendering: pixelated; border: 1px solid #eee; }
"""


def write_page(scale: str, tables: Sequence[Path], figures: Sequence[Path], out: Path) -> None:
    """Write an HTML page that shows tables (tidy CSV) and figures (PNG, embedded).

    scale: name of the run's scale, for the title. Raises ToffeeError where a table or a figure
    cannot be read.
    """
    title = f"Toffee, scale {scale}"
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for path in map(Path, figures):
        parts.append(f"<h2>{html.escape(path.stem)}</h2>\n{_image(path)}")
    for path in map(Path, tables):
        parts.append(f"<h2>Table {html.escape(path.stem)}</h2>\n{_table(path)}")
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    write_text(
        out,
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n',
    )


def _image(path: Path) -> str:
    try:
        data = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise ToffeeError(f"{path}: expected a figure ({error.strerror})") from None
    return f'<img alt="{html.escape(path.stem)}" src="data:image/png;base64,{data}">'


def _table(path: Path) -> str:
    try:
        table = pd.read_csv(
            path, keep_default_na=False, na_values={"value": "", "stderr": "", "n": ""}
        )
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: expected a table ({error})") from None
    return "\n".join(_rows(lines) for lines in blocks(table))


def _rows(lines: Sequence[Sequence[str]]) -> str:
    head, *rows = lines
    cells = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    cells += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    body = "\n".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="wide"><table>\n{body}\n</table></div>'
