"""The search path of a user's own, which jobs keep behind ours."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from toffee.config import load_config
from toffee.launch.session import refuse_whole_machines, say_what_is_gone
from toffee.runtime.errors import ToffeeError
from toffee.runtime.settings import read_settings

ROOT = Path(__file__).resolve().parents[3]


def head(place: str) -> str:
    """The lines of the Snakefile that set the search path."""
    text = (ROOT / "Snakefile").read_text()
    lines = text[text.index("PACKAGES =") : text.index("from toffee.runtime.environment")]
    start = "import os, sys\n"
    return f"{start}REPOSITORY = {place!r}\n{lines}"


def test_a_users_python_path_is_kept_behind_ours():
    code = head("/x") * 2 + "\nprint(os.environ['PYTHONPATH'])"  # as in a job, which inherits it
    mine = os.pathsep.join(["/mine", "", "/too"])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": mine},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().split(os.pathsep) == ["/x/workflow", "/x/tools", "/mine", "/too"]


def test_jobs_keep_freed_memory_unless_the_user_has_other_wishes():
    text = (ROOT / "Snakefile").read_text()
    code = text[text.index("from toffee.runtime.environment") : text.index("# Compute nodes may")]
    code = f"import os\n{code}\nprint(*(os.environ[name] for name in MEMORY))"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC", "THP"))}
    environment |= {"PYTHONPATH": str(ROOT / "workflow"), "MALLOC_TRIM_THRESHOLD_": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", str(32 * 1024**2)]


def test_only_what_the_run_covers_and_did_not_make_is_called_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("there").touch()
    job = lambda *output: SimpleNamespace(output=output)  # noqa: E731
    covered, made = [job("a", "b\x1b", "there"), job("c", "d")], [job("failed")]
    dag = SimpleNamespace(
        jobs=[*covered, *made],
        needrun_jobs=lambda exclude_finished: [] if exclude_finished else made,
    )
    gone = ["elsewhere", "failed", "there", "a", "b\x1b", "c", "d"]
    say_what_is_gone(SimpleNamespace(dag=dag), "results/x", gone)
    said = capsys.readouterr().err
    assert said.startswith(
        "results/x: missing, though their records are there: 4 (a, b\\x1b, c and 1"
    )
    say_what_is_gone(SimpleNamespace(dag=dag), "results/x", gone[:3])
    say_what_is_gone(SimpleNamespace(dag=None), "results/x", gone)
    assert capsys.readouterr().err == ""


def with_source(section: str, **values) -> None:
    given = read_settings(ROOT / "config" / "config.yaml")
    real = {
        "subjects": {"kind": "folder", "path": "photos"},
        "multiview": {"kind": "folder", "path": "views", "heldout_path": "heldout"},
        "benchmark": {"kind": "dreambench"},
    }
    given["data"] |= {"source": "real", "real": real | {section: values}}
    refuse_whole_machines(load_config(given))


@pytest.mark.parametrize("path", ["/", "//", "/tmp/..", "/proc", "/sys/kernel", str(ROOT.parent)])
def test_a_source_is_not_the_whole_machine(path):
    """Snakemake had several lines about an empty path, after half a minute of looking through."""
    with pytest.raises(ToffeeError, match="data.real.subjects.path: .*found the system's own"):
        with_source("subjects", kind="images", path=path)
    with pytest.raises(ToffeeError, match="data.real.multiview.heldout_path: "):
        with_source("multiview", kind="folder", path="/usr/share", heldout_path=path)


def test_other_sources_are_fine(tmp_path):
    with_source("subjects", kind="images", path=str(tmp_path))
    with_source("benchmark", kind="folder", path="not/there")
