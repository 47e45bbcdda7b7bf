"""Labelled grids of images, drawn with Pillow: dark on white, no text clipped, pixels square."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path

INK, GREY, PAPER = (24, 24, 27), (104, 104, 112), (255, 255, 255)
GOOD, BAD = (29, 78, 216), (180, 83, 9)  # blue and orange, which the colour-blind tell apart
EMPTY, EDGE = (238, 238, 241), (212, 212, 216)

MARGIN, GAP, PAD = 28, 10, 8  # pixels: around the figure, between cells, between text and picture
TITLE, LABEL, NOTE = 26, 17, 14  # text heights in pixels
LEAST_CELL = 128  # pixels; smaller pictures are enlarged by a whole factor


@dataclass(frozen=True)
class Cell:
    """A picture of a grid: uint8 [H, W, 3] or None for an empty place; a note below it; a frame's
    colour."""

    image: np.ndarray | None
    note: str = ""
    frame: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Grid:
    """Rows of cells with labels. `columns` and `rows` hold one label each, or nothing.

    title: over the grid; caption: under the title, wrapped. Rows may differ in length.
    """

    cells: Sequence[Sequence[Cell]]
    columns: Sequence[str] = ()
    rows: Sequence[str] = ()
    title: str = ""
    caption: str = ""


def save_figure(
    grids: Sequence[Grid] | Grid, out: Path, above: Callable[[int], Image.Image] | None = None
) -> None:
    """Write grids below each other as one PNG file.

    above: draws what stands over them, given the grids' width in pixels. Raises ToffeeError where
    there is nothing to draw.
    """
    grids = [grids] if isinstance(grids, Grid) else list(grids)
    if not any(cell.image is not None for grid in grids for row in grid.cells for cell in row):
        raise ToffeeError(f"{out}: no picture to draw, expected at least one")
    size = cell_size(grids)
    width = max(draw(grid, size).width for grid in grids)
    parts = [draw(grid, size, width) for grid in grids]
    if above is not None:
        parts.insert(0, above(width))
        width = max(width, parts[0].width)
    sheet = Image.new("RGB", (width, sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    with atomic_path(out) as temporary:
        sheet.save(temporary, "PNG")


def cell_size(grids: Sequence[Grid]) -> tuple[int, int]:
    """Width and height of a cell in pixels: those of the largest picture, enlarged by the least
    whole factor that makes it LEAST_CELL high or more.
    """
    shapes = [
        cell.image.shape[:2]
        for grid in grids
        for row in grid.cells
        for cell in row
        if cell.image is not None
    ]
    tallest, widest = (max(shape[axis] for shape in shapes) for axis in (0, 1))
    factor = -(-LEAST_CELL // tallest)
    return widest * factor, tallest * factor


def draw(grid: Grid, size: tuple[int, int], least: int = 0) -> Image.Image:
    """One grid as a picture; cells are `size` pixels (width, height), text wraps at their width.

    least: width of the picture at least, in pixels; title and caption take it.
    """
    wide, high = size
    count = max(len(row) for row in grid.cells)
    head = [wrap(label, LABEL, wide) for label in grid.columns]
    notes = [[wrap(cell.note, NOTE, wide) for cell in row] for row in grid.cells]
    label_width = min(
        max((text_width(label, LABEL) for label in grid.rows), default=0), round(1.6 * high)
    )
    labels = [wrap(label, LABEL, label_width) for label in grid.rows]

    left = MARGIN + (label_width + 2 * PAD if labels else 0)
    width = max(least, left + count * wide + (count - 1) * GAP + MARGIN)
    title = wrap(grid.title, TITLE, width - 2 * MARGIN)
    caption = wrap(grid.caption, NOTE, width - 2 * MARGIN)
    top = MARGIN + height(title, TITLE) + height(caption, NOTE) + (2 * PAD if title else 0)
    head_height = max((height(lines, LABEL) for lines in head), default=0)
    heights = [
        max(high + max(PAD + height(note, NOTE) for note in row), height(label, LABEL))
        for row, label in zip(notes, labels or [[]] * len(notes), strict=True)
    ]
    bottom = top + head_height + PAD + sum(heights) + GAP * (len(heights) - 1) + MARGIN

    sheet = Image.new("RGB", (width, bottom), PAPER)
    pen = ImageDraw.Draw(sheet)
    write(pen, title, MARGIN, MARGIN, TITLE, INK)
    write(pen, caption, MARGIN, MARGIN + height(title, TITLE) + PAD // 2, NOTE, GREY)
    for place, lines in enumerate(head):
        x, y = left + place * (wide + GAP), top + head_height - height(lines, LABEL)
        write(pen, lines, x, y, LABEL, INK)
    y = top + head_height + PAD
    for number, row in enumerate(grid.cells):
        if labels:
            below = max(0, (high - height(labels[number], LABEL)) // 2)
            write(pen, labels[number], MARGIN, y + below, LABEL, INK)
        for place, cell in enumerate(row):
            x = left + place * (wide + GAP)
            sheet.paste(enlarged(cell.image, size), (x, y))
            # a white picture, as a mask may be, has an edge on white paper too
            wider, colour = (3, cell.frame) if cell.frame else (1, EDGE)
            box = (x - wider, y - wider, x + wide + wider - 1, y + high + wider - 1)
            pen.rectangle(box, outline=colour, width=wider)
            write(pen, notes[number][place], x, y + high + PAD // 2, NOTE, INK)
        y += heights[number] + GAP
    return sheet


def enlarged(image: np.ndarray | None, size: tuple[int, int]) -> Image.Image:
    """A picture in a cell of `size` (width, height): enlarged by a whole factor with nearest
    neighbour, or reduced where it is too large; an empty cell for None.
    """
    cell = Image.new("RGB", size, PAPER if image is not None else EMPTY)
    if image is None:
        return cell
    picture = Image.fromarray(np.ascontiguousarray(image))
    factor = min(size[0] // picture.width, size[1] // picture.height)
    if factor >= 1:
        larger = (picture.width * factor, picture.height * factor)
        picture = picture.resize(larger, Image.Resampling.NEAREST)
    else:
        picture.thumbnail(size, Image.Resampling.LANCZOS)
    cell.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return cell


def masked(image: np.ndarray, mask: np.ndarray, value: int = 127) -> np.ndarray:
    """The picture with a grey hole where the mask [H, W] is set."""
    return np.where(mask[..., None], np.uint8(value), image)


def picture_of_mask(mask: np.ndarray) -> np.ndarray:
    """A mask [H, W] as a picture, white where it is set."""
    return np.repeat((mask * 255).astype(np.uint8)[..., None], 3, axis=2)


def wrap(text: str, size: int, width: int) -> list[str]:
    """Lines of text no wider than `width` pixels, broken at spaces; a longer word is broken too.
    "\\n" breaks a line."""
    lines: list[str] = []
    for paragraph in text.split("\n") if text else []:
        line = ""
        for word in paragraph.split():
            for piece in pieces(word, size, width):
                longer = f"{line} {piece}".strip()
                if line and text_width(longer, size) > width:
                    lines.append(line)
                    line = piece
                else:
                    line = longer
        lines.append(line)
    return lines


def pieces(word: str, size: int, width: int) -> list[str]:
    """A word, cut where it is wider than `width` pixels."""
    parts = []
    while text_width(word, size) > width and len(word) > 1:
        end = next(
            n for n in range(len(word) - 1, 0, -1) if n == 1 or text_width(word[:n], size) <= width
        )
        parts.append(word[:end])
        word = word[end:]
    return [*parts, word]


def write(
    pen: ImageDraw.ImageDraw, lines: Sequence[str], x: int, y: int, size: int, colour: tuple
) -> None:
    """Write lines of text below (x, y)."""
    for number, line in enumerate(lines):
        pen.text((x, y + number * line_height(size)), line, font=font(size), fill=colour)


def height(lines: Sequence[str], size: int) -> int:
    """Height of lines of text in pixels."""
    return len(lines) * line_height(size)


def line_height(size: int) -> int:
    """Distance of two lines of text in pixels."""
    return round(1.35 * size)


def text_width(text: str, size: int) -> int:
    """Width of text in pixels, that of its longest line."""
    return max(int(np.ceil(font(size).getlength(line))) for line in text.split("\n"))


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib on every platform."""
    from matplotlib import get_data_path

    path = Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    # the basic layout is the same everywhere; Raqm depends on the platform's libraries
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
