"""The code digest: what code means counts, how it is written does not."""

import shutil
from pathlib import Path

import pytest

from toffee.provenance.code import code_digest, source_files
from toffee.runtime.errors import ToffeeError

FILES = {
    "scripts/train.py": '"""Script."""\nfrom pack.job import job\nfrom pack.deep import net\n',
    "scripts/other.py": "from pack.job import job\n",
    "pack/__init__.py": "",
    "pack/job.py": "def job():\n    return 1\n",
    "pack/deep/__init__.py": "",
    "pack/deep/net.py": '"""Net."""\nimport torch\n\n\ndef net():\n    from . import part\n\n'
    "    return part.size\n",
    "pack/deep/part.py": "size = 3  # comment\n",
    "pack/unused.py": "x = 1\n",
}


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


def digest(root, script="train"):
    return code_digest(script, root / "scripts", root / "pack")


def test_the_place_does_not_count(project):
    assert digest(project()) == digest(project())
    assert digest(project()) != digest(project(), "other")


@pytest.mark.parametrize(
    "changes",
    [
        {"pack/deep/part.py": "# other comment\n\nsize = 3\n"},
        {"pack/deep/net.py": FILES["pack/deep/net.py"].replace('"""Net."""', '"""New."""')},
        {"pack/job.py": 'def job():\n    """Docstring."""\n    return (1)\n'},
        {"pack/unused.py": "x = 2\n"},
        {"pack/deep/fresh.py": "y = 1\n"},
    ],
    ids=["comment", "docstring", "new docstring", "unused module", "new module"],
)
def test_what_means_the_same(project, changes):
    assert digest(project(changes)) == digest(project())


@pytest.mark.parametrize(
    "changes",
    [
        {"pack/deep/part.py": "size = 4\n"},
        {"pack/job.py": "def job():\n    return 2\n"},
        {"pack/__init__.py": "version = 1\n"},
        {"scripts/train.py": FILES["scripts/train.py"] + "net()\n"},
        {"pack/deep/part/__init__.py": "size = 3\n"},
    ],
    ids=["behind a relative import", "module", "package", "script", "module became package"],
)
def test_what_means_something_else(project, changes):
    assert digest(project(changes)) != digest(project())


def test_other_scripts_keep_their_digest(project):
    changed = project({"pack/deep/part.py": "size = 4\n"})
    assert digest(changed, "other") == digest(project(), "other")


def test_faults_are_named(project):
    root = project({"pack/job.py": "def job(:\n"})
    with pytest.raises(ToffeeError, match=r"job.py, line 1"):
        digest(root)
    with pytest.raises(ToffeeError, match="cannot read .*absent.py"):
        digest(root, "absent")


def test_an_import_cycle_ends(project):
    root = project({"pack/deep/part.py": "from pack.deep import net\nsize = 3\n"})
    digest(root)


def test_no_package_file_is_overlooked_when_the_script_runs(project):
    """What Python really imports from the package is what the digest covers."""
    import subprocess
    import sys

    root = project()
    shutil.rmtree(root / "pack" / "__pycache__", ignore_errors=True)
    text = FILES["scripts/train.py"].replace("import torch", "")
    (root / "pack/deep/net.py").write_text(FILES["pack/deep/net.py"].replace("import torch\n", ""))
    (root / "scripts/train.py").write_text(
        text + "import sys\nnet.net()\nprint(*[m.__file__ for n, m in sys.modules.items() "
        "if n.split('.')[0] == 'pack'], sep='\\n')\n"
    )
    run = subprocess.run(
        [sys.executable, root / "scripts/train.py"],
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {Path(line) for line in run.stdout.split()}
    assert loaded == source_files(root / "scripts/train.py", root / "pack") - {
        root / "scripts/train.py"
    }
