"""Where the package and the checkout that it belongs to lie."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""Folder of the package `toffee`."""

PROJECT = PACKAGE.parents[1]
"""Folder of the Snakefile."""
