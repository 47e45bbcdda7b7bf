"""How much a job needs follows from the set of base models, which the command line may name."""

import pytest

from toffee.launch.profiles import model_set


@pytest.mark.parametrize("value", ["{set: paper", "[1", "3", "", "{set: paper}"])
def test_a_value_that_is_none_is_left_to_the_check_of_the_configuration(value):
    found = model_set(["snakemake", "--config", f"models={value}"])
    assert found == ("paper" if value == "{set: paper}" else "tiny")


def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    path = tmp_path / "deep.yaml"
    path.write_text(f"a: {'[' * 5000}")
    with pytest.raises(SystemExit):
        model_set(["snakemake", "--configfile", str(path)])
    assert capsys.readouterr().err == f"error: {path}: cannot be read as YAML (nested too deeply)\n"
