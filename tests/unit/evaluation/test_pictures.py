"""A user's own pictures as a row, and ours in the layout that ImagenHub's viewer reads."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toffee.evaluation.benchmark import BenchmarkFiles
from toffee.evaluation.draw.pictures import import_pictures
from toffee.evaluation.imagenhub import export_imagenhub
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

PROMPTS = Path(__file__).parents[3] / "config" / "prompts" / "dreambench.txt"
SUBJECTS = {"mug1": "mug", "rex": "dog"}
DRAWS, COUNT = 2, 25


@pytest.fixture
def benchmark(tmp_path):
    """Two subjects with DreamBench's own prompts, an object and an animal."""
    root = tmp_path / "benchmark"
    for number, name in enumerate(SUBJECTS):
        (root / "dataset" / name).mkdir(parents=True)
        photo = np.full((12, 12, 3), 40 * number, np.uint8)
        Image.fromarray(photo).save(root / "dataset" / name / "00.jpg")
    text = PROMPTS.read_text()
    classes = "\n".join(f"{name},{word}" for name, word in SUBJECTS.items())
    text = f"Classes\n\nsubject_name,class\n{classes}\n\n{text[text.index('Prompts') :]}"
    (root / "dataset" / "prompts_and_classes.txt").write_text(text)
    return root


def shade(subject, place, seed):
    """The grey of a picture, another one for each."""
    return list(SUBJECTS).index(subject) * 100 + 3 * place + seed


@pytest.fixture
def folder(tmp_path):
    """All pictures of the two subjects."""
    root = tmp_path / "mine"
    for subject in SUBJECTS:
        (root / subject).mkdir(parents=True)
        for place in range(COUNT):
            for seed in range(DRAWS):
                pixels = np.full((16, 16, 3), shade(subject, place, seed), np.uint8)
                Image.fromarray(pixels).save(root / subject / f"{place:02d}_{seed}.png")
    return root


@pytest.fixture
def read(benchmark, tmp_path):
    """Read a folder's pictures of a seed."""

    def run(folder, draw=0):
        out = tmp_path / "drawn" / "mine" / f"{draw}.h5"
        import_pictures(
            method="mine",
            draw=draw,
            draws=DRAWS,
            source={"path": str(folder)},
            benchmark=benchmark,
            out=out,
        )
        return out

    return run


def shades(path):
    """(subject, prompt) → grey of a file's pictures."""
    with Shard(path) as shard:
        return {
            (subject, prompt): shard.arrays("image", [row])[0][0, 0, 0]
            for row, (subject, prompt) in enumerate(
                zip(shard.column("subject"), shard.column("prompt"), strict=True)
            )
        }


def test_each_picture_is_stored_without_loss_under_its_prompt(read, folder):
    path = read(folder, draw=1)
    with Shard(path) as shard:
        assert set(shard.column("method")) == {"mine"} and set(shard.column("seed")) == {"1"}
        assert shard.column("prompt")[0] == "a mug in the jungle"
    found = list(shades(path).values())
    assert found == [shade(s, place, 1) for s in SUBJECTS for place in range(COUNT)]


def spoil(folder, how):
    """Put a fault into a folder; what is then said first."""
    one = folder / "rex" / "07_0.png"
    if how == "missing":
        one.unlink()
        return "rex/07_0.png is missing"
    if how == "subject":
        shutil.copytree(folder / "rex", folder / "cow")
        return (
            "cow/00_0.png is one too many: no subject of the benchmark has that name and 49 other"
        )
    if how == "prompt":
        shutil.copy(one, folder / "rex" / "25_0.png")
        return "rex/25_0.png is one too many: prompt 25, expected 0 to 24"
    if how == "seed":
        shutil.copy(one, folder / "rex" / "07_2.png")
        return "rex/07_2.png is one too many: seed 2, expected 0 to 1"
    if how == "twice":
        shutil.copy(one, folder / "rex" / "7_0.png")
        return "rex/7_0.png is one too many: 07_0.png is there"
    if how == "name":
        (folder / "notes.txt").write_text("mine")
        return "notes.txt is one too many, expected <subject>/<prompt>_<seed>.png"
    if how == "size":
        Image.new("RGB", (32, 32)).save(one)
        return "rex/07_0.png has 32 by 32 pixels, expected 16 by 16"
    if how == "oblong":
        Image.new("RGB", (16, 8)).save(one)
        return "rex/07_0.png has 16 by 8 pixels, expected 16 by 16"
    one.write_bytes(one.read_bytes()[:30])
    return "rex/07_0.png"


