"""Small folders in the layouts that the loaders read."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_subjects(root: Path, names: tuple[str, ...] = ("a", "b", "c"), size: int = 16) -> Path:
    """An image folder of balls and crates with masks; returns the root."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    rows = []
    for number, name in enumerate(names):
        word = ("ball", "crate")[number % 2]
        Image.new("RGB", (size, size), (40 * number, 90, 10)).save(root / "images" / f"{name}.jpg")
        mask = np.zeros((size, size), bool)
        mask[4:10, 4:12] = True
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
        rows.append((f"images/{name}.jpg", name, word, f"a red striped {word}"))
    write_metadata(root, rows)
    return root


def write_metadata(root: Path, rows: list[tuple]) -> None:
    with open(root / "metadata.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file_name", "subject", "class_word", "caption"))
        table.writerows(rows)


def write_multiview(
    root: Path, words: tuple[str, ...] = ("ball", "crate"), sequences: int = 2, frames: int = 3
) -> Path:
    """Multi-view sequences; returns the root."""
    for word in words:
        for sequence in range(sequences):
            folder = root / word / f"{sequence:03d}"
            (folder / "images").mkdir(parents=True)
            (folder / "masks").mkdir()
            for frame in range(frames):
                Image.new("RGB", (16, 16), "red").save(folder / "images" / f"{frame:03d}.jpg")
                Image.new("1", (16, 16), 1).save(folder / "masks" / f"{frame:03d}.png")
    return root


@pytest.fixture
def subjects(tmp_path: Path) -> Path:
    return write_subjects(tmp_path / "subjects")


@pytest.fixture
def multiview(tmp_path: Path) -> Path:
    return write_multiview(tmp_path / "multiview")
