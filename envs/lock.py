"""Write requirements.txt and toffee.yaml from the packages of an environment.

    .venv-lock/bin/python envs/lock.py < freeze.txt

Reads `pip freeze --all` on standard input. The two files hold the same pins: Snakemake copies a
conda file elsewhere before it uses it, so the conda file cannot refer to requirements.txt. Local
version parts (torch's +cpu) are dropped, so that a machine takes the build that suits it.
"""

import re
import sys
from pathlib import Path

ENVS = Path(__file__).parent
HEADER = "# Written by `make lock`; the direct requirements are in requirements.in.\n"
NOT_PINNED = ("pip", "wheel", "toffee")


def pins(freeze: str) -> list[str]:
    """Exact requirements, one a package, sorted by name."""
    found = re.findall(r"^([\w.-]+)==([\w.!]+)(?:\+[\w.]+)?$", freeze, flags=re.MULTILINE)
    return sorted(
        (f"{name}=={version}" for name, version in found if name.lower() not in NOT_PINNED),
        key=str.lower,
    )


def requirements(lines: list[str]) -> str:
    """Text of requirements.txt."""
    return HEADER + "".join(f"{line}\n" for line in lines)


def conda(lines: list[str]) -> str:
    """Text of toffee.yaml."""
    head = "channels:\n  - conda-forge\n  - nodefaults\ndependencies:\n"
    tools = "  - python=3.11\n  - pip\n  - pip:\n"
    return HEADER + head + tools + "".join(f"      - {line}\n" for line in lines)


if __name__ == "__main__":
    locked = pins(sys.stdin.read())
    (ENVS / "requirements.txt").write_text(requirements(locked), encoding="utf-8")
    (ENVS / "toffee.yaml").write_text(conda(locked), encoding="utf-8")
