"""The picture of the front page: what the exported pipeline draws of subjects that no training saw.

    python docs/draw_with_pipeline.py results/tiny docs/heldout.png

One column per class: its first held-out subject, so nothing is selected. Rows: the subject's photo,
pictures of it drawn from that photo, the photo with a new background, and a picture drawn from the
text alone. Needs diffusers and no module of this project.
"""

import argparse
from pathlib import Path

from diffusers import DiffusionPipeline
from PIL import Image, ImageDraw, ImageFont, ImageOps

ROWS = {
    "photo, held out": "",
    "ToffeeNet draws: in the snow": "a {} in the snow",
    "ToffeeNet draws: on the sand at sunset": "a {} on the sand at sunset",
    "ToffeeNet edits: on the grass": "a {} on the grass",
    "without the photo: in the snow": "a {} in the snow",
}
SIDE, GAP, LABELS, TOP = 96, 6, 150, 24


def column(pipe: DiffusionPipeline, sequence: Path, word: str) -> list[Image.Image]:
    """The pictures of one subject, in the order of `ROWS`."""
    photo = Image.open(sequence / "images" / "000.jpg").convert("RGB")
    mask = Image.open(sequence / "masks" / "000.png").convert("L")
    snow, sand, grass, alone = (text.format(word) for text in list(ROWS.values())[1:])
    subject = {"subject": photo, "subject_mask": mask, "seed": 0}
    drawn = pipe([snow, sand], **subject).images
    edited = pipe(grass, **subject, image=photo, mask=ImageOps.invert(mask)).images
    return [photo, *drawn, *edited, *pipe(alone, seed=0).images]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="results of a run, e.g. results/tiny")
    parser.add_argument("out", type=Path, help="picture to write")
    given = parser.parse_args()
    pipe = DiffusionPipeline.from_pretrained(given.results / "pipeline", trust_remote_code=True)
    pipe.set_progress_bar_config(disable=True)
    heldout = given.results / "world" / "multiview_heldout"
    classes = sorted(path for path in heldout.iterdir() if path.is_dir())
    step = SIDE + GAP
    size = (LABELS + step * len(classes), TOP + step * len(ROWS))
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for y, label in enumerate(ROWS):
        text = label.replace(": ", ":\n").replace(", ", ",\n").replace("sand at", "sand\nat")
        place = (GAP, TOP + y * step + SIDE // 2)
        draw.multiline_text(place, text, "black", font, anchor="lm")
    for x, folder in enumerate(classes):
        left = LABELS + x * step
        draw.text((left + SIDE // 2, TOP // 2), folder.name, "black", font, anchor="mm")
        first = min(path for path in folder.iterdir() if path.is_dir())
        for y, picture in enumerate(column(pipe, first, folder.name)):
            large = picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)
            sheet.paste(large, (left, TOP + y * step))
    sheet.save(given.out, optimize=True)


if __name__ == "__main__":
    main()
