"""A copy of the workflow inside of the results: a crate holds what it describes.

The rules and scripts lie outside of the results folder, which is the crate's root. An address of
the repository would say which commit was meant, not what ran, and an auditor without a network
could not read it. The copy is small (about 1 MB), keeps the repository's layout, and has digests.
It is the workflow as it was when the crate was written: a comment that is edited later makes no new
one.
"""

import re
import shutil
from pathlib import Path

from toffee.provenance.code import USED_RULE
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path

COPIED = (
    "Snakefile",
    "rules/*.smk",
    "config/**/*.csv",
    "config/**/*.yaml",
    "envs/requirements.txt",
    "workflow/schemas/*",
    "workflow/run.py",
    "workflow/toffee/**/*.py",
    "tools/**/*.py",
    "CITATION.cff",
    "LICENSE",
)
PACKAGE = "workflow/toffee/"


def copied_files(project: Path) -> list[Path]:
    """The files that `COPIED` names, relative to the checkout."""
    found = (path for pattern in COPIED for path in project.glob(pattern) if path.is_file())
    return sorted({path.relative_to(project) for path in found})


def copy_source(project: Path, out: Path) -> None:
    """Copy what `COPIED` names from the checkout to the folder `out`, which is replaced.

    Raises:
        ToffeeError: the checkout has no Snakefile.
    """
    if not (project / "Snakefile").is_file():
        raise ToffeeError(
            f"{project / 'Snakefile'}: no such file, expected the workflow's checkout"
        )
    with atomic_path(out) as temporary:
        for path in copied_files(project):
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / path, target)


def sentences(source: Path) -> dict[str, str]:
    """Rule → what its docstring in `rules/*.smk` says, or that of the rule that it uses."""
    found: dict[str, str] = {}
    used: dict[str, str] = {}
    for path in sorted(source.glob("rules/*.smk")):
        text = path.read_text(encoding="utf-8")
        rules = re.findall(r'^ *rule (\w+):\s+"""(.*?)"""', text, re.MULTILINE | re.DOTALL)
        found |= {rule: " ".join(sentence.split()) for rule, sentence in rules}
        used |= {rule: base for base, rule in USED_RULE.findall(text)}
    return found | {rule: found[base] for rule, base in used.items() if base in found}
