"""Jobs that only read scores and pictures start without torch, which takes seconds to import."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
RULES = r"(?:tabulate|plot)_\w+|filter_dataset|write_ledger|write_site"
HEAVY = ("torch", "diffusers", "transformers")


def test_tables_figures_filter_and_site_import_no_torch():
    text = "\n".join(path.read_text() for path in (PROJECT / "rules").glob("*.smk"))
    functions = re.findall(rf'^rule (?:{RULES}):.*?function="(.+?)"', text, re.S | re.M)
    assert len(functions) > 20
    modules = sorted({function.rpartition(".")[0] for function in functions})
    code = (
        f"import importlib, sys\nfor name in {modules}:\n    importlib.import_module(name)\n"
        f"    heavy = [one for one in {HEAVY} if one in sys.modules]\n"
        "    assert not heavy, f'{name} imports {heavy}'"
    )
    path = os.pathsep.join(str(PROJECT / name) for name in ("workflow", "tools"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
