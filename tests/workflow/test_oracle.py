"""The gate before comparisons: what a failed check stops, and that nothing is drawn again."""

import pytest

from .conftest import TARGETS
from .rerun_matrix import GATE

STRICT = ("--config", "evaluation={oracle: {tolerance: 0.001}}")
LENIENT = ("--config", "evaluation={oracle: {tolerance: 0.02}}")

FAILS_WHERE_STRICT = """
if snakemake.rule == "check_oracle" and snakemake.params.tolerance < 0.01:
    raise SystemExit("error: check_oracle: real photos score something else")
"""


@pytest.fixture
def gated(project):
    """The finished project, whose gate opens where the tolerance is not strict."""
    runner = project.folder / "workflow" / "run.py"
    runner.write_text(runner.read_text() + FAILS_WHERE_STRICT)
    project.run(*TARGETS, "--quiet", "all")
    return project


def test_a_gate_that_closes_and_opens_again_draws_nothing_again(gated):
    oracle = gated.folder / "results" / "tiny" / "evaluation" / "dreambench"
    done = gated.run(*TARGETS, "--keep-going", "--quiet", "all", *STRICT, check=False)
    assert done.returncode == 1
    assert "error: check_oracle: real photos score something else" in done.stderr
    assert not (oracle / "oracle.json").exists()
    table = gated.folder / "results" / "tiny" / "tables" / "dreambench.csv"
    before = table.stat().st_mtime_ns
    for values in (STRICT, LENIENT):
        planned = gated.planned(*TARGETS, *values)
        assert {"check_oracle", "tabulate_dreambench"} <= planned <= GATE, "it is checked again"
    gated.run(*TARGETS, "--quiet", "all", *LENIENT)
    assert table.stat().st_mtime_ns > before
    assert not gated.planned(*TARGETS, *LENIENT)


def test_behind_a_closed_gate_nothing_is_compared(gated):
    """Also where everything else goes on, as on a cluster."""
    results = gated.folder / "results" / "tiny"
    names = ("dreambench", "variants", "reconstruction", "segmentation", "reference", "strength")
    tables = [results / "tables" / f"{name}.csv" for name in names]
    for path in [*tables, results / "evaluation" / "dreambench" / "oracle.json"]:
        path.unlink()
    (results / "figures" / "views.png").unlink()
    done = gated.run(*TARGETS, "--keep-going", "--quiet", "all", *STRICT, check=False)
    assert done.returncode == 1
    assert not [path.name for path in tables if path.exists()]
    assert (results / "figures" / "views.png").is_file()
