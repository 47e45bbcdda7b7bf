"""The code digest: what code means counts, how it is written does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from toffee.provenance.code import (
    code_digest,
    module_digests,
    module_file,
    rule_functions,
    source_files,
)
from toffee.runtime.errors import ToffeeError

FILES = {
    "workflow/pack/__init__.py": "",
    "workflow/pack/train.py": '"""Train."""\nfrom pack.job import job\nfrom pack.deep import net\n',
    "workflow/pack/other.py": "from pack.job import job\n",
    "workflow/pack/job.py": "def job():\n    return 1\n",
    "workflow/pack/deep/__init__.py": "",
    "workflow/pack/deep/net.py": '"""Net."""\nimport torch\n\n\ndef net():\n'
    "    from . import part\n\n    return part.size\n",
    "workflow/pack/deep/part.py": "size = 3  # comment\n",
    "workflow/pack/unused.py": "x = 1\n",
    "tools/extra/__init__.py": "",
    "tools/extra/use.py": "from pack.deep.part import size\n",
}
NET, PART = "workflow/pack/deep/net.py", "workflow/pack/deep/part.py"


@pytest.fixture
def project(tmp_path):
    def make(changes=None):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in (FILES | (changes or {})).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return make


def digest(root, function="pack.train.train"):
    return code_digest(function, root)


def test_the_place_of_the_checkout_does_not_count(project):
    assert digest(project()) == digest(project())
    assert digest(project()) != digest(project(), "pack.other.job")


@pytest.mark.parametrize(
    "changes",
    [
        {PART: "# other comment\n\nsize = 3\n"},
        {NET: FILES[NET].replace('"""Net."""', '"""New."""')},
        {"workflow/pack/job.py": 'def job():\n    """Docstring."""\n    return (1)\n'},
        {"workflow/pack/unused.py": "x = 2\n"},
        {"workflow/pack/deep/fresh.py": "y = 1\n"},
    ],
    ids=["comment", "docstring", "new docstring", "unused module", "new module"],
)
def test_what_means_the_same(project, changes):
    assert digest(project(changes)) == digest(project())


@pytest.mark.parametrize(
    "changes",
    [
        {PART: "size = 4\n"},
        {"workflow/pack/job.py": "def job():\n    return 2\n"},
        {"workflow/pack/__init__.py": "version = 1\n"},
        {"workflow/pack/train.py": FILES["workflow/pack/train.py"] + "net()\n"},
        {"workflow/pack/deep/part/__init__.py": "size = 3\n"},
    ],
    ids=["behind a relative import", "module", "package", "own module", "module became package"],
)
def test_what_means_something_else(project, changes):
    assert digest(project(changes)) != digest(project())


def test_other_functions_keep_their_digest(project):
    changed = project({PART: "size = 4\n"})
    assert digest(changed, "pack.other.job") == digest(project(), "pack.other.job")


def test_a_tool_counts_the_package_that_it_imports(project):
    changed = project({PART: "size = 4\n"})
    assert digest(changed, "extra.use.size") != digest(project(), "extra.use.size")
    assert "tools/extra/use.py" in module_digests("extra.use.size", changed)


def test_which_module_changed_is_told(project):
    before, after = (module_digests("pack.train.f", p) for p in (project(), project({PART: "s=4"})))
    assert {name for name in before if before[name] != after[name]} == {PART}


def test_faults_are_named(project):
    root = project({"workflow/pack/job.py": "def job(:\n"})
    with pytest.raises(ToffeeError, match=r"job.py, line 1"):
        digest(root)
    with pytest.raises(ToffeeError, match="no module pack.absent in workflow or tools"):
        digest(root, "pack.absent.function")


def test_an_import_cycle_ends(project):
    digest(project({PART: "from pack.deep import net\nsize = 3\n"}))


def test_no_file_is_overlooked_when_the_module_runs(project):
    """What Python really imports from the package is what the digest covers."""
    root = project({NET: FILES[NET].replace("import torch\n", "")})
    code = (
        "import sys, pack.train\npack.train.net.net()\n"
        "print(*[m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'pack'], "
        "sep='\\n')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {Path(line) for line in run.stdout.split()}
    assert loaded == source_files(module_file("pack.train", root), root)


def test_the_functions_of_rules_are_read_from_their_files(project):
    root = project()
    (root / "rules").mkdir()
    (root / "rules" / "a.smk").write_text(
        'rule one:\n    output:\n        "a",\n    params:\n        function="pack.train.train",\n'
        "        x=1,\n\n\nrule two:\n    input:\n        rules.one.output,\n\n\n"
        'rule three:\n    params:\n        function="pack.other.job",\n'
    )
    assert rule_functions(root) == {"one": "pack.train.train", "three": "pack.other.job"}


def test_every_rule_of_the_project_has_a_function_that_exists():
    functions = rule_functions()
    assert len(functions) > 60
    for function in functions.values():
        assert f"\ndef {function.rpartition('.')[2]}(" in module_file(
            function.rpartition(".")[0]
        ).read_text(encoding="utf-8")
