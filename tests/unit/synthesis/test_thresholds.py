"""Quantiles among the thresholds: looked up in what was measured, and in nothing else."""

import json
from pathlib import Path

import pytest

from toffee.config.settings import Matching
from toffee.runtime.errors import ToffeeError
from toffee.synthesis.filter import thresholds_of
from toffee.synthesis.thresholds import MEASURES, SHARES, look_up, settled


def distribution(low: float, high: float) -> dict:
    """Of cosines that are spread evenly."""
    return {"n": 100, "quantiles": [low + share * (high - low) for share in SHARES]}


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.json"
    kinds = {"same": distribution(0.6, 1.0), "class": distribution(0.0, 0.8)}
    kinds["other"] = distribution(-0.2, 0.4)
    content = {"subject": kinds, "match": kinds, "text": {"other": distribution(0.1, 0.3)}}
    path.write_text(json.dumps(content))
    return path


def test_a_quantile_is_read_between_two_that_are_kept(calibration: Path) -> None:
    assert look_up("min_view_similarity", "class:0.5", calibration) == pytest.approx(0.4)
    assert look_up("min_view_similarity", "same:0.0013", calibration) == pytest.approx(0.60052)
    assert look_up("min_text_alignment", "other:1.0", calibration) == pytest.approx(0.3)
    assert look_up("min_view_similarity", 0.25, None) == 0.25
    matching = settled(Matching("silhouette", "class:.75", 0.5), calibration)
    assert matching == Matching("silhouette", pytest.approx(0.6), 0.5)


def test_the_filter_takes_numbers_and_quantiles(calibration: Path) -> None:
    from toffee.config.sections.filter import Filter

    values = dict.fromkeys(Filter.model_fields, 0.5) | {"min_pair_similarity": "class:0.9"}
    found = {one.name: one.value for one in thresholds_of(values, calibration)}
    assert found == values | {"min_pair_similarity": pytest.approx(0.72)}
    with pytest.raises(ToffeeError, match="min_pair_similarity: class:0.9 is a quantile, and noth"):
        thresholds_of(values)


def test_what_was_not_measured_is_one_line(calibration: Path, tmp_path: Path) -> None:
    with pytest.raises(ToffeeError, match="min_text_alignment: same:0.5, but .* has no pairs of k"):
        look_up("min_text_alignment", "same:0.5", calibration)
    with pytest.raises(ToffeeError, match="max_copy_rate: class:0.5 is a quantile"):
        look_up("max_copy_rate", "class:0.5", calibration)
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ToffeeError, match="other.json: expected the quantiles that rule calibrate"):
        look_up("match_threshold", "class:0.5", tmp_path / "other.json")


def test_every_measured_threshold_is_a_key() -> None:
    from toffee.config.sections.filter import Filter
    from toffee.config.sections.refiner import Refiner

    assert set(MEASURES) <= {*Filter.model_fields, *Refiner.model_fields}
