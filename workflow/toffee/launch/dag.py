"""The jobs of a run as Snakemake plans them, with the values that each would be given.

`Planning` starts a process of its own, because Snakemake keeps state in the process that plans:
`python -m toffee.launch.dag OUT ARGUMENTS…` writes the configuration, which is there when the
Snakefile is read, and seconds later the jobs, as JSON lines.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from toffee.launch.nobody import name_and_home
from toffee.runtime.environment import without_garbage_collection
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PACKAGE
from toffee.runtime.signals import die_with_parent

FOR_A_PROGRAM = "TOFFEE_FOR_A_PROGRAM"
"""Environment variable: nobody reads what Snakemake prints, but for why there is no plan."""


class NoPlan(ToffeeError):
    """Snakemake cannot plan a run; `values` is its configuration, None where it was not read."""

    def __init__(self, reason: str, values: dict[str, Any] | None) -> None:
        super().__init__(reason)
        self.values = values


@dataclass(frozen=True)
class Job:
    """A job of Snakemake's plan that has outputs.

    Attributes:
        rule: its rule.
        wildcards: their values, by name.
        params: their values, by name.
        input, output: paths by name, as in a record (see `toffee.provenance.record.named`).
        log: path of its log.
        benchmark: path of its benchmark, "" of none.
        threads: how many its rule gives it at most.
        runs: whether it would run now.
    """

    rule: str
    wildcards: Mapping[str, str]
    params: Mapping[str, Any]
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    log: str
    runs: bool
    benchmark: str = ""
    threads: int = 1


class Planning:
    """Snakemake's planning of a run, from the start of the block to its end at the latest.

    The caller goes on meanwhile; what it asks for too early is waited for.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        project: Path,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Start nothing yet.

        Args:
            arguments: options and targets, as after `snakemake`.
            project: the folder of the Snakefile, in which Snakemake runs.
            environment: the environment variables of Snakemake's process.
        """
        self.arguments, self.project, self.environment = arguments, project, environment

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            self._out = Path(folder, "jobs")
            self._printed = [Path(folder, name) for name in ("stdout", "stderr")]
            printed = [stack.enter_context(open(path, "wb")) for path in self._printed]
            path = [str(PACKAGE.parent), *filter(None, [self.environment.get("PYTHONPATH")])]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "toffee.launch.dag", str(self._out), *self.arguments],
                cwd=self.project,
                env={
                    **self.environment,
                    **name_and_home(self.environment, folder),
                    "PYTHONPATH": os.pathsep.join(path),
                    FOR_A_PROGRAM: "1",
                },
                stdout=printed[0],
                stderr=printed[1],
            )
            self._ending = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        with self._ending:
            self._process.kill()  # nothing where it has ended
            self._process.wait()

    def ended(self) -> bool:
        """Whether Snakemake has planned the run, or failed to."""
        return self._process.poll() is not None

    def config(self) -> dict[str, Any]:
        """The configuration of the run, when Snakemake has read it.

        Raises:
            NoPlan: Snakemake cannot read it; its own line says why.
        """
        while not (lines := self._lines()) and not self.ended():
            time.sleep(0.05)
        if not (lines := lines or self._lines()):
            raise self._failure()
        return json.loads(lines[0])

    def jobs(self) -> list[Job]:
        """The jobs, in the order of their rules and wildcards, when Snakemake has planned them.

        Raises:
            NoPlan: Snakemake cannot plan them; its own line says why.
        """
        if self._process.wait() or not (lines := self._lines()):
            raise self._failure()
        return [Job(**json.loads(line)) for line in lines[1:]]

    def _lines(self) -> list[str]:
        """The lines that are written whole."""
        text = self._out.read_text("utf-8") if self._out.is_file() else ""
        return text.split("\n")[:-1]

    def _failure(self) -> NoPlan:
        printed = "".join(path.read_text("utf-8", errors="replace") for path in self._printed)
        lines = self._lines()
        return NoPlan(_reason(printed), json.loads(lines[0]) if lines else None)


def planned_jobs(
    arguments: Sequence[str], project: Path, environment: Mapping[str, str] = os.environ
) -> tuple[dict[str, Any], list[Job]]:
    """The configuration of a command line of Snakemake and its jobs, in the order of their rules
    and wildcards.

    Arguments as of `Planning`.

    Raises:
        NoPlan: Snakemake cannot plan them; its own line says why.
    """
    with Planning(arguments, project, environment) as planning:
        jobs = planning.jobs()
        return planning.config(), jobs


def _reason(printed: str) -> str:
    """The line that says why there is no plan."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    own = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (
        own[0] if own else f"Snakemake cannot plan the run: {' '.join(lines[-4:]) or 'no reason'}"
    )


