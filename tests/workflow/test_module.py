"""The workflow as a part of something larger: a module of another workflow, files in a storage."""

import re

import pytest

from .conftest import Project

OTHER = """
module toffee:
    snakefile:
        {snakefile!r}
    config:
        {{"scale": "mine", "synthesis": {{"shards": 2}}}}


use rule * from toffee as toffee_*


rule my_copy:
    input:
        "results/mine/dataset/index.parquet",
    output:
        "mine.parquet",
    shell:
        "cp {{input}} {{output}}"
"""


def jobs(out: str) -> dict[str, int]:
    """The jobs of a dry run by their rule."""
    table = re.search(r"^-+ +-+\n(.*?)^total", out, re.M | re.S)
    return {name: int(count) for name, count in re.findall(r"(\w+) +(\d+)\n", table[1])}


def test_another_workflow_imports_it_with_a_prefix_and_values_of_its_own(fresh, tmp_path):
    (tmp_path / "Snakefile").write_text(OTHER.format(snakefile=str(fresh.folder / "Snakefile")))
    done = Project(tmp_path, fresh.server).run("--dry-run", "--quiet", "rules", "--", "my_copy")
    planned = jobs(done.stdout + done.stderr)
    assert planned.pop("my_copy") == 1
    assert planned["toffee_score_shard"] == planned["toffee_draw_initial"] == 2
    assert all(name.startswith("toffee_") for name in planned)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Snakefile"]


def test_everything_may_lie_in_a_storage(fresh, tmp_path):
    pytest.importorskip("snakemake_storage_plugin_fs", reason="the plugin is not installed")
    storage = ["--default-storage-provider", "fs", "--default-storage-prefix", str(tmp_path)]
    arguments = ["--dry-run", "--quiet", "rules", *storage, "--shared-fs-usage", "none"]
    done = fresh.run(*arguments, "--", "all")
    planned = set(jobs(done.stdout + done.stderr)) - {"all"}
    assert planned == fresh.planned("--", "all") - {"all"}
