"""The environment's three files hold the same pins."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / "envs"


def pins():
    lines = (ENVS / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_requirement_is_exact_and_has_no_address():
    for line in pins():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][\w.]*", line), line


def test_conda_has_the_same_pins():
    conda = yaml.safe_load((ENVS / "toffee.yaml").read_text())
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert pip == pins()


def test_direct_requirements_are_locked():
    def key(name):
        return re.sub(r"[-_.]+", "-", name).lower()

    locked = dict(line.split("==") for line in pins())
    locked = {key(name): version for name, version in locked.items()}
    for line in (ENVS / "requirements.in").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            assert key(name) in locked, name
            assert not version or locked[key(name)] == version, name


def test_both_images_are_made_from_the_lock_and_hold_the_same():
    recipes = [(ENVS / name).read_text() for name in ("Dockerfile", "toffee.def")]
    for recipe in recipes:
        assert "python:3.11-slim-bookworm" in recipe
        assert "envs/requirements.txt /tmp/requirements.txt" in recipe
    tools = [re.findall(r"apt-get install (.*?)(?: \\)?$", one, re.M) for one in recipes]
    pip = [re.findall(r"pip install (.*?)(?: \\)?$", one, re.M) for one in recipes]
    assert tools[0] == tools[1] != [] and pip[0] == pip[1] != []
    assert (
        'container: os.path.join(REPOSITORY, "envs", "toffee.sif")'
        in (ROOT / "Snakefile").read_text()
    )


def test_the_oldest_and_the_pinned_snakemake_are_those_that_the_page_names():
    """The oldest was tried by hand with the command of that page."""
    (least,) = re.findall(r'^min_version\("([\d.]+)"\)', (ROOT / "Snakefile").read_text(), re.M)
    (pinned,) = [line.partition("==")[2] for line in pins() if line.startswith("snakemake==")]
    page = (ROOT / "docs" / "configure.md").read_text()
    assert f"pinned Snakemake is {pinned}, the oldest that passes {least}" in " ".join(page.split())
    assert f"pip install snakemake=={least}" in page
    numbers = [tuple(map(int, version.split("."))) for version in (least, pinned)]
    assert numbers == sorted(numbers)
