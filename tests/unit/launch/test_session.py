"""The search path of a user's own, which jobs keep behind ours."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def head(place: str) -> str:
    """The lines of the Snakefile that set the search path."""
    text = (ROOT / "Snakefile").read_text()
    lines = text[text.index("PACKAGES =") : text.index("# Large tensors")]
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
