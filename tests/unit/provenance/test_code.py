"""The code digest: what code means counts, how it is written does not."""

import ast

import pytest

from toffee.provenance.code import (
    PLUMBING,
    code_digest,
    module_digests,
    module_file,
    rule_functions,
)
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PACKAGE, PROJECT

KNOWN_BLIND = {
    "workflow/toffee/launch/call.py",  # reads a rule's function, which is where the digest begins
    "workflow/toffee/training/worker.py",  # calls the training that its launcher was given
}

FILES = {
    "workflow/pack/__init__.py": "",
    "workflow/pack/train.py": '"""Train."""\nfrom pack.job import job\n'
    "from pack.deep import net\n\n\ndef train():\n    return job(), net.net()\n",
    "workflow/pack/other.py": "from pack.job import job\n",
    "workflow/pack/job.py": "def job():\n    return 1\n\n\ndef unused():\n    return 2\n",
    "workflow/pack/deep/__init__.py": "",
    "workflow/pack/deep/net.py": '"""Net."""\nfrom torch.nn.functional import relu as act\n\n\n'
    "def net():\n    from . import part\n\n    return act(part.size)\n",
    "workflow/pack/deep/part.py": "size = 3  # comment\nother = 5\n",
    "workflow/pack/unused.py": "x = 1\n",
    "tools/extra/__init__.py": "",
    "tools/extra/use.py": "from pack.deep.part import size\n\n\ndef use():\n    return size\n",
}
"""Packages, and the function `pack.train.train` that names some of what is in them."""

TRAIN, JOB = "workflow/pack/train.py", "workflow/pack/job.py"
NET, PART = "workflow/pack/deep/net.py", "workflow/pack/deep/part.py"
SPEAKING = """import sys
from toffee.runtime.progress import progress
from toffee.runtime.signals import stop_if_interrupted


def job(path):
    print(f"{len(path)} TEXT", file=sys.stderr)
    for item in progress(["item"], desc="TEXT", unit="TEXT"):
        stop_if_interrupted(f"TEXT {item}")
    with open(path, "w") as out:
        print("line", file=out)
"""


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
        {JOB: 'def job():\n    """Docstring."""\n    return (1)\n'},
        {JOB: FILES[JOB].replace("return 2", "return 3")},
        {JOB: FILES[JOB] + "\n\ndef another():\n    return job()\n"},
        {PART: FILES[PART].replace("other = 5", "other = 6")},
        {"workflow/pack/unused.py": "x = 2\n"},
        {"workflow/pack/deep/fresh.py": "y = 1\n"},
        {JOB: FILES[JOB] + "\n\nif __name__ == '__main__':\n    job()\n"},
    ],
    ids=[
        *("comment", "docstring", "new docstring", "unused function", "new function"),
        *("unused constant", "unused module", "new module", "program"),
    ],
)
def test_what_means_the_same(project, changes):
    assert digest(project(changes)) == digest(project())


def effect(statement):
    return {JOB: FILES[JOB] + statement + "\n"}


@pytest.mark.parametrize(
    "changes",
    [
        {PART: "size = 4\n"},
        {PART: FILES[PART] + "size = 4\n"},
        {PART: "if 1 > 0:\n    size = 4\nelse:\n    size = 3\n"},
        {JOB: "def job():\n    return 2\n"},
        {JOB: "def job(n=[]):\n    return 1\n"},
        {JOB: "import functools\n\n\n@functools.cache\ndef job():\n    return 1\n"},
        {"workflow/pack/__init__.py": "import torch\n\ntorch.set_num_threads(1)\n"},
        {"workflow/pack/__init__.py": "import pack.unused\nimport pack.loud\n"}
        | {"workflow/pack/loud.py": "print()\n"},
        {TRAIN: FILES[TRAIN] + "\n\nnet.net()\n"},
        {"workflow/pack/deep/part/__init__.py": "size = 3\n"},
        {NET: FILES[NET].replace("relu", "gelu")},
        {TRAIN: FILES[TRAIN].replace("pack.job", "pack.other")},
        {TRAIN: FILES[TRAIN].replace("pack.job import job", "pack.job import unused as job")},
        effect("job.limit = 3"),
        effect("unused()"),
        effect("for one in (1, 2):\n    unused()"),
    ],
    ids=[
        *("behind a relative import", "second definition", "definition in a branch", "function"),
        *("default", "decorator", "package", "import for its effect", "own module"),
        *("module became package", "foreign name", "other module", "other name"),
        *("attribute", "call", "loop"),
    ],
)
def test_what_means_something_else(project, changes):
    assert digest(project(changes)) != digest(project())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("from pack import job\n\n\ndef train():\n    return getattr(job, 'unused')()\n", "value"),
        ("def train():\n    return run('-m', 'pack.job')\n", "name in a text"),
        ("from pack.job import *\n\n\ndef train():\n    return unused()\n", "star"),
        ("import pack.job\n\n\ndef train():\n    return pack.job.unused()\n", "dotted"),
        (
            "from pack.job import unused\nRULES = {1: unused}\n\n\ndef train():\n    RULES\n",
            "table",
        ),
        (
            "from pack import job\n\n\nclass A:\n    f = job.unused\n\n\ndef train():\n    A\n",
            "class",
        ),
    ],
)
def test_what_names_reach_in_other_ways(project, text, what):
    plain, changed = (
        project({TRAIN: text}),
        project({TRAIN: text} | {JOB: FILES[JOB].replace("2", "3")}),
    )
    assert digest(plain) != digest(changed), what


