"""The jobs of a run as Snakemake plans them, with the values that each would be given.

`planned_jobs` starts a process of its own, because Snakemake keeps state in the process that plans:
`python -m toffee.launch.dag OUT ARGUMENTS…` writes the configuration and the jobs as JSON lines.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toffee.launch.nobody import name_and_home
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PACKAGE

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


def planned_jobs(
    arguments: Sequence[str], project: Path, environment: Mapping[str, str] = os.environ
) -> tuple[dict[str, Any], list[Job]]:
    """The configuration of a command line of Snakemake and its jobs, in the order of their rules.

    Args:
        arguments: options and targets, as after `snakemake`.
        project: the folder of the Snakefile, in which Snakemake runs.
        environment: the environment variables of Snakemake's process.

    Raises:
        NoPlan: Snakemake cannot plan them; its own line says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "jobs")
        path = [str(PACKAGE.parent), *filter(None, [environment.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, "-m", "toffee.launch.dag", str(out), *arguments],
            cwd=project,
            env={
                **environment,
                **name_and_home(environment, folder),
                "PYTHONPATH": os.pathsep.join(path),
                FOR_A_PROGRAM: "1",
            },
            capture_output=True,
            text=True,
        )
        lines = out.read_text("utf-8").splitlines() if out.is_file() else []
        if done.returncode or not lines:
            values = json.loads(lines[0]) if lines else None
            raise NoPlan(_reason(done.stdout + done.stderr), values)
        config, *jobs = map(json.loads, lines)
    return config, [Job(**job) for job in jobs]


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
    quiet = {Quietness.RULES, Quietness.PROGRESS}
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
            # Without Snakemake's lock: another Snakemake may be running here.
            flow.dag(settings).execute_workflow(
                executor="dryrun", execution_settings=types.ExecutionSettings(lock=False)
            )
        except Exception as error:
            api.print_exception(error)
            if "CONFIG" in flow._workflow.globals:  # the rules are read, their jobs are the trouble
                yield dict(flow._workflow.globals["config"])
            raise SystemExit(1) from None
        workflow = flow._workflow  # Snakemake's API counts the jobs, but does not list them
        yield dict(workflow.globals["config"])
        runs = set(workflow.dag.needrun_jobs())
        place = {rule.name: number for number, rule in enumerate(workflow.rules)}
        for job in sorted(workflow.dag.jobs, key=lambda job: place[job.rule.name]):
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


def _plain(value: Any) -> Any:
    """A param without its name (see `toffee.launch.params`)."""
    return value[1] if type(value).__name__ == "Named" else value


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        for line in _plan(sys.argv[2:]):
            out.write(json.dumps(line) + "\n")
            out.flush()  # what is known of a run that cannot be planned
