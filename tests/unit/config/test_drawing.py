"""Which model draws the dataset, and how."""

from pathlib import Path

import pytest
import yaml

from toffee.config import load_catalogue
from toffee.config.drawing import drawer_of, licences_of, sampling_of
from toffee.config.settings import Sampling
from toffee.runtime.errors import ToffeeError

CATALOGUE = Path(__file__).parents[3] / "config" / "models.yaml"


def test_a_few_step_model_draws_in_its_own_steps_without_guidance():
    models = {name: load_catalogue(CATALOGUE, name) for name in ("paper", "turbo")}
    given = Sampling(20, 7.5, 0.7, solver="dpmpp_2m")
    assert drawer_of(models["paper"]) == "text_to_image"
    assert sampling_of(models["paper"], given) == given
    assert drawer_of(models["turbo"]) == "few_step"
    assert sampling_of(models["turbo"], given) == Sampling(4, 1.0, 0.7)
    # Its licence is one of the dataset's.
    assert licences_of(models["turbo"])["few_step"] == "other"


@pytest.mark.parametrize("role", ["few_step", "clip"])
def test_steps_are_what_a_few_step_model_has_and_no_other(tmp_path, role):
    sets = yaml.safe_load(CATALOGUE.read_text())
    one = sets["turbo"][role]
    sets["turbo"][role] = one | {"steps": None if role == "few_step" else 4}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(sets))
    with pytest.raises(ToffeeError, match=f"turbo: expected steps for role few_step .* see {role}"):
        load_catalogue(tmp_path / "models.yaml", "turbo")
