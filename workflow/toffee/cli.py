"""The command `toffee`: draw and edit, push an export, plan a run, audit or attest it, trace."""

import argparse
import itertools
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from toffee.runtime.arguments import Parser, whole
from toffee.runtime.environment import without_garbage_collection
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PROJECT
from toffee.runtime.signals import EXIT_STATUS, Interrupted, raise_on_sigterm
from toffee.runtime.text import printable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. Errors of the user are one line and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        if (other := _other_checkout()) is not None:
            print(f"note: {printable(other)}", file=sys.stderr)
        return options.run(options)
    except ToffeeError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 1
    except (Interrupted, KeyboardInterrupt):
        print("error: stopped, nothing of this command is kept", file=sys.stderr)
        return EXIT_STATUS


def _other_checkout() -> str | None:
    """What to say where the working directory is a checkout, and the code that runs is not its.

    So it is where a clone uses the environment of another one, in which `toffee` is installed.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Snakefile").is_file() and (folder / "workflow" / "toffee").is_dir():
            if folder.samefile(PROJECT):
                return None
            return (
                f"the code that runs is of {PROJECT}, not of this checkout, {folder} "
                f"(PYTHONPATH={folder / 'workflow'} takes its own)"
            )
    return None


def _say(line: object) -> None:
    """Print a line; a reader that has gone (`toffee audit … | head`) changes no exit code."""
    try:
        print(printable(line), flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _parser() -> argparse.ArgumentParser:
    from toffee.app.parser import add_app
    from toffee.audit.findings import TIERS
    from toffee.export.parser import add_export
    from toffee.use.parser import add_draw, add_edit

    parser = Parser(prog="toffee", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    add_draw(commands)
    add_edit(commands)
    add_app(commands)
    add_export(commands)
    plan = commands.add_parser(
        "plan",
        help="what a run will take: jobs, hours, bytes to download and to store",
        description="Nothing is run. Exit code 1 where a source is missing, or the disk or config "
        "`budget` is too small.",
    )
    plan.add_argument("targets", nargs="*", metavar="TARGET", help="Snakemake targets, after --")
    for name, value in (("--configfile", "FILE"), ("--config", "KEY=VALUE")):
        plan.add_argument(
            name, nargs="+", action="extend", default=[], metavar=value, help="as Snakemake's"
        )
    plan.add_argument("--profile", metavar="NAME", help="as Snakemake's")
    plan.add_argument(
        "--bench",
        type=Path,
        metavar="FILE",
        help="of make bench; default: the newest, of a GPU where the scale asks for one",
    )
    plan.add_argument("--json", action="store_true", help="as JSON, every rule")
    plan.set_defaults(run=_plan)

    audit = commands.add_parser(
        "audit",
        help="check the files of a results folder against the records of the jobs",
        description="Findings one a line: tier, file, what was expected, what was found. Exit code "
        "0: clean, 10: schema, 20: bytes, 30: graph, 40: replay (the worst found), 1: no audit.",
    )
    audit.add_argument("results", metavar="RESULTS", type=Path, help="e.g. results/tiny")
    audit.add_argument(
        "--tier",
        choices=TIERS,
        help="the last one to check; default: graph, or replay with --sample or --job",
    )
    audit.add_argument(
        "--sample",
        type=whole(0, 10**6),
        metavar="N",
        help="how many jobs to replay; default, with --tier replay: 3",
    )
    audit.add_argument("--seed", type=int, help="of the sample; by default nobody knows it before")
    audit.add_argument(
        "--job",
        action="append",
        default=[],
        help="replay this job instead, e.g. 'score_shard 00000' or a rule's name; may be repeated",
    )
    audit.add_argument(
        "--allow-network",
        action="store_true",
        help="replay downloads too; without it no replayed job reaches a network",
    )
    audit.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="public Ed25519 key (PEM) that has to have signed the folder's statement",
    )
    audit.set_defaults(run=_audit)

    attest = commands.add_parser(
        "attest",
        help="write one statement about all records of a results folder, to be signed",
        description="An in-toto statement with SLSA provenance about the root digest of all "
        "records; with a key, in a signed DSSE envelope. toffee audit --key checks it.",
    )
    attest.add_argument("results", metavar="RESULTS", type=Path, help="e.g. results/tiny")
    attest.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="private Ed25519 key (PEM): openssl genpkey -algorithm ed25519 -out FILE",
    )
    attest.add_argument(
        "--out", type=Path, metavar="FILE", help="default: attestation.json in the results folder"
    )
    attest.set_defaults(run=_attest)

    trace = commands.add_parser(
        "trace",
        help="what a file or a number comes from, down to the downloads",
        description="At most one screen: the number, its job, values, inputs and downloads.",
    )
    trace.add_argument(
        "what",
        nargs="+",
        metavar="FILE | TABLE METHOD METRIC",
        help="a file below the results folder, or a number of a table",
    )
    trace.add_argument("--results", type=Path, metavar="DIR", help="default: from FILE, or tiny")
    trace.add_argument("--all", action="store_true", help="the whole tree, every job and file")
    trace.add_argument("--json", action="store_true", help="as JSON, whole")
    trace.set_defaults(run=_trace)
    return parser


def _plan(options: argparse.Namespace) -> int:
    from toffee.plan.report import plan_run
    from toffee.plan.table import refusals, table

    project = Path.cwd()
    if not (project / "Snakefile").is_file():
        raise ToffeeError(f"{project}: no Snakefile, expected the folder of the workflow")
    for path in [*options.configfile, *([options.bench] if options.bench else [])]:
        if not Path(path).is_file():
            raise ToffeeError(f"{path}: no such file")
    arguments = [f"--profile={options.profile}"] if options.profile else []
    for name in ("configfile", "config"):
        given = getattr(options, name)
        arguments += [f"--{name}", *given] if given else []
    with raise_on_sigterm():  # so that Snakemake's process and its folder go too
        plan, config = plan_run([*arguments, "--", *options.targets], project, options.bench)
    notes = plan.findings.notes
    if options.json:
        print(json.dumps(plan.content(), indent=1))
    else:
        for line in [*(table(plan) if plan.rows or not plan.findings.faults else []), *notes]:
            _say(line)
    lines = [*plan.findings.faults, *refusals(plan, config)]
    for line in lines:
        print(f"error: {printable(line)}", file=sys.stderr)
    return 1 if lines else 0


def _audit(options: argparse.Namespace) -> int:
    from toffee.audit.findings import exit_code, verdict
    from toffee.audit.notes import Notes
    from toffee.audit.run import DEFAULT_SAMPLE, audit, chosen_tier

    given = options.tier, options.sample, options.job, options.seed, options.allow_network
    tier = chosen_tier(*given)
    notes = Notes()
    with without_garbage_collection():  # records and graphs are large and stay
        findings = audit(
            options.results,
            tier,
            DEFAULT_SAMPLE if options.sample is None else options.sample,
            options.job,
            options.seed,
            say=_say,
            network=options.allow_network,
            notes=notes,
            key=options.key,
        )
    for line in notes.lines:
        print(f"audit: {line}", file=sys.stderr)
    print(
        f"{printable(options.results)}: {verdict(findings)}, {len(findings)} findings",
        file=sys.stderr,
    )
    return exit_code(findings)


def _attest(options: argparse.Namespace) -> int:
    from toffee.provenance.attestation import FILE, attest
    from toffee.provenance.results import Results

    out = options.out or options.results / FILE
    digest = attest(Results(options.results), out, options.key)
    _say(f"{out}: {'signed' if options.key else 'not signed'}, root digest sha256:{digest}")
    return 0


def _trace(options: argparse.Namespace) -> int:
    from toffee.provenance.brief import cell_line, screen
    from toffee.provenance.results import Results
    from toffee.provenance.trace import cell, table_path, trace, tree_lines

    if len(options.what) not in (1, 3):
        raise ToffeeError("expected a file, or a table, a method and a metric")
    results = Results(options.results or _results_of(options.what[0]))
    found = {}
    if len(options.what) == 3:
        table, method, metric = options.what
        found["cell"] = cell(results, table, method, metric)
        tree = trace(results, table_path(results, table))
    else:
        tree = trace(results, options.what[0])
    if options.json:
        print(json.dumps(found | {"chain": tree}, indent=1))
        return 0
    cells = found.get("cell", [])
    lines: Iterable[str]
    if options.all:
        lines = itertools.chain(map(cell_line, cells), tree_lines(tree))
    else:
        lines = screen(tree, cells, shutil.get_terminal_size((100, 24)).columns)
    for line in lines:
        _say(line)
    return 0


def _results_of(file: str) -> Path:
    """The results folder that a file lies in, or is: the nearest one above it with records."""
    from toffee.provenance.paths import RECORDS

    path = Path(file).resolve()
    for folder in (path, *path.parents):
        if (folder / RECORDS).is_dir():
            return folder
    return Path("results", "tiny")


if __name__ == "__main__":
    sys.exit(main())
