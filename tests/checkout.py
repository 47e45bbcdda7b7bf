"""A copy of the checkout's own files, for tests that run Snakemake in it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ("Snakefile", "CITATION.cff", "LICENSE", "workflow/run.py")
FOLDERS = ("rules", "envs", "config", "profiles", "tools", "workflow/report", "workflow/toffee")


def copy_checkout(folder: Path) -> None:
    """Copy what a run needs of the checkout, the zoo left out."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