FAULTS = ("missing", "subject", "prompt", "seed", "twice", "name", "size", "oblong", "torn")


@pytest.mark.parametrize("how", FAULTS)
def test_a_fault_is_one_line_and_nothing_is_written(read, folder, tmp_path, how):
    said = spoil(folder, how)
    with pytest.raises(ToffeeError) as raised:
        read(folder)
    line = str(raised.value)
    assert said in line and line.startswith(f"{folder}: ") and "\n" not in line
    assert line.endswith("(evaluation.pictures.mine)")
    assert not (tmp_path / "drawn").exists()


def test_all_faults_are_printed_and_counted(read, folder, capsys):
    spoil(folder, "missing")
    spoil(folder, "name")
    (folder / "mug1" / "03_0.png").write_bytes(b"")
    with pytest.raises(ToffeeError, match="and 2 other faults"):
        read(folder)
    told = capsys.readouterr().err
    assert all(name in told for name in ("notes.txt", "rex/07_0.png is missing", "mug1/03_0.png"))


def test_imagenhub_reads_ours_and_ours_reads_theirs(read, folder, benchmark, tmp_path):
    references = tmp_path / "references.yaml"
    references.write_text('"*": 00.jpg\n')
    files = BenchmarkFiles(benchmark, references)
    out = tmp_path / "imagenhub"
    drawn = [read(folder, draw) for draw in range(DRAWS)]
    export_imagenhub(images=drawn, files=files, out=out, draws=DRAWS)
    # As imagen_hub.utils.visualizer looks: models are folders, `input` gives the samples.
    lookup = json.loads((out / "dataset_lookup.json").read_text())
    models = sorted(path.name for path in out.iterdir() if path.is_dir())
    assert models == ["input", "mine"]
    samples = sorted(path.name for path in (out / "input").iterdir())
    assert samples == sorted(lookup) and len(samples) == len(SUBJECTS) * COUNT * DRAWS
    assert (out / "dataset_lookup.csv").read_text().split() == ["uid", *lookup]
    first = {"subject_id": 0, "subject": "mug1", "prompt": "a <token> mug in the jungle"}
    assert lookup["sample_0.jpg"] == lookup["sample_1.jpg"] == first
    for name, entry in lookup.items():
        number = int(name.removeprefix("sample_").removesuffix(".jpg"))
        with Image.open(out / "mine" / name) as picture:
            assert picture.format == "JPEG" and picture.size == (16, 16)
            grey = shade(entry["subject"], number // DRAWS % COUNT, number % DRAWS)
            assert abs(picture.convert("RGB").getpixel((3, 3))[0] - grey) <= 1
    again = {key: int(value) for key, value in shades(read(out / "mine", 1)).items()}
    before = shades(drawn[1])
    assert again.keys() == before.keys()
    assert all(abs(again[key] - int(before[key])) <= 1 for key in again)
    (out / "mine" / "sample_9.jpg").unlink()
    with pytest.raises(ToffeeError, match="mug1/04_1.png is missing"):
        read(out / "mine", 1)
    lookup["sample_3.jpg"]["prompt"] = "a <token> mug in Paris"
    (out / "dataset_lookup.json").write_text(json.dumps(lookup))
    with pytest.raises(ToffeeError, match="sample_3.jpg has no prompt of the benchmark: mug1, a <"):
        read(out / "mine", 1)
