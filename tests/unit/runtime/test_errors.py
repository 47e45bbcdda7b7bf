"""A user's error is one line."""

from toffee.runtime.errors import ToffeeError


def test_line_breaks_are_folded():
    assert str(ToffeeError("first\n  second\tthird")) == "first second third"
