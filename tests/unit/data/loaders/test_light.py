"""Photographs are looked at without torch, which takes two seconds of CPU to import."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGES = Path(__file__).parents[4] / "workflow"


def test_subjects_are_checked_without_torch(tmp_path):
    white = np.full((8, 8), 255, np.uint8)
    for folder in ("subjects/images", "subjects/masks"):
        (tmp_path / folder).mkdir(parents=True)
    Image.fromarray(white).convert("RGB").save(tmp_path / "subjects/images/a.png")
    Image.fromarray(white).save(tmp_path / "subjects/masks/a.png")
    (tmp_path / "subjects/metadata.csv").write_text(
        "file_name,subject,class_word,caption\na.png,a,ball,a ball\n"
    )
    code = (
        "import sys\nfrom toffee.data.loaders.subjects import load_subjects\n"
        f"found = load_subjects({str(tmp_path / 'subjects')!r})\n"
        "assert len(found.subjects) == 1 and found.subjects[0].mask, found\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGES)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
