"""The picture beside the README's five lines: what the exported pipeline draws and edits.

    python docs/draw_with_pipeline.py results/tiny docs/pipeline.png

A row a subject of the world: its photo, two new pictures of it, and its photo with another place
around it, outside of whose mask (the subject) no pixel changes. Needs diffusers and nothing of this
project's package.
"""

import argparse
from pathlib import Path

from diffusers import DiffusionPipeline
from PIL import Image, ImageOps

SUBJECTS = ("ball_00000", "mug_00002", "car_00007")
DRAWN = ("a {} in the snow", "a {} on the sand at sunset")
EDITED = ("a {} on the grass", "a {} on a wooden floor")
SIDE, GAP = 128, 8


def row(pipe: DiffusionPipeline, subjects: Path, name: str) -> list[Image.Image]:
    """The pictures of one subject."""
    photo = Image.open(subjects / "images" / f"{name}.jpg").convert("RGB")
    mask = Image.open(subjects / "masks" / f"{name}.png").convert("L")
    word, given = name.rsplit("_", 1)[0], {"subject": photo, "subject_mask": mask, "seed": 0}
    drawn = pipe([text.format(word) for text in DRAWN], **given).images
    around = {"image": photo, "mask": ImageOps.invert(mask)}
    edited = pipe([text.format(word) for text in EDITED], **given, **around).images
    return [photo, *drawn, *edited]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="results of a run, e.g. results/tiny")
    parser.add_argument("out", type=Path, help="picture to write")
    given = parser.parse_args()
    pipe = DiffusionPipeline.from_pretrained(given.results / "pipeline", trust_remote_code=True)
    pipe.set_progress_bar_config(disable=True)
    rows = [row(pipe, given.results / "world" / "subjects", name) for name in SUBJECTS]
    step = SIDE + GAP
    sheet = Image.new("RGB", (step * len(rows[0]) - GAP, step * len(rows) - GAP), "white")
    for y, pictures in enumerate(rows):
        for x, picture in enumerate(pictures):
            sheet.paste(
                picture.resize((SIDE, SIDE), Image.Resampling.NEAREST), (x * step, y * step)
            )
    sheet.save(given.out)


if __name__ == "__main__":
    main()
