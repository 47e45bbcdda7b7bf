"""The renders that all of the zoo's models learn from, drawn once and mapped into memory."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.data.world.render import render
from toffee.data.world.subject import draw_scene, draw_subject, heldout_prompt
from toffee.data.world.vocabulary import Attributes
from toffee.runtime.files import atomic_path
from toffee.runtime.progress import progress
from toffee.runtime.seeds import seed_of

STYLE_SHARES = {"sketch": 0.08, "cartoon": 0.16}  # cumulated; the rest are photos
GRID = 8  # cells a side of the coarse maps: one patch of the encoders each


def draw_zoo_renders(
    out: Path,
    subjects: int = 4500,
    views: int = 4,
    seed: int = 1,
    resolution: int = 64,
    split: str = "train",
) -> None:
    """Render `subjects` × `views` pictures and what is known about them.

    Every view has a scene of its own, so that the same subject is seen in other places, lights and
    styles. With `split="train"` neither held-out subjects nor held-out prompts ever appear; with
    `split="heldout"` all subjects are held out.

    Writes in the folder `out`: `rgb.npy` uint8 [S,V,H,W,3], `depth.npy` float16 [S,V,H,W],
    `mask.npy` bool [S,V,H,W], `points.npy` float16 [S,V,8,8,3] (mean object coordinates of a cell),
    `cover.npy` float16 [S,V,8,8] (share of a cell inside the mask), `attributes.csv`.
    """
    with atomic_path(out) as folder:
        folder.mkdir()
        size = (subjects, views, resolution, resolution)
        arrays = {
            "rgb": np.lib.format.open_memmap(
                folder / "rgb.npy", mode="w+", dtype="uint8", shape=(*size, 3)
            ),
            "depth": np.lib.format.open_memmap(
                folder / "depth.npy", mode="w+", dtype="float16", shape=size
            ),
            "mask": np.lib.format.open_memmap(
                folder / "mask.npy", mode="w+", dtype="bool", shape=size
            ),
        }
        points = np.zeros((subjects, views, GRID, GRID, 3), dtype="float16")
        cover = np.zeros((subjects, views, GRID, GRID), dtype="float16")
        rows = []
        for index in progress(range(subjects), desc="zoo renders", unit="subject"):
            subject = draw_subject(seed_of(seed, "zoo", str(index)), split)
            scenes = [_scene(subject, seed, index, view, split) for view in range(views)]
            renders = render([subject] * views, scenes, resolution)
            for name, array in arrays.items():
                array[index] = getattr(renders, name).numpy()
            points[index], cover[index] = _cells(renders.points, renders.mask)
            rows += [
                {
                    "class_word": subject.class_word,
                    "colour": subject.colour,
                    "second_colour": subject.second_colour,
                    "texture": subject.texture,
                    "background": scene.background,
                    "light": scene.light,
                    "style": scene.style,
                }
                for scene in scenes
            ]
        np.save(folder / "points.npy", points)
        np.save(folder / "cover.npy", cover)
        pd.DataFrame(rows).to_csv(folder / "attributes.csv", index=False)


def _scene(subject, seed: int, index: int, view: int, split: str):
    """The first drawn scene whose prompt base-model training may see."""
    attempt = 0
    while True:
        scene_seed = seed_of(seed, "zoo scene", str(index), str(view), attempt)
        share = random.Random(scene_seed).random()
        style = next((name for name, upto in STYLE_SHARES.items() if share < upto), "photo")
        scene = draw_scene(scene_seed, style=style)
        prompt = (subject.class_word, subject.colour, scene.background)
        if split == "heldout" or not heldout_prompt(*prompt):
            return scene
        attempt += 1


def _cells(points: torch.Tensor, mask: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean object coordinates and coverage of the cells of an 8 × 8 grid."""
    views, height, width = mask.shape
    weight = mask.float().reshape(views, GRID, height // GRID, GRID, width // GRID)
    total = weight.sum((2, 4))
    cells = (points * mask[..., None]).reshape(views, GRID, height // GRID, GRID, width // GRID, 3)
    mean = cells.sum((2, 4)) / total.clamp(min=1)[..., None]
    area = (height // GRID) * (width // GRID)
    return mean.numpy().astype("float16"), (total / area).numpy().astype("float16")


class Renders:
    """The pictures of `draw_zoo_renders`, mapped into memory.

    Attributes:
        attributes: one row a picture, subject by subject.
        subjects, views: how many there are.
    """

    def __init__(self, folder: Path) -> None:
        load = lambda name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r")  # noqa: E731
        self.rgb, self.depth, self.mask = load("rgb"), load("depth"), load("mask")
        self.points, self.cover = load("points"), load("cover")
        self.attributes = pd.read_csv(Path(folder) / "attributes.csv", keep_default_na=False)
        self.subjects, self.views = self.rgb.shape[:2]

    def __len__(self) -> int:
        return self.subjects * self.views

    def images(self, rows: np.ndarray) -> torch.Tensor:
        """Pictures as float32 [B,3,H,W] in [0,1]; `rows` counts pictures subject by subject."""
        pictures = self.rgb[rows // self.views, rows % self.views]
        return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255

    def array(self, name: str, rows: np.ndarray) -> torch.Tensor:
        """One of the maps `depth`, `mask`, `points`, `cover` for these pictures."""
        values = torch.from_numpy(getattr(self, name)[rows // self.views, rows % self.views])
        return values if values.dtype == torch.bool else values.float()

    def caption_attributes(self, row: int) -> Attributes:
        """What a full caption of the picture says."""
        values = self.attributes.iloc[row]
        return Attributes(
            **{
                key: values[key]
                for key in ("class_word", "colour", "texture", "background", "light", "style")
            }
        )
