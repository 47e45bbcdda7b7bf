"""Stage files that go once a shard is scored: what is made again for which change."""

import shutil

import pytest

from .conftest import STUB, Project
from .test_reruns import edit

KEEP_NONE = ("--config", "synthesis={keep_stages: false}")
IN_ONE_JOB = ("--config", "synthesis={keep_stages: false, one_job: true}")
INDEX, FIGURE = "results/tiny/dataset/index.parquet", "results/tiny/figures/pipeline.png"
STAGES = {"draw_initial", "refine_shard", "draw_views", "make_edits"}


def run_with_stubs(fresh, folder, *arguments) -> Project:
    """A project in which the jobs of some targets have run."""
    shutil.copytree(fresh.folder, folder)
    (folder / "workflow" / "run.py").write_text(STUB)
    project = Project(folder, fresh.server)
    project.run("--quiet", "all", *arguments)
    return project


@pytest.fixture(scope="module")
def scored(fresh, tmp_path_factory):
    """A project whose shards are scored, and that kept no stages."""
    folder = tmp_path_factory.mktemp("scored") / "project"
    return run_with_stubs(fresh, folder, *KEEP_NONE, "--", INDEX)


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


def test_one_job_leaves_no_stages_but_the_examples(fresh, tmp_path):
    """Also where only more than the dataset's own shards are asked for."""
    more = "results/tiny/dataset/times_2/index.parquet"
    project = run_with_stubs(fresh, tmp_path / "project", *IN_ONE_JOB, "--", more)
    data = project.folder / "results/tiny/dataset"
    assert not list(data.glob("stages/*/*.h5"))
    assert len(list(data.glob("shards/*.h5"))) == 4 and (data / "examples.h5").is_file()
    assert project.planned(*IN_ONE_JOB, "--", more) == set()
    assert project.planned(*IN_ONE_JOB, "--", INDEX, FIGURE) == {"filter_dataset", "plot_pipeline"}
