"""What SLURM says of itself and of its jobs, by its own commands."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime

TIMEOUT = 60  # seconds for an answer
OUTAGE = re.compile(
    r"unable to contact slurm|socket timed out|connection (refused|reset|timed out)|zero bytes were"
    r"|munge (encode|decode) failed|protocol authentication|in standby mode|slurmctld.* busy"
    r"|communication (connection|shutdown) failure|insufficient bytes",
    re.I,
)
"""What SLURM's commands print where the controller or munge is away; a refusal reads otherwise."""


@dataclass(frozen=True)
class Fate:
    """What became of a job of SLURM.

    Attributes:
        state: SLURM's word, as TIMEOUT; "" where SLURM knows nothing of it.
        line: state, reason, node and times in one line.
        began: when it began, in seconds since 1970; infinite where it did not.
    """

    state: str
    line: str
    began: float


def answers() -> bool:
    """Whether the controller answers, or one of those that stand by for it."""
    done = _run("scontrol", "ping")
    return done is not None and bool(re.search(r"\bis UP\b", done.stdout))


def is_away(message: str) -> bool:
    """Whether a command failed because SLURM is away, and not because it refused something.

    Args:
        message: what the command printed.
    """
    return bool(OUTAGE.search(message)) or not answers()


def is_unknown(number: str) -> bool:
    """Whether SLURM says that it has no such job; False also where it says nothing."""
    done = _run("scontrol", "--oneliner", "show", "job", number)
    return done is not None and done.returncode != 0 and "Invalid job id" in done.stderr


def fate_of(number: str) -> Fate:
    """What became of a job, from the controller, or from the accounts where it has forgotten it."""
    words = _from_controller(number) or _from_accounts(number)
    if not words:
        return Fate("", f"SLURM job {number}: SLURM does not say why", float("inf"))
    state = words["JobState"]
    # A job that was never started has no node.
    node = words.get("NodeList", "").replace("(null)", "") or "no node"
    parts = [f"SLURM job {number} on {node}: {state} after {words.get('RunTime', '?')}"]
    reason = words.get("Reason", "None")
    if reason not in ("None", "NonZeroExitCode", "", state):
        parts.append(f"reason {reason}")
    if "TimeLimit" in words:
        parts.append(f"time limit {words['TimeLimit']}")
    if "MinMemoryNode" in words:
        parts.append(f"memory {words['MinMemoryNode']}")
    parts.append(_exit(words.get("ExitCode", "")))
    return Fate(state, ", ".join(filter(None, parts)), _moment(words.get("StartTime", "")))


def submitted(name: str) -> list[str]:
    """Numbers of the jobs of this user that have a name and wait or run."""
    done = _run("squeue", "--me", "--noheader", "--format=%A", f"--name={name}")
    return done.stdout.split() if done is not None and done.returncode == 0 else []


def abort(number: str) -> None:
    """End a job with all its processes at once, so that none of them removes what it has made.

    Not by SIGKILL: before that SLURM sends SIGTERM, on which Snakemake cleans up.
    """
    _run("scancel", "--signal=ABRT", "--full", number)


def output_of(number: str) -> str:
    """Path of the file that a job's output goes to; "" where SLURM does not say."""
    return _from_controller(number).get("StdOut", "")


def batch_script(number: str) -> str:
    """The script that a job runs; "" where SLURM does not give it."""
    done = _run("scontrol", "write", "batch_script", number, "-")
    return done.stdout if done is not None and done.returncode == 0 else ""


def _from_controller(number: str) -> dict[str, str]:
    done = _run("scontrol", "--oneliner", "show", "job", number)
    if done is None or done.returncode:
        return {}
    words = (word.split("=", 1) for word in done.stdout.split() if "=" in word)
    found: dict[str, str] = {}
    for key, value in words:
        found.setdefault(key, value)
    return found if "JobState" in found else {}


def _from_accounts(number: str) -> dict[str, str]:
    if not shutil.which("sacct"):
        return {}
    names = {"State": "JobState", "ExitCode": "ExitCode", "NodeList": "NodeList"}
    names |= {"Elapsed": "RunTime", "Timelimit": "TimeLimit", "Start": "StartTime"}
    names |= {"ReqMem": "MinMemoryNode", "Reason": "Reason"}
    form = f"--format={','.join(names)}"
    done = _run("sacct", "--parsable2", "--noheader", "--allocations", form, "--jobs", number)
    if done is None or done.returncode or not done.stdout.strip():
        return {}
    values = done.stdout.splitlines()[0].split("|")
    return dict(zip(names.values(), values, strict=False))


def _exit(code: str) -> str:
    """SLURM's exit code STATUS:SIGNAL in words."""
    status, _, number = code.partition(":")
    if number.strip("0"):
        return f"killed by signal {number}"
    return f"exit status {status}" if status.strip("0") else ""


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return float("inf")


def _run(*command: str) -> subprocess.CompletedProcess[str] | None:
    """A command's result; None where there is no such command or no answer."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return None
