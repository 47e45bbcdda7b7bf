"""The folders of the package and of its checkout."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""Folder of the package `toffee`."""

PROJECT = PACKAGE.parents[1]
"""Folder of the Snakefile."""
