"""Small files of every kind that the figures read, with pictures of known colours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from toffee.config.sections.filter import SCORES
from toffee.storage.writer import ShardWriter
from toffee.synthesis.plan import COLUMNS

KINDS = ("generation", "background", "colour", "texture", "style")
METHODS = ("initial", "control", "cosine", "silhouette+position", "ceiling", "wrong_subject")
SIDE = 32


@pytest.fixture(name="coloured", scope="session")
def coloured_fixture():
    """`coloured`, for tests that look for such pictures in a figure."""
    return coloured


def coloured(number: int) -> np.ndarray:
    """A picture that differs by its number: [SIDE, SIDE, 3]."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[...] = (37 * number % 256, 91 * number % 256, 153 * number % 256)
    image[SIDE // 4 : SIDE // 2, SIDE // 4 :] = 255 - image[0, 0]
    return image


def write_file(path: Path, columns: dict[str, list], images: dict[str, list]) -> Path:
    """A finished file; the column types and image formats follow from the values (pictures
    lossless)."""
    types = {
        name: "str" if isinstance(values[0], str) else "float" for name, values in columns.items()
    }
    formats = {}
    for name, values in images.items():
        first = next(value for value in values if value is not None)
        formats[name] = "mask" if first.dtype == bool else "png"
    total = len(next(iter(columns.values())))
    with ShardWriter(path, total, "test", formats, types, 95) as writer:
        writer.append(columns, images)
    return path


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> dict[str, Path | list[Path] | dict[str, Path]]:
    """Everything that the figures read: 20 subjects, one shard of 40 samples."""
    root = tmp_path_factory.mktemp("run")
    names = [f"subject_{number:02d}" for number in range(20)]
    words = {name: ("ball", "house", "car")[i % 3] for i, name in enumerate(names)}
    (root / "subjects/images").mkdir(parents=True)
    for number, name in enumerate(names):
        Image.fromarray(coloured(number)).save(root / f"subjects/images/{name}.png")
    pd.DataFrame(
        {
            "file_name": [f"{name}.png" for name in names],
            "subject": names,
            "class_word": [words[name] for name in names],
            "caption": "a thing",
        }
    ).to_csv(root / "subjects/metadata.csv", index=False)

    subject = [names[i % 20] for i in range(40)]
    kind = [KINDS[i % 5] for i in range(40)]
    prompt = [f"a red striped {words[name]} on a wooden floor in the evening" for name in subject]
    sample = [f"{i:016x}" for i in range(40)]
    plan = pd.DataFrame(
        {
            **dict.fromkeys(COLUMNS, ""),
            "sample": range(40),
            "shard": "00000",
            "row": range(40),
            "sample_id": sample,
            "subject": subject,
            "class_word": [words[name] for name in subject],
            "image": [f"images/{name}.png" for name in subject],
            "kind": kind,
            "prompt": prompt,
            "donor": [f"images/{names[(i + 7) % 20]}.png" for i in range(40)],
            "donor_folder": ["multiview", "subjects"] * 20,
            "attempt": 0,
        }
    )
    plan.to_parquet(root / "plan.parquet")

    mask = np.zeros((SIDE, SIDE), bool)
    mask[8:24, 8:24] = True
    paths = {"plan": root / "plan.parquet", "subjects": root / "subjects"}
    for offset, stage in enumerate(("initial", "refined", "views")):
        pictures = [coloured(40 * offset + i) for i in range(40)]
        paths[stage] = write_file(
            root / stage / "00000.h5", {"sample_id": sample}, {"image": pictures}
        )
    scores = {name: [0.01 * i for i in range(40)] for name in SCORES}
    columns = {"sample_id": sample, "subject": subject, "kind": kind, "prompt": prompt, **scores}
    columns |= {"source_prompt": ["a thing on the grass"] * 40}
    images = {
        "input": [coloured(i) for i in range(40)],
        "target": [coloured(40 + i) for i in range(40)],
        "mask": [mask] * 40,
    }
    paths["shards"] = [write_file(root / "shards/00000.h5", columns, images)]
    accepted = [i % 4 != 3 for i in range(40)]
    index = pd.DataFrame(
        {
            "sample_id": sample,
            "shard": "00000",
            "row": range(40),
            "kind": kind,
            "accepted": accepted,
            "reason": ["" if good else "min_subject_similarity" for good in accepted],
        }
    )
    index.to_parquet(root / "index.parquet")
    paths["index"] = root / "index.parquet"
    read = {"setting": "all", "metric": "change_read", "value": 0.25, "sample_id": sample[14]}
    named = {"method": "accepted", "subject": subject[14], "prompt": prompt[14]}
    paths["pair_scores"] = root / "pair_scores.parquet"
    pd.DataFrame([named | read]).to_parquet(paths["pair_scores"])

    rows = [(name, method) for name in names for method in METHODS]
    paths["refiner"] = write_file(
        root / "refiner.h5",
        {
            "subject": [name for name, _ in rows],
            "class_word": [words[name] for name, _ in rows],
            "prompt": [f"a {words[name]} on the grass" for name, _ in rows],
            "method": [method for _, method in rows],
        },
        {
            "image": [coloured(i) for i in range(len(rows))],
            "subject": [coloured(0) if method == "initial" else None for _, method in rows],
        },
    )
    paths["view_images"] = write_file(
        root / "views.h5",
        {"subject": names, "class_word": [words[name] for name in names]},
        {
            name: [coloured(i + k) for i in range(20)]
            for k, name in enumerate(("source", "generated", "target"))
        },
    )
    paths["benchmark"], paths["benchmark_images"] = benchmark(root, names[:4], words)
    return paths


def benchmark(root: Path, names: list[str], words: dict[str, str]) -> tuple[Path, dict[str, Path]]:
    folder = root / "benchmark/dataset"
    prompts = ["a {0} {1} in the snow", "a {0} {1} on the beach", "a red {0} {1}"]
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(coloured(number + 7)).save(folder / name / f"{number:02d}.jpg")
    lines = ["Classes", "", "subject_name,class", *(f"{name},{words[name]}" for name in names)]
    lines += ["", "Prompts", "", "Object Prompts", "", "prompt_list = ["]
    lines += [f"'{prompt}'.format(unique_token, class_token)," for prompt in prompts]
    (folder / "prompts_and_classes.txt").write_text("\n".join([*lines, "]", ""]))
    images = {}
    rows = [(name, prompt) for name in names for prompt in prompts]
    for offset, method in enumerate(("text_only", "toffeenet", "wrong_subject")):
        images[method] = write_file(
            root / f"{method}.h5",
            {
                "subject": [name for name, _ in rows],
                "class_word": [words[name] for name, _ in rows],
                "prompt": [prompt.replace("{0} {1}", words[name]) for name, prompt in rows],
            },
            {"image": [coloured(100 * offset + i) for i in range(len(rows))]},
        )
    return root / "benchmark", images