def _plan(arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Build the plan with Snakemake's API; gives the configuration, then the arguments of `Job`."""
    from snakemake.api import SnakemakeApi
    from snakemake.cli import parse_args, parse_config
    from snakemake.settings import types
    from snakemake.settings.enums import Quietness

    from toffee.provenance.paths import root_of
    from toffee.provenance.record import named

    # The Snakefile reads the command line, to name unknown targets in one line.
    sys.argv = ["snakemake", "--dry-run", *arguments]
    _, given = parse_args(sys.argv[1:])
    quiet, said = {Quietness.RULES, Quietness.PROGRESS}, False
    with SnakemakeApi(types.OutputSettings(dryrun=True, quiet=quiet)) as api:
        try:
            flow = api.workflow(
                types.ResourceSettings(
                    cores=given.cores or 1,
                    overwrite_threads=given.set_threads,
                    overwrite_resources=given.set_resources,
                    default_resources=given.default_resources,
                ),
                types.ConfigSettings(
                    config=parse_config(given.config), configfiles=given.configfile
                ),
                snakefile=given.snakefile,
            )
            settings = types.DAGSettings(
                targets=given.targets,
                forceall=given.forceall,
                forcerun=given.forcerun,
                force_incomplete=True,  # outputs of killed jobs are made again
                rerun_triggers=given.rerun_triggers,
            )
            dag = flow.dag(settings)  # which reads the Snakefile
            yield dict(flow._workflow.globals["config"])
            said = True
            # Without Snakemake's lock: another Snakemake may be running here.
            dag.execute_workflow(
                executor="dryrun", execution_settings=types.ExecutionSettings(lock=False)
            )
        except Exception as error:
            api.print_exception(error)
            # Where it is there, it was read, and what the Snakefile says after it is the trouble.
            if "CONFIG" in flow._workflow.globals and not said:
                yield dict(flow._workflow.globals["config"])
            raise SystemExit(1) from None
        workflow = flow._workflow  # Snakemake's API counts the jobs, but does not list them
        runs = set(workflow.dag.needrun_jobs())
        for job in _in_order(workflow.dag.jobs, workflow.rules):
            if job.output:
                yield {
                    "rule": job.rule.name,
                    "wildcards": dict(job.wildcards_dict),
                    "params": {name: _plain(value) for name, value in job.params.items()},
                    "input": named(job.input, root_of(str(job.log[0]))),
                    "output": named(job.output),
                    "log": str(job.log[0]),
                    "runs": job in runs,
                    "benchmark": str(job.benchmark or ""),
                    "threads": job.threads,
                }


def _in_order(jobs: Iterable[Any], rules: Iterable[Any]) -> list[Any]:
    """Jobs in the order of their rules and wildcards; Snakemake's own differs from run to run."""
    place = {rule.name: number for number, rule in enumerate(rules)}
    return sorted(jobs, key=lambda job: (place[job.rule.name], [*job.wildcards_dict.items()]))


def _plain(value: Any) -> Any:
    """A param without its name (see `toffee.launch.params`)."""
    return value[1] if type(value).__name__ == "Named" else value


if __name__ == "__main__":
    die_with_parent()
    # A plan is built of objects that stay: looking for garbage among them is a sixth of the time.
    with without_garbage_collection(), open(sys.argv[1], "w", encoding="utf-8") as out:
        for line in _plan(sys.argv[2:]):
            out.write(json.dumps(line) + "\n")
            out.flush()  # what is known of a run that cannot be planned
