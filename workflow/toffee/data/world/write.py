"""The world on disk, in the layouts of the real sources, so that one loader reads both.

Training data come from subjects of the split "train", everything that a number is measured on from
the split "heldout"; every folder has seeds of its own. A folder is written whole or not at all.
"""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from toffee.config.licences import REPOSITORY
from toffee.data.loaders.multiview import LICENCE_COLUMNS, LICENCES
from toffee.data.world.camera import camera_of
from toffee.data.world.render import render
from toffee.data.world.subject import Scene, Subject, draw_scene, draw_subject
from toffee.data.world.vocabulary import BACKGROUNDS, CLASSES, LIGHTS, caption
from toffee.runtime.files import atomic_path
from toffee.runtime.progress import progress
from toffee.runtime.seeds import seed_of

_GROUP = 256  # images that are rendered at once

CONTEXT_PROMPTS: tuple[str, ...] = tuple(
    " ".join(words for words in ("a {0} {1}", BACKGROUNDS[background], LIGHTS[light]) if words)
    for light, backgrounds in (
        ("day", tuple(BACKGROUNDS)),
        ("sunset", ("grass", "sand", "snow", "wood", "water", "rug")),
        ("dusk", ("grass", "sand", "snow", "brick", "wood", "water")),
    )
    for background in backgrounds
)
"""The benchmark's 20 contexts; {0} stands for the unique token, {1} for the class word."""

PROPERTY_PROMPTS: tuple[str, ...] = (
    "a red {0} {1}",
    "a purple {0} {1}",
    "a striped {0} {1}",
    "a dotted {0} {1}",
    "a sketch of a {0} {1}",
)
"""The benchmark's 5 property changes."""


def write_subjects(out: str | os.PathLike, subjects: int, seed: int, resolution: int = 64) -> None:
    """Write an image folder of `subjects` training subjects, one photo each.

    `images/<subject>.jpg`, `masks/<subject>.png` and `metadata.csv` (file_name, subject,
    class_word, caption, licence). Subject i is the same whatever their number is.
    """
    drawn = [_subject(seed, "subjects", index, "train") for index in range(subjects)]
    scenes = [draw_scene(seed_of(seed, "world/subjects/scene", s.name)) for s in drawn]
    with atomic_path(out) as folder:
        names = [subject.name for subject in drawn]
        _photograph(
            drawn,
            scenes,
            resolution,
            [folder / "images" / f"{name}.jpg" for name in names],
            [folder / "masks" / f"{name}.png" for name in names],
            "world: subjects",
        )
        with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("file_name", "subject", "class_word", "caption", "licence"))
            for subject, scene in zip(drawn, scenes, strict=True):
                text = caption(subject.attributes(scene))
                words = subject.name, subject.class_word, text, REPOSITORY
                rows.writerow((f"images/{subject.name}.jpg", *words))