def test_what_only_people_read(project):
    """Texts of log lines do not count; what they compute does, and lines of a file do."""
    before = project({JOB: SPEAKING})
    assert digest(project({JOB: SPEAKING.replace("TEXT", "words")})) == digest(before)
    for old, new in (("len", "next"), ('"item"', '"items"'), ('"line"', '"lines"')):
        assert digest(project({JOB: SPEAKING.replace(old, new)})) != digest(before)


def test_plumbing_counts_as_one_number(project, monkeypatch):
    files = "from toffee.runtime.files import write_text\n\n\ndef job():\n    return write_text\n"
    place = "workflow/toffee/runtime/files.py"
    changes = {JOB: files, place: "def write_text():\n    return 1\n"}
    before = digest(project(changes))
    assert digest(project(changes | {place: "def write_text():\n    return 2\n"})) == before
    monkeypatch.setattr("toffee.provenance.code.PLUMBING_VERSION", 1000)
    assert digest(project(changes)) != before


def test_plumbing_is_there():
    for module in PLUMBING:
        assert module_file(module).is_file()


def test_other_functions_keep_their_digest(project):
    changed = project({PART: "size = 4\n"})
    assert digest(changed, "pack.other.job") == digest(project(), "pack.other.job")


def test_a_tool_counts_the_package_that_it_imports(project):
    changed = project({PART: "size = 4\n"})
    assert digest(changed, "extra.use.use") != digest(project(), "extra.use.use")
    assert "tools/extra/use.py" in module_digests("extra.use.use", changed)


def test_which_module_changed_is_told(project):
    before, after = (
        module_digests("pack.train.train", p) for p in (project(), project({PART: "size=4"}))
    )
    assert {name for name in before if before[name] != after[name]} == {PART}


def test_faults_are_named(project):
    root = project({"workflow/pack/job.py": "def job(:\n"})
    with pytest.raises(ToffeeError, match=r"job.py, line 1"):
        digest(root)
    with pytest.raises(ToffeeError, match="no module pack.absent in workflow or tools"):
        digest(root, "pack.absent.function")


def test_an_import_cycle_ends(project):
    digest(project({PART: "from pack.deep import net\nsize = net\n"}))


def test_what_names_cannot_tell_is_not_used():
    """The digest follows names. What finds code in other ways would make a stale result pass."""
    for path in [*PACKAGE.rglob("*.py"), *(PROJECT / "tools").rglob("*.py")]:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {one.id for one in nodes if isinstance(one, ast.Name)} & {"eval", "exec", "globals"}
        names |= {
            name
            for one in nodes
            for name in (getattr(one, "attr", None), getattr(one, "name", None))
            if name in ("import_module", "__import__", "__subclasses__", "__init_subclass__")
        }
        assert not names or path.relative_to(PROJECT).as_posix() in KNOWN_BLIND, (path, names)


def test_the_functions_of_rules_are_read_from_their_files(project):
    root = project()
    (root / "rules").mkdir()
    (root / "rules" / "a.smk").write_text(
        'rule one:\n    output:\n        "a",\n    params:\n        function="pack.train.train",\n'
        "        x=1,\n\n\nrule two:\n    input:\n        rules.one.output,\n\n\n"
        'rule three:\n    params:\n        function="pack.other.job",\n'
    )
    (root / "rules" / "b.smk").write_text("use rule three as four with:\n    input:\n")
    functions = {"one": "pack.train.train", "three": "pack.other.job", "four": "pack.other.job"}
    assert rule_functions(root) == functions


def test_every_rule_of_the_project_has_a_function_that_exists():
    functions = rule_functions()
    assert len(functions) > 60
    for function in functions.values():
        assert f"\ndef {function.rpartition('.')[2]}(" in module_file(
            function.rpartition(".")[0]
        ).read_text(encoding="utf-8")


def test_no_rule_depends_on_the_whole_configuration():
    """A new key anywhere would download every model again, and run all that follows."""
    whole = {"config/load.py", "config/sections/__init__.py", "config/sections/toffeenet.py"}
    for rule, function in rule_functions().items():
        modules = {module.removeprefix("workflow/toffee/") for module in module_digests(function)}
        assert not modules & whole, rule
