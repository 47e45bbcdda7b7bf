"""The figures of the report: what the stages made, as labelled grids of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.images import read_image, to_arrays
from toffee.data.loaders.references import kept_photos
from toffee.figures.grid import Cell, Grid, masked, picture_of_mask, save_figure
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard
from toffee.synthesis.plan import read_plan

EDITS = ("background", "colour", "texture", "style")
REFINER_METHODS = {
    "initial": "initial",
    "control": "control: nothing replaced",
    "cosine": "cosine",
    "silhouette": "silhouette",
    "silhouette+position": "silhouette + position",
    "ceiling": "ceiling: own tokens",
    "wrong_subject": "wrong subject",
}


def draw_pipeline(
    plan: Path, subjects: Path, initial: Path, refined: Path, views: Path, out: Path, rows: int = 8
) -> None:
    """Subject → initial → refined → view: one row a subject, of one shard's generation samples.

    plan: plan of a shard; subjects: root of their photos; initial, refined, views: the
    stages' files of one shard, of which the first picture is shown.
    """
    samples = read_plan(plan)
    samples = samples[samples["kind"] == "generation"]
    with Shard(initial) as first, Shard(refined) as second, Shard(views) as third:
        stages = [(shard, first_picture(shard)) for shard in (first, second, third)]
        drawn = [
            sample
            for sample in samples.to_dict("records")
            if all(shard.has(name, sample["row"]) for shard, name in stages)
        ]
        cells, labels = [], []
        for sample in varied(drawn, rows, ("class_word", "subject")):
            photo = photo_of(Path(subjects) / sample["image"], stages[0])
            pictures = [picture(shard, name, sample["row"]) for shard, name in stages]
            cells.append([Cell(image) for image in (photo, *pictures)])
            labels.append(sample["prompt"])
    columns = ("subject", "initial", "refined", "view")
    caption = (
        "Initial: the prompt drawn over the subject's depth. Refined: the subject's details put "
        "back. View: the subject in another pose, the pair's input."
    )
    save_figure(Grid(cells, columns, labels, "From a subject to a pair", caption), out)


def draw_editing(index: Path, shards: Sequence[Path], out: Path, rows: int = 2) -> None:
    """Accepted editing pairs: prompt, input, mask, masked input, target; `rows` of each of the
    four kinds."""
    accepted = read_index(index)
    accepted = accepted[accepted["accepted"]]
    cells, labels = [], []
    for kind in EDITS:
        for row in accepted[accepted["kind"] == kind].head(rows).to_dict("records"):
            with open_shard(shards, row["shard"]) as shard:
                source, target = (picture(shard, name, row["row"]) for name in ("input", "target"))
                mask = shard.arrays("mask", [row["row"]])[0]
                prompt = shard.column("prompt")[row["row"]]
            pictures = (source, picture_of_mask(mask), masked(source, mask), target)
            cells.append([Cell(image) for image in pictures])
            labels.append(f"{kind}:\n{prompt}")
    columns = ("input", "mask", "masked input", "target")
    caption = "Outside of the mask input and target are the same picture."
    save_figure(Grid(cells, columns, labels, "Editing pairs", caption), out)


def draw_toffeenet(
    methods: Sequence[str],
    images: Sequence[Path],
    benchmark: Path,
    references: Path,
    out: Path,
    rows: int = 8,
    prompts: int = 5,
) -> None:
    """Held-out subjects × prompts: the kept photo, then what ToffeeNet draws for each prompt.

    images: a file of benchmark images for each of the methods; where there is a method text_only,
    its picture for the first prompt comes last, as what the prompt alone gives.
    """
    files = dict(zip(methods, images, strict=True))
    loaded = load_benchmark(benchmark)
    kept = kept_photos(references, loaded)
    photos = {s.subject: s.photos[kept[s.subject]] for s in loaded.subjects}
    with Shard(files["toffeenet"]) as shard:
        name = first_picture(shard)
        table = pd.DataFrame(
            {key: shard.column(key) for key in ("subject", "class_word", "prompt")}
        )
        table["row"] = np.arange(len(table))
        table = table.drop_duplicates(["subject", "prompt"])
        subjects = table.drop_duplicates("subject").to_dict("records")
        cells, labels = [], []
        for subject in varied(subjects, rows, ("class_word",)):
            own = table[table["subject"] == subject["subject"]]
            # spread over the list: it begins with contexts and ends with property changes
            chosen = own.iloc[np.linspace(0, len(own) - 1, min(prompts, len(own))).astype(int)]
            photo = photo_of(photos[subject["subject"]], (shard, name))
            drawn = [Cell(picture(shard, name, row.row), row.prompt) for row in chosen.itertuples()]
            alone = []
            if "text_only" in files:
                alone = [text_only_cell(files["text_only"], chosen.iloc[0])]
            cells.append([Cell(photo), *drawn, *alone])
            labels.append(subject["subject"].replace("_", " "))
    columns = ["photo", "ToffeeNet", *[""] * (len(cells[0]) - len(alone) - 2)]
    columns += ["text only"] * len(alone)
    save_figure(Grid(cells, columns, labels, "ToffeeNet on held-out subjects"), out)


def draw_refiner(images: Path, out: Path, rows: int = 10) -> None:
    """Held-out subjects: the photo, then what each matching rule and control makes of the initial
    image."""
    with Shard(images) as shard:
        table = pd.DataFrame(
            {key: shard.column(key) for key in ("subject", "class_word", "prompt", "method")}
        )
        table["row"] = np.arange(len(table))
        photos = {
            name: row
            for name, row in zip(table["subject"][::-1], table["row"][::-1], strict=True)
            if shard.has("subject", row)
        }
        methods = [name for name in REFINER_METHODS if (table["method"] == name).any()]
        where = table.drop_duplicates(["subject", "method"]).set_index(["subject", "method"])["row"]
        subjects = table.drop_duplicates("subject").to_dict("records")
        cells, labels = [], []
        for subject in varied(subjects, rows, ("class_word",)):
            name = subject["subject"]
            drawn = [
                picture(shard, "image", where[name, method]) if (name, method) in where else None
                for method in methods
            ]
            photo = picture(shard, "subject", photos[name]) if name in photos else None
            cells.append([Cell(photo), *map(Cell, drawn)])
            labels.append(subject["prompt"])
    columns = ("subject", *(REFINER_METHODS[name] for name in methods))
    save_figure(Grid(cells, columns, labels, "Refiner: how tokens are matched"), out)


def draw_views(images: Path, out: Path, rows: int = 8) -> None:
    """Held-out subjects: source view, generated view, target view."""
    with Shard(images) as shard:
        table = [
            {"class_word": word, "subject": name, "row": row}
            for row, (word, name) in enumerate(
                zip(shard.column("class_word"), shard.column("subject"), strict=True)
            )
        ]
        chosen = varied(table, rows, ("class_word",))
        names = ("source", "generated", "target")
        cells = [[Cell(picture(shard, name, row["row"])) for name in names] for row in chosen]
    columns = ("source view", "generated view", "target view (real)")
    labels = [row["class_word"] for row in chosen]
    save_figure(Grid(cells, columns, labels, "View Generator"), out)


def varied(rows: Sequence[dict], count: int, keys: Sequence[str]) -> list[dict]:
    """`count` rows, as different in `keys` as the order allows: each time the first row whose
    values were shown least."""
    rest, chosen = list(rows), []
    seen: dict[tuple[str, object], int] = {}
    while rest and len(chosen) < count:
        pick = min(rest, key=lambda row: [seen.get((key, row[key]), 0) for key in keys])
        rest.remove(pick)
        chosen.append(pick)
        for key in keys:
            seen[key, pick[key]] = seen.get((key, pick[key]), 0) + 1
    return chosen


def text_only_cell(path: Path, like: pd.Series) -> Cell:
    """What the text-only model drew for the subject and prompt of a row."""
    with Shard(path) as shard:
        same = (shard.column("subject") == like["subject"]) & (
            shard.column("prompt") == like["prompt"]
        )
        if not same.any():
            return Cell(None)
        return Cell(picture(shard, first_picture(shard), int(same.argmax())), like["prompt"])


def first_picture(shard: Shard) -> str:
    """Name of the file's first image that is not a mask. Raises ToffeeError where there is none."""
    names = [name for name in shard.image_names if shard.formats[name] != "mask"]
    if not names:
        raise ToffeeError(f"{shard.path}: no pictures, expected at least one image per row")
    return names[0]


def picture(shard: Shard, name: str, row: int) -> np.ndarray | None:
    """A stored picture, uint8 [H, W, 3], or None where the row has none."""
    return shard.arrays(name, [row])[0] if shard.has(name, row) else None


def photo_of(path: Path, like: tuple[Shard, str]) -> np.ndarray:
    """A photo as uint8 [S, S, 3], at the size of the pictures of a file."""
    shard, name = like
    row = next(row for row in range(len(shard)) if shard.has(name, row))
    side = shard.arrays(name, [row])[0].shape[0]
    return to_arrays(read_image(path, side)[None])[0]


def read_index(path: Path) -> pd.DataFrame:
    """The filter's index. Raises ToffeeError where it cannot be read."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: expected the filter's index ({error})") from None


def open_shard(shards: Sequence[Path], stem: str) -> Shard:
    """The shard with a name. Raises ToffeeError where it is not among those given."""
    for path in map(Path, shards):
        if path.stem == stem:
            return Shard(path)
    raise ToffeeError(f"shard {stem!r} of the index is not among the {len(shards)} shards given")