def write_multiview(
    out: str | os.PathLike,
    sequences: int,
    views: int,
    seed: int,
    resolution: int = 64,
    split: str = "train",
) -> None:
    """Write `sequences` walks around one subject each, `views` frames per walk, as in MVImgNet.

    `<class_word>/<sequence>/images/000.jpg`, `masks/000.png` and `cameras.json`: per frame the
    angles in degrees, and the pinhole camera in the subject's frame (y up, floor at 0; `focal` and
    `principal` in half pictures, right and down). Place, light and floor stay the same within a
    sequence. The classes take turns. `licences.csv` has one row per sequence.
    """
    subjects, scenes, folders = [], [], []
    for index in range(sequences):
        subject = _subject(seed, f"multiview/{split}", index, split)
        subjects.append(subject)
        scenes.append(_walk(seed_of(seed, f"world/multiview/{split}/scene", subject.name), views))
        folders.append(Path(subject.class_word) / subject.name)
    with atomic_path(out) as folder:
        _photograph(
            [subject for subject in subjects for _ in range(views)],
            [scene for walk in scenes for scene in walk],
            resolution,
            [folder / at / "images" / f"{view:03d}.jpg" for at in folders for view in range(views)],
            [folder / at / "masks" / f"{view:03d}.png" for at in folders for view in range(views)],
            f"world: {split} views",
        )
        for subject, walk, at in zip(subjects, scenes, folders, strict=True):
            text = json.dumps(_cameras(subject, walk), indent=1, sort_keys=True)
            (folder / at / "cameras.json").write_text(text + "\n", encoding="utf-8")
        with open(folder / LICENCES, "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(LICENCE_COLUMNS)
            rows.writerows((one.class_word, one.name, REPOSITORY) for one in subjects)


def write_benchmark(
    out: str | os.PathLike,
    subjects: int = 30,
    seed: int = 0,
    resolution: int = 64,
    apart_from: int | None = None,
) -> None:
    """Write held-out subjects with 4 to 6 photos each, laid out as DreamBench.

    `dataset/<subject>/00.jpg`, `dataset/prompts_and_classes.txt` with `CONTEXT_PROMPTS` and
    `PROPERTY_PROMPTS` in the grammar of the original, `dataset/references_and_licenses.txt`.
    A subject's photos differ in background, view and light; the first is by day. The classes take
    turns.

    apart_from: seed of another benchmark, of which no subject's look returns.
    """
    drawn = _unlike(seed, subjects, () if apart_from is None else _unlike(apart_from, subjects))
    albums = [_album(seed_of(seed, "world/benchmark/scene", subject.name)) for subject in drawn]
    with atomic_path(out) as folder:
        dataset = folder / "dataset"
        _photograph(
            [subject for subject, album in zip(drawn, albums, strict=True) for _ in album],
            [scene for album in albums for scene in album],
            resolution,
            [
                dataset / subject.name / f"{index:02d}.jpg"
                for subject, album in zip(drawn, albums, strict=True)
                for index in range(len(album))
            ],
            None,
            "world: benchmark",
        )
        text = _prompt_file(drawn)
        (dataset / "prompts_and_classes.txt").write_text(text, encoding="utf-8")
        text = _references(drawn)
        (dataset / "references_and_licenses.txt").write_text(text, encoding="utf-8")


def _subject(seed: int, folder: str, index: int, split: str) -> Subject:
    """Subject `index` of a folder, named after its class and its place there."""
    number = seed_of(seed, f"world/{folder}", str(index))
    subject = draw_subject(number, split, class_word=CLASSES[index % len(CLASSES)])
    return replace(subject, name=f"{subject.class_word}_{index:05d}")


def _unlike(seed: int, count: int, others: Sequence[Subject] = ()) -> list[Subject]:
    """Held-out subjects of which no two, nor one and another's, share class, colour and texture
    while there are enough."""
    chosen: list[Subject] = []
    seen = {(one.class_word, one.colour, one.texture) for one in others}
    for index in range(count):
        for attempt in range(50):
            folder = "benchmark" if attempt == 0 else f"benchmark/{attempt}"
            subject = _subject(seed, folder, index, "heldout")
            look = (subject.class_word, subject.colour, subject.texture)
            if look not in seen:
                break
        seen.add(look)
        chosen.append(subject)
    return chosen


def _walk(seed: int, views: int) -> list[Scene]:
    """Scenes of a walk around a subject: azimuths all around, the rest nearly still."""
    rng = random.Random(f"walk/{seed}")
    base = draw_scene(seed)
    step = 360.0 / views
    return [
        replace(
            base,
            azimuth=(base.azimuth + step * (view + rng.uniform(-0.3, 0.3))) % 360.0,
            elevation=min(40.0, max(10.0, base.elevation + rng.uniform(-4.0, 4.0))),
            distance=base.distance * rng.uniform(0.98, 1.02),
            offset=(
                base.offset[0] + rng.uniform(-0.02, 0.02),
                base.offset[1] + rng.uniform(-0.02, 0.02),
            ),
        )
        for view in range(views)
    ]


def _album(seed: int) -> list[Scene]:
    """Scenes of 4 to 6 photos on different backgrounds, from different sides."""
    rng = random.Random(f"album/{seed}")
    count = rng.randint(4, 6)
    places = rng.sample(list(BACKGROUNDS), count)
    start = rng.uniform(0.0, 360.0)
    return [
        draw_scene(
            seed_of(seed, "photo", str(index)),
            background=place,
            light="day" if index == 0 else None,
            azimuth=(start + 360.0 / count * (index + rng.uniform(-0.3, 0.3))) % 360.0,
        )
        for index, place in enumerate(places)
    ]


def _photograph(
    subjects: Sequence[Subject],
    scenes: Sequence[Scene],
    size: int,
    images: Sequence[Path],
    masks: Sequence[Path] | None,
    description: str,
) -> None:
    """Render and write images and masks in groups; memory stays that of one group."""
    for parent in sorted({path.parent for path in [*images, *(masks or [])]}):
        parent.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(subjects), _GROUP)
    for start in progress(starts, total=len(starts), desc=description, unit="group"):
        group = slice(start, start + _GROUP)
        drawn = render(subjects[group], scenes[group], size)
        for picture, path in zip(drawn.rgb.numpy(), images[group], strict=True):
            Image.fromarray(picture).save(path, "JPEG", quality=95, subsampling=0)
        if masks is not None:
            for mask, path in zip(drawn.mask.numpy(), masks[group], strict=True):
                Image.fromarray(mask.astype(np.uint8) * 255).save(path, "PNG")


def _cameras(subject: Subject, walk: Sequence[Scene]) -> dict:
    """What cameras.json holds."""
    frames = []
    for view, scene in enumerate(walk):
        camera = camera_of(subject, scene)
        frames.append(
            {
                "file": f"{view:03d}.jpg",
                "azimuth": scene.azimuth,
                "elevation": scene.elevation,
                "position": camera.position,
                "right": camera.right,
                "up": camera.up,
                "forward": camera.forward,
                "focal": camera.focal,
                "principal": camera.principal,
            }
        )
    return {"caption": caption(subject.attributes(walk[0])), "frames": frames}


def _prompt_file(subjects: Sequence[Subject]) -> str:
    """prompts_and_classes.txt in the grammar of DreamBench's own."""
    prompts = [
        f"{prompt!r}.format(unique_token, class_token)"
        for prompt in (*CONTEXT_PROMPTS, *PROPERTY_PROMPTS)
    ]
    lines = [
        "Classes",
        "",
        "subject_name,class",
        *(f"{subject.name},{subject.class_word}" for subject in subjects),
        "",
        "Prompts",
        "",
        "Object Prompts",
        "",
        "prompt_list = [",
        ",\n".join(prompts),
        "]",
    ]
    return "\n".join(lines) + "\n"


def _references(subjects: Sequence[Subject]) -> str:
    lines = [
        "Procedural benchmark - References and Licenses",
        "",
        "No photograph is among these images: they are renders of this project's procedural world",
        "(workflow/toffee/data/world), drawn from a seed; the project's licence (Apache-2.0).",
        "",
        *(
            f"{subject.name}: render of {caption(subject.attributes())}, details in "
            f"{subject.second_colour}"
            for subject in subjects
        ),
    ]
    return "\n".join(lines) + "\n"
