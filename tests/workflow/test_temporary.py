"""Stage files that go once a shard is scored: what is made again for which change."""

import shutil

import pytest

from .conftest import STUB, Project
from .test_reruns import edit

KEEP_NONE = ("--config", "synthesis={keep_stages: false}")
INDEX, FIGURE = "results/tiny/dataset/index.parquet", "results/tiny/figures/pipeline.png"
STAGES = {"draw_initial", "refine_shard", "draw_views", "make_edits"}


@pytest.fixture(scope="module")
def scored(fresh, tmp_path_factory):
    """A project whose shards are scored, and that kept no stages."""
    folder = tmp_path_factory.mktemp("scored") / "project"
    shutil.copytree(fresh.folder, folder)
    (folder / "workflow" / "run.py").write_text(STUB)
    project = Project(folder, fresh.server)
    project.run(*KEEP_NONE, "--quiet", "all", "--", INDEX)
    return project


def test_stages_go_and_nothing_is_missing(scored):
    data = scored.folder / "results/tiny/dataset"
    assert not list(data.glob("stages/*/*.h5"))
    assert len(list(data.glob("shards/*.h5"))) == 2 and (data / "examples.h5").is_file()
    assert scored.planned(*KEEP_NONE, "--", INDEX) == set()
    # Not even where they are to be kept from now on.
    assert scored.planned("--", INDEX) == set()


def test_a_figure_of_the_stages_may_come_later(scored):
    assert scored.planned(*KEEP_NONE, "--", INDEX, FIGURE) == {"plot_pipeline"}


def test_a_changed_threshold_draws_nothing(scored):
    changed = (*KEEP_NONE, "filter={max_copy_rate: 0.7}")
    assert scored.planned(*changed, "--", INDEX) == {"filter_dataset"}


def test_a_changed_score_draws_the_stages_again(scored, tmp_path):
    project = scored.copy(tmp_path / "project")
    scores = project.folder / "workflow" / "toffee" / "synthesis" / "scores.py"
    edit(scores, "def score_shard(", "@staticmethod\ndef score_shard(")
    expected = STAGES | {"score_shard", "keep_examples", "filter_dataset"}
    assert project.planned(*KEEP_NONE, "--", INDEX) == expected
