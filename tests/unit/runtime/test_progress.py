"""Progress lines: they pass everything through and end with the whole."""

import io

from toffee.runtime.progress import line, progress


def test_items_pass_and_the_last_line_counts_them():
    out = io.StringIO()
    assert list(progress(range(5), desc="draw", unit="image", file=out)) == list(range(5))
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("draw: 5/5 image, ")


def test_lines_come_at_intervals():
    out = io.StringIO()
    list(progress(range(3), desc="draw", file=out, interval=0))
    assert [text.split(" ")[1] for text in out.getvalue().splitlines()] == ["1/3", "2/3", "3/3"]


def test_rate_and_rest():
    assert line(50, 150, 100.0, "train", "step") == "train: 50/150 step, 2.0 s/step, 3:20 left"
    assert line(200, 200, 100.0, "train", "step") == "train: 200/200 step, 2.0 step/s, in 1:40"
    assert line(10, None, 5.0, "", "it") == "progress: 10 it, 2.0 it/s, in 0:05"


def test_terminal_shows_a_bar_unless_lines_are_asked_for(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    bar, lines = Terminal(), Terminal()
    list(progress(range(3), desc="draw", file=bar))
    monkeypatch.setenv("TOFFEE_PROGRESS", "lines")
    list(progress(range(3), desc="draw", file=lines))
    assert "\r" in bar.getvalue()
    assert "\r" not in lines.getvalue()
