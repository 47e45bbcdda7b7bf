"""A folder of photographs that is used where it is, and changes."""

import numpy as np
import pytest
from PIL import Image

from .conftest import Project, copy_project

TARGET = "results/photos/dataset/subjects.parquet"
CONFIG = """scale: photos
data:
  source: real
  subjects: null
  sequences: null
  views: 2
  heldout_sequences: null
  real:
    subjects: {{kind: folder, path: {0}/subjects}}
    multiview: {{kind: folder, path: {0}/views, heldout_path: {0}/heldout}}
    benchmark: {{kind: dreambench}}
"""


def draw(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((64, 64, 3), value, np.uint8)).save(path)


@pytest.fixture
def project(fork_server, tmp_path):
    photos = tmp_path / "photos"
    draw(photos / "subjects" / "images" / "0.png", 1)
    (photos / "subjects" / "metadata.csv").write_text(
        "file_name,subject,class_word,caption\n0.png,s0,mug,a red mug\n"
    )
    for part in ("views", "heldout"):
        for number in range(2):
            draw(photos / part / "mug" / "s" / "images" / f"{number:03d}.jpg", number)
            mask = photos / part / "mug" / "s" / "masks" / f"{number:03d}.png"
            mask.parent.mkdir(exist_ok=True)
            Image.fromarray(np.eye(64, dtype=np.uint8) * 255).save(mask)
    copy_project(tmp_path / "project")
    (tmp_path / "project" / "photos.yaml").write_text(CONFIG.format(photos))
    return Project(tmp_path / "project", fork_server)


def test_a_photo_that_is_overwritten_in_place_is_seen(project):
    arguments = (TARGET, "--configfile", "photos.yaml")
    project.run(*arguments)
    assert project.planned(*arguments) == set()
    photo = project.folder.parent / "photos" / "subjects" / "images" / "0.png"
    photo.touch()
    assert project.planned(*arguments) == set()
    draw(photo, 2)
    assert project.planned(*arguments) == {"list_subjects"}
