import numpy as np
import pytest
from PIL import Image

from toffee.figures.grid import LABEL, MARGIN, Cell, Grid, enlarged, save_figure, text_width, wrap
from toffee.runtime.errors import ToffeeError


def ink(picture: Image.Image) -> np.ndarray:
    return (np.asarray(picture.convert("RGB")) < 200).any(-1)


def test_no_text_is_clipped(tmp_path):
    """However long the texts, the margin around the figure stays empty."""
    long = "a verylongwordwithoutanyspacetobreakitanywhere in a prompt of many many words " * 3
    cells = [[Cell(np.zeros((64, 64, 3), np.uint8), long, (255, 0, 0))] * 3] * 2
    grid = Grid(cells, [long] * 3, [long] * 2, title=long, caption=long)
    save_figure(grid, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        drawn = ink(picture)
    edge = MARGIN - 4
    border = (drawn[:edge], drawn[-edge:], drawn[:, :edge], drawn[:, -edge:])
    assert not any(part.any() for part in border)
    assert drawn.any()


def test_wrap_keeps_every_word_within_the_width():
    text = "a purple striped crate on a wooden floor"
    lines = wrap(text, LABEL, 120)
    assert " ".join(lines) == text
    assert all(text_width(line, LABEL) <= 120 for line in lines)
    assert len(wrap(f"{text}\nsecond", LABEL, 9999)) == 2
    assert "".join(wrap("x" * 60, LABEL, 100)) == "x" * 60


def test_pictures_are_enlarged_by_whole_factors():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    large = np.asarray(enlarged(picture, (200, 130)))
    assert np.array_equal(large[1:129, 36:164], picture.repeat(2, 0).repeat(2, 1))


def test_nothing_to_draw_is_an_error(tmp_path):
    with pytest.raises(ToffeeError, match="no picture"):
        save_figure(Grid([[Cell(None)]]), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
