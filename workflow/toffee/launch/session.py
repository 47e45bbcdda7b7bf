"""A run's beginning and end, for the process that the user started: what it takes over from
earlier runs, what it guards itself against, and what it says of failed jobs."""

import atexit
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from toffee.config import Config
from toffee.config.sections.synthesis import STAGES_FOLDER
from toffee.launch.adopt import adopt
from toffee.launch.dag import FOR_A_PROGRAM
from toffee.launch.failures import deaths, failures, format_failures, with_causes
from toffee.launch.looking import write_nothing
from toffee.launch.takeover import take_over
from toffee.launch.targets import (
    BY_NAME_ALONE,
    checked,
    command_line,
    only_looks,
    requested,
    stop,
    unknown_target,
    writes_nothing,
)
from toffee.provenance.machine import name_of, note_run
from toffee.provenance.sources import refuse_system
from toffee.runtime.errors import ToffeeError
from toffee.runtime.text import printable

STATE = ".snakemake"
SOURCE_KEYS = ("path", "heldout_path", "repo")
"""Of `data.real`: what may be a folder."""
NAMES_SHOWN = 3
"""Of missing results, in the line about them."""
LISTED = "dataset/subjects.parquet"
"""What is there once the subjects were read."""


def begin_run(workflow: Any, config: Config, results: str, others: Iterable[str]) -> None:
    """Prepare Snakemake for a run: after the Snakefile's rules, before the plan is made.

    Args:
        workflow: Snakemake's.
        config: the run's configuration.
        results: the run's results folder.
        others: results folders of other scales that this run may write too.
    """
    _note_command_line(workflow)
    if not workflow.is_main_process:
        return
    if not only_looks(sys.argv):
        wait_for_slurm()
        for root in (results, *others):
            checked(take_over, root)
    gone = _adopt_results(results)
    _say_what_is_there(config, results)
    if not config.synthesis.keep_stages:  # Snakemake removes them itself
        gone = [path for path in gone if not path.startswith(f"{results}/{STAGES_FOLDER}/")]
    if gone and not os.environ.get(FOR_A_PROGRAM):
        atexit.register(say_what_is_gone, workflow, results, gone)


def refuse_whole_machines(config: Config) -> None:
    """A source is a folder of photographs, and not `/`, `/proc` or one that the checkout is in: to
    look through these takes minutes, and Snakemake knows no file by the name of `/`.

    Raises:
        ToffeeError: one is.
    """
    for section in ("subjects", "multiview", "benchmark"):
        values = config.data.real.keys(section)
        for key in SOURCE_KEYS:
            if path := values.get(key):
                try:
                    refuse_system(path)
                except ToffeeError as error:
                    raise ToffeeError(f"config key data.real.{section}.{key}: {error}") from error


def _say_what_is_there(config: Config, results: str) -> None:
    """The first dry run with photos of the user's own says what was found of them: at its end, or
    it would be far above what Snakemake prints. `toffee plan` says it itself."""
    given = command_line(sys.argv)
    if given is None or not given.dryrun or Path(results, LISTED).exists():
        return
    if os.environ.get(FOR_A_PROGRAM):
        return
    from toffee.data.importers.survey import survey

    if lines := survey(config).lines:
        lines.append("what it will cost: toffee plan, with the same --configfile and --config")
        atexit.register(lambda: print(*lines, sep="\n", file=sys.stderr))


def _note_command_line(workflow: Any) -> None:
    """Tell the jobs how Snakemake was called: their records say it."""
    from snakemake.common.configfile import load_configfile

    given = workflow.config_settings
    files = [(name_of(path), load_configfile(path)) for path in given.configfiles]
    words = ["snakemake", *sys.argv[1:]]
    note_run(words, given.config, files, workflow.is_main_process)


def say_what_is_gone(workflow: Any, results: str, gone: Sequence[str]) -> None:
    """Name, on standard error, results that were made once, are missing, and that Snakemake did not
    make again, because all that was made of them is there.

    An interrupted forced rerun of a stage leaves such a hole, and "Nothing to be done" would be
    half the truth.

    Args:
        workflow: Snakemake's, after the run.
        results: the run's results folder.
        gone: results with a record that were missing when the run began.
    """
    if workflow.dag is None:  # a list, or an error
        return
    planned = {str(path) for job in workflow.dag.jobs for path in job.output}
    made = workflow.dag.needrun_jobs(exclude_finished=False)
    planned -= {str(path) for job in made for path in job.output}
    left = [path for path in gone if path in planned and not os.path.exists(path)]
    if left:
        more = f" and {len(left) - NAMES_SHOWN} more" if len(left) > NAMES_SHOWN else ""
        names = ", ".join(map(printable, left[:NAMES_SHOWN]))
        print(
            f"{results}: missing, though their records are there: {len(left)} ({names}{more}); "
            "Snakemake makes one again only where a target needs it, or as a target itself",
            file=sys.stderr,
        )


def _adopt_results(results: str) -> list[str]:
    """Give Snakemake what copied results were made with; which results are gone."""
    looks = writes_nothing(sys.argv)
    adopted = checked(adopt, results, STATE, not looks)
    if looks:
        write_nothing(adopted)
    if adopted.jobs:
        print(f"{results}: {adopted.jobs} jobs are known from their records", file=sys.stderr)
    return adopted.gone


def wait_for_slurm() -> None:
    """Let profile slurm survive an outage of SLURM; before Snakemake makes its scheduler."""
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    registry = ExecutorPluginRegistry()
    if registry.is_installed("slurm"):
        from toffee.launch.patience import PatientExecutor

        registry.get_plugin("slurm").executor = PatientExecutor


def check_targets(rules: Iterable[Any], scale: str) -> None:
    """Stop with one line where a target is neither a rule nor a file that a rule makes.

    Whether the file is there does not count: Snakemake refuses one that no rule of this run makes,
    of another scale for instance, with lines of its own.

    Args:
        rules: Snakemake's.
        scale: the run's.
    """
    by_name = {one.name: one for one in rules}
    for target in requested(sys.argv):
        path = os.path.relpath(target)
        if target not in by_name and not any(one.is_producer(path) for one in by_name.values()):
            stop(unknown_target(path, _target_names(by_name), scale))


def _target_names(rules: Mapping[str, Any]) -> list[str]:
    """What a user asks for by name, sorted: rules that gather files, and those no such rule has."""
    return sorted(n for n, one in rules.items() if not one.output or n in BY_NAME_ALONE)


def say_failures(roots: Sequence[str | Path], since: float) -> None:
    """Print the jobs that failed since a time (seconds since 1970), and why, on standard error."""
    found = [one for root in roots for one in failures(root, since)]
    print(format_failures(with_causes(found, deaths())), file=sys.stderr, end="")
