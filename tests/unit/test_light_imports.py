"""What a job imports before it does anything: each rule's function brings in only what it needs.

torch, diffusers and transformers take seconds of CPU to import, in every job. The imports are read
from the sources, as the code's digest reads them; for the rules that need no network one process
also makes them.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from toffee.provenance.code import module_file, rule_functions, syntax_tree
from toffee.runtime.errors import ToffeeError

PROJECT = Path(__file__).parents[2]
NETWORKS = {"torch", "accelerate", "diffusers", "transformers"}
HEAVY = NETWORKS | {"datasets", "matplotlib", "pandas", "scipy", "sklearn", "snakemake"}

MODULES = {
    "": "download_dreambench download_model export_folder export_imagenhub import_heldout "
    "import_multiview import_pictures import_subjects write_crate",
    "pandas": "check_oracle export_dataset export_shard filter_dataset filter_more "
    "keep_examples list_subjects plan_shard plot_cost plot_dataset plot_editing "
    "plot_edits plot_learning plot_pipeline plot_refiner plot_scaling plot_strength "
    "plot_toffeenet plot_views plot_worst tabulate_base tabulate_calibration "
    "tabulate_cost tabulate_dataset tabulate_dreambench tabulate_dreambooth "
    "tabulate_editing tabulate_reconstruction tabulate_reference tabulate_refiner "
    "tabulate_scaling tabulate_segmentation tabulate_strength tabulate_variants "
    "tabulate_views write_ledger write_site",
    # They judge or make again what Snakemake plans.
    "pandas snakemake": "audit write_verdict",
    # The world is rendered by torch alone.
    "torch": "write_benchmark write_heldout write_multiview write_subjects",
    "accelerate torch": "train_zoo_part",
}
"""Heavy modules → the rules that import them with their function. All other rules draw, train or
score with networks, and import these."""


@cache
def top_imports(module: str) -> tuple[str, ...]:
    """What a first-party module imports whenever it is imported itself."""

    def found(body: list[ast.stmt]) -> Iterator[str]:
        for one in body:
            if isinstance(one, ast.Import):
                yield from (alias.name for alias in one.names)
            elif isinstance(one, ast.ImportFrom):
                yield str(one.module)
                yield from (f"{one.module}.{alias.name}" for alias in one.names)
            elif isinstance(one, ast.If) and "TYPE_CHECKING" not in ast.unparse(one.test):
                yield from found([*one.body, *one.orelse])
            elif isinstance(one, ast.Try | ast.With | ast.ClassDef):
                yield from found(one.body)

    return tuple(found(syntax_tree(module_file(module)).body))


def imported(module: str) -> set[str]:
    """Heavy modules that come with a first-party module."""
    heavy, seen, waiting = set(), set(), [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        first, *rest = name.split(".")
        if first in ("toffee", "toffee_zoo"):
            waiting += [".".join((first, *rest[:depth])) for depth in range(len(rest))]
            try:
                waiting += top_imports(name)
            except ToffeeError:  # a name in a module, whose own imports are there already
                continue
        elif first in HEAVY:
            heavy.add(first)
        elif first == "safetensors" and rest == ["torch"]:
            heavy.add("torch")
    return heavy


@pytest.fixture(scope="module")
def functions() -> dict[str, str]:
    """Rule → the module of its function."""
    found = {rule: name.rpartition(".")[0] for rule, name in rule_functions(PROJECT).items()}
    assert len(found) > 60
    return found


def test_each_rule_imports_what_it_needs(functions):
    known = {rule: modules for modules, rules in MODULES.items() for rule in rules.split()}
    heavy = {rule: " ".join(sorted(imported(module))) for rule, module in functions.items()}
    assert {rule: heavy.get(rule) for rule in known} == known
    others = {rule: modules for rule, modules in heavy.items() if rule not in known}
    assert all("torch" in modules and len(modules.split()) > 1 for modules in others.values())


def test_what_surrounds_a_job_and_the_commands_import_nothing_heavy():
    found = {name: imported(name) for name in ("toffee.launch.job", "toffee.cli")}
    found |= {name: imported(name) for name in ("toffee.provenance.trace", "toffee.launch.dag")}
    assert not any(found.values()), found


def test_rules_without_networks_import_none(functions):
    light = {
        rule for modules in ("", "pandas", "pandas snakemake") for rule in MODULES[modules].split()
    }
    modules = sorted({functions[rule] for rule in light})
    code = (
        f"import importlib, sys\nfor name in {modules}:\n    importlib.import_module(name)\n"
        f"    heavy = {NETWORKS} & sys.modules.keys()\n"
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
