"""Models that the steps of one job share."""

from pathlib import Path

from toffee.models.loaded import keeping_models, loaded


def load(*folders) -> list:
    return list(folders)


def other(*folders) -> list:
    return list(folders)


def test_a_job_that_keeps_models_loads_each_once():
    with keeping_models():
        first = loaded(load, "a", Path("b"))
        assert loaded(load, Path("a"), "b") is first
        assert loaded(load, "a", "c") is not first
        assert loaded(load, "a", None) is not first
        assert loaded(other, "a", "b") is not first


def test_any_other_loads_them_anew_and_so_does_the_next():
    with keeping_models():
        first = loaded(load, "a")
    assert loaded(load, "a") is not loaded(load, "a")
    with keeping_models():
        assert loaded(load, "a") is not first
