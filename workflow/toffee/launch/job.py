"""What surrounds the call of a rule's function: log, threads, record, one-line errors."""

import faulthandler
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from toffee.launch.call import FUNCTION, arguments_of, load
from toffee.launch.params import grouped
from toffee.provenance.record import recorded
from toffee.runtime.compute import Compute, computing
from toffee.runtime.environment import keep_journals, quieten_libraries, use_threads
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import is_disk_full
from toffee.runtime.processes import use_resources
from toffee.runtime.signals import EXIT_STATUS, Interrupted, last_signal, raise_on_sigterm

DONE = re.compile(r"(.*): done in ([\d.]+) s(?:, record ([0-9a-f]{16}))?")
"""`done_line`: the job, its seconds, and where it has a record the start of its digest."""


def done_line(job: str, seconds: float, record: str | None) -> str:
    """The last line of a job's log. It names the record, so that who edits the record has to edit
    the log too.

    Args:
        job: the rule and its wildcards.
        seconds: wall time of its function.
        record: digest of its record.
    """
    return f"{job}: done in {seconds:.1f} s" + (f", record {record[:16]}" if record else "")


class Tee:
    """A text stream that writes to a terminal's stream and to a log file.

    It is a terminal where the stream is one, so that progress bars look right; a bar's redraws
    (text with a carriage return) stay out of the log.
    """

    def __init__(self, stream: TextIO, log: TextIO) -> None:
        self.stream, self.log = stream, log

    def write(self, text: str) -> int:
        self.stream.write(text)
        if "\r" not in text:
            self.log.write(text)
            self.log.flush()
        return len(text)

    def flush(self) -> None:
        self.stream.flush()
        self.log.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def run_job(snakemake: Any) -> None:
    """Call the function of a rule with what the rule gives it (see `toffee.launch.call`).

    Args:
        snakemake: the object that Snakemake hands to scripts.
    """
    with job(snakemake):
        function = load(snakemake.params[FUNCTION])
        function(**arguments_of(function, snakemake))


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run a rule's script: standard streams also go to the rule's log, torch takes its threads,
    models compute as the params say (see `runtime.compute`), and a record of what was read, written
    and spent stands beside the outputs at the end.

    A `ToffeeError`, or a full disk anywhere, becomes one line in the log and on standard error and
    exit status 1; SIGTERM and Ctrl-C (see `runtime.signals`) one line and status 143. Any other
    error is a bug and keeps its traceback, unless an input that is damaged or changed explains it.

    Args:
        snakemake: the object that Snakemake hands to scripts (`rule`, `wildcards`, `threads`,
            `resources`, `log`, and what a record takes).
    """
    name = " ".join([snakemake.rule, *(str(value) for value in snakemake.wildcards)])
    use_threads(snakemake.threads)
    keep_journals(bool(snakemake.resources.get("submission")))
    quieten_libraries()
    log_path = Path(str(snakemake.log[0]))
    log_path.parent.mkdir(parents=True, exist_ok=True)
    streams = sys.stdout, sys.stderr
    with open(log_path, "w", encoding="utf-8") as log:
        sys.stdout, sys.stderr = Tee(streams[0], log), Tee(streams[1], log)
        start = time.monotonic()
        others = faulthandler.is_enabled()
        faulthandler.enable(log, all_threads=False)  # see `toffee.launch.failures.FATAL`
        try:
            resources = use_resources(snakemake.resources, snakemake.threads)
            settings = Compute.of(grouped(dict(snakemake.params.items())).get("compute", {}))
            recording = recorded(snakemake)
            with raise_on_sigterm(), resources, recording as recorder, computing(settings):
                yield
            seal = recorder.sha256 if recorder else None
            print(done_line(name, time.monotonic() - start, seal), file=sys.stderr)
        except ToffeeError as error:
            fail(f"{name}: {error}")
        except Interrupted as error:
            fail(f"{name}: stopped by {last_signal()}; {error}", EXIT_STATUS)
        except Exception as error:
            if not is_disk_full(error):
                import traceback

                traceback.print_exc(file=log)
                raise
            fail(f"{name}: disk full while writing {getattr(error, 'filename', None) or 'output'}")
        finally:
            faulthandler.disable()
            if others and sys.__stderr__:
                faulthandler.enable(sys.__stderr__)
            sys.stdout, sys.stderr = streams


def fail(line: str, status: int = 1) -> None:
    """Print one line on standard error and leave with this status."""
    print(f"error: {line}", file=sys.stderr)
    sys.exit(status)
