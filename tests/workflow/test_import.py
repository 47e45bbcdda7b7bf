"""Real photographs through the workflow: imported by its rules, and listed from there."""

import csv
import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image


def encoded(pixels: np.ndarray, format: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format=format)
    return out.getvalue()


@pytest.fixture(scope="module")
def project(fresh, tmp_path_factory):
    """A project with a folder of pictures and a release of MVImgNet, some of them broken."""
    project = fresh.copy(tmp_path_factory.mktemp("import") / "project")
    data, draw = project.folder / "data", np.random.default_rng(0)
    for word in ("mug", "toy_car"):
        (data / "photos" / word).mkdir(parents=True)
        for number in range(3):
            pixels = draw.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            (data / "photos" / word / f"{number}.jpg").write_bytes(encoded(pixels, "JPEG"))
    (data / "photos" / "mug" / "1.jpg").write_bytes(b"torn")
    (data / "mvimgnet").mkdir()
    (data / "mvimgnet" / "mvimgnet_category.txt").write_text("17,mug\n5,Toy car\n")
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 20:50] = 255
    with (
        zipfile.ZipFile(data / "mvimgnet" / "mvi_00.zip", "w") as images,
        zipfile.ZipFile(data / "mvimgnet" / "mask.zip", "w") as masks,
    ):
        for number in range(16):
            for frame in range(4):
                pixels = draw.integers(0, 256, (48, 64, 3), dtype=np.uint8)
                name = f"{(17, 5)[number % 2]}/{number:06x}"
                images.writestr(f"{name}/images/{frame:03d}.jpg", encoded(pixels, "JPEG"))
                masks.writestr(f"mask/{name}/{frame:03d}.jpg.png", encoded(mask, "PNG"))
    real = {
        "subjects": {"kind": "images", "path": "data/photos"},
        "multiview": {"kind": "mvimgnet", "path": "data/mvimgnet", "heldout": 0.3},
        "benchmark": {"kind": "dreambench"},
    }
    values = {
        "scale": "real",
        "data": {"source": "real", "subjects": None, "sequences": None, "views": 2}
        | {"heldout_sequences": None, "real": real},
    }
    (project.folder / "real.yaml").write_text(yaml.safe_dump(values))
    return project


def test_sources_are_imported_and_listed(project):
    targets = [
        "results/real/dataset/subjects.parquet",
        "results/real/data/multiview_heldout",
    ]
    done = project.run(*targets, "--configfile", "real.yaml", "--quiet", "progress")
    results = project.folder / "results" / "real"
    listed = pd.read_parquet(results / "dataset" / "subjects.parquet")
    assert sorted(listed["subject"]) == ["mug_0", "mug_2", "toy_car_0", "toy_car_1", "toy_car_2"]
    parts = []
    for part in ("multiview", "multiview_heldout"):
        with open(results / "data" / part / "licences.csv", newline="") as file:
            parts.append({row["sequence"] for row in csv.DictReader(file)})
    assert not parts[0] & parts[1] and len(parts[0] | parts[1]) == 16 and all(parts)
    log = (results / "logs" / "import_subjects.log").read_text().splitlines()
    assert log[-2] == "5 subjects, 1 set aside (1 broken image), see quarantine.csv"
    assert "5 subjects, 1 set aside" in done.stderr
    again = project.run(*targets, "--configfile", "real.yaml", "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr
    photos = sorted((project.folder / "data" / "photos").rglob("*.jpg"))
    for path in photos:
        path.touch()
    again = project.run(*targets, "--configfile", "real.yaml", "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr, "new times alone are no change"
    # Its own leaves rerun an import, and no leaf of another section does.
    for change, expected in (
        (
            {"data": {"real": {"multiview": {"heldout": 0.5}}}},
            {"import_multiview", "import_heldout"},
        ),
        ({"data": {"heldout_sequences": 3}}, {"import_heldout"}),
        ({"data": {"real": {"subjects": {"path": "data/other"}}}}, {"import_subjects"}),
    ):
        (project.folder / "change.yaml").write_text(yaml.safe_dump(change))
        planned = project.planned(*targets, "--configfile", "real.yaml", "change.yaml")
        assert {rule for rule in planned if rule.startswith("import_")} == expected, change


def test_a_source_that_is_not_there_stops_the_run_before_its_first_job(project):
    values = {"data": {"real": {"multiview": {"path": "data/none"}}}, "scale": "none"}
    (project.folder / "none.yaml").write_text(yaml.safe_dump(values))
    target = "results/none/data/multiview"
    done = project.run(target, "--configfile", "real.yaml", "none.yaml", check=False)
    assert done.returncode == 1 and not (project.folder / target).exists()
    lines = done.stderr.splitlines()
    place = lines.index("error: this run cannot start, one fault:")
    assert lines[place + 1].startswith(
        "  data.real.multiview: data/none: no such folder, expected a release's files; docs/data.md"
    )
    assert not (project.folder / "results" / "none" / "logs").exists()
    assert not list((project.folder / ".snakemake" / "locks").glob("*"))
