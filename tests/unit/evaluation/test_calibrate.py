"""Cosines of real photos, by the encoders that match and filter; the table that shows them."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from toffee.data.world.write import write_multiview
from toffee.evaluation.calibrate import calibrate
from toffee.runtime.errors import ToffeeError
from toffee.synthesis.thresholds import SHARES, read_calibration
from toffee.tables.calibration import tabulate_calibration

ZOO = Path(__file__).resolve().parents[3] / "workflow" / "zoo"
MEDIAN = SHARES.index(0.5)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Sequences of the world: three frames of each of 24 subjects."""
    root = tmp_path_factory.mktemp("calibrate") / "multiview"
    write_multiview(root, 24, 3, 0, 64)
    return root


def run(root: Path, out: Path, subjects: int = 16) -> Path:
    calibrate(
        multiview_heldout=root,
        subject_encoder=ZOO / "subject_encoder",
        clip=ZOO / "clip",
        out=out,
        subjects=subjects,
        resolution=64,
    )
    return out


def test_the_same_subject_is_closer_than_one_of_its_class_and_that_than_another(
    root: Path, tmp_path: Path
) -> None:
    out = run(root, tmp_path / "calibration.json")
    measured = read_calibration(out)
    for name in ("subject", "match"):
        same, near, far = (
            measured[name][kind]["quantiles"][MEDIAN] for kind in ("same", "class", "other")
        )
        assert same > near > far, name
    assert measured["subject"]["same"]["n"] == 16
    text = measured["text"]
    assert set(text) == {"same", "other"} and text["same"]["n"] == 32
    assert text["same"]["quantiles"][MEDIAN] > text["other"]["quantiles"][MEDIAN]
    for kinds in measured.values():
        for one in kinds.values():
            assert one["quantiles"] == sorted(one["quantiles"]) and len(one["quantiles"]) == 201
    assert run(root, tmp_path / "again.json").read_bytes() == out.read_bytes()
    csv, page = tmp_path / "calibration.csv", tmp_path / "calibration.md"
    thresholds = {"min_view_similarity": "class:0.95", "min_mask_area": 0.03}
    tabulate_calibration(out, thresholds, 0.5, csv, page)
    table = pd.read_csv(csv, keep_default_na=False).set_index(["method", "setting", "metric"])
    value = table.loc[("min_view_similarity", "class:0.95", "threshold"), "value"]
    assert value == pytest.approx(measured["subject"]["class"]["quantiles"][190])
    assert table.loc[("min_view_similarity", "class:0.95", "below_class"), "value"] == (
        pytest.approx(0.95)
    )
    assert table.loc[("match_threshold", "number", "threshold"), "value"] == 0.5
    assert not [name for name in table.index if name[0] == "min_mask_area"]
    assert "class:0.95" in page.read_text()


def test_photos_of_one_class_alone_are_refused(root: Path, tmp_path: Path) -> None:
    word = next(path for path in root.iterdir() if len(list(path.iterdir())) > 1)
    shutil.copytree(word, tmp_path / "copy" / word.name)
    with pytest.raises(ToffeeError, match="all of class .*, expected several"):
        run(tmp_path / "copy", tmp_path / "out.json", subjects=2)
