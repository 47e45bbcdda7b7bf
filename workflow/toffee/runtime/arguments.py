"""Command lines whose errors are one line that says what was expected."""

import argparse
from collections.abc import Callable
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that ends with one line and exit code 2 where it cannot use its arguments; so do the
    parsers of its commands."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; {self.prog} --help lists all\n")


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument: a whole number from `least` to `most`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"expected a whole number from {least} to {most}, found {text!r}"
            )
        return value

    return convert


def number(least: float, most: float) -> Callable[[str], float]:
    """The type of an argument: a number from `least` to `most`."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:  # neither is NaN
            raise argparse.ArgumentTypeError(
                f"expected a number from {least:g} to {most:g}, found {text!r}"
            )
        return value

    return convert
