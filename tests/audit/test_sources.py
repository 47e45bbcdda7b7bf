"""A source that was imported: the audit compares it with what the import read, where it is."""

import os
import shutil
from pathlib import Path

import pytest

from toffee.audit.notes import Notes
from toffee.audit.sources import check_sources
from toffee.data.importers.subjects import import_subjects
from toffee.data.importers.views import import_multiview
from toffee.launch.job import job
from toffee.launch.rerun import recorded_job
from toffee.provenance.results import Results

from ..unit.data.importers.conftest import Release, jpeg
from .conftest import CONFIG, ROOT, as_if_released, asdict, planned_job

COMMON = {"resolution": 32, "seed": 0}


def play(rule: str, out: str, function, params: dict) -> None:
    """Do an import as a job of Snakemake does it."""
    planned = asdict(planned_job(rule, {}, {"out": out}, {}))
    handed_over = ("rule", "input", "output", "wildcards", "threads", "log")
    record = {key: value for key, value in planned.items() if key in handed_over}
    with job(recorded_job(record | {"params": planned["params"] | params}, CONFIG)):
        given = {key: value for key, value in params.items() if key != "sources_digest"}
        function(out=out, **given)


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    """Photos and a release of MVImgNet, each imported."""
    for word in ("mug", "cup"):
        (tmp_path / "photos" / word).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "photos" / word / f"{number}.jpg").write_bytes(jpeg(number))
    release = Release(tmp_path / "mvimgnet")
    for name in ("a0", "a1"):
        release.video(0, name)
    release.write(extracted=True)
    monkeypatch.chdir(tmp_path)
    as_if_released(monkeypatch)
    source = {"kind": "images", "path": "photos"}
    play(
        "import_subjects",
        f"{ROOT}/data/subjects",
        import_subjects,
        {"source": source, "subjects": None} | COMMON,
    )
    source = {"kind": "mvimgnet", "path": "mvimgnet", "heldout": 1e-9}
    more = {"heldout": False, "views": 3, "sequences": None}
    play(
        "import_multiview",
        f"{ROOT}/data/multiview",
        import_multiview,
        {"source": source} | more | COMMON,
    )
    return tmp_path


def found(project: Path) -> tuple[list[str], list[str]]:
    notes = Notes()
    findings = list(check_sources(Results(project / ROOT, project), notes))
    return [f"{one.file}: {one.found}" for one in findings], notes.lines


def test_a_source_as_it_was_read(project: Path) -> None:
    for path in project.glob("*/**/*.jpg"):
        os.utime(path, (1, 1))
    (project / "photos" / "mug" / "new.jpg").write_bytes(jpeg(9))
    assert found(project) == ([], [])


def test_a_photo_that_changed_in_place(project: Path) -> None:
    photo, frame = project / "photos/cup/1.jpg", project / "mvimgnet/0/a1/images/003.jpg"
    for path in (photo, frame):
        status = path.stat()
        path.write_bytes(jpeg(77))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (project / "photos" / "mug" / "0.jpg").unlink()
    lines, notes = found(project)
    assert len(lines) == 3 and not notes
    assert any(line.startswith("mvimgnet: bag: a1: SHA-256") for line in lines)
    assert any("cup/1.jpg: SHA-256" in line for line in lines)
    assert any("mug/0.jpg: missing image" in line for line in lines)


def test_a_mask_that_changed(project: Path) -> None:
    masks = project / "mvimgnet" / "mask" / "0" / "a0"
    (masks / "002.jpg.png").write_bytes((masks / "001.jpg.png").read_bytes())
    assert found(project) == ([], []), "frame 2 of five was not read"
    (masks / "003.jpg.png").write_bytes((masks / "001.jpg.png").read_bytes())
    lines, _ = found(project)
    assert len(lines) == 1 and lines[0].startswith("mvimgnet: bag: a0: SHA-256")


def test_a_source_that_is_not_there_is_told(project: Path) -> None:
    shutil.rmtree(project / "photos")
    lines, notes = found(project)
    assert not lines and len(notes) == 1 and "source photos of import_subjects" in notes[0]
