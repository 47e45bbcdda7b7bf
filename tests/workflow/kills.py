"""Random SIGKILLs at a run of Snakemake: at itself and at its jobs, trainings among them."""

import hashlib
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from .conftest import Project

AGAIN = ("--rerun-incomplete", "--keep-going", "--quiet", "rules")
"""As the profiles have it: what a killed run left unfinished is made again."""
EVERY = 4  # one kill of so many hits Snakemake


def kill_at_random(
    project: Project, arguments: list[str], kills: int, seed: int, pause: tuple[float, float]
) -> Counter[str]:
    """Run Snakemake again and again, and kill one of its processes after random pauses.

    Args:
        project: what runs; Snakemake and jobs are forks of its server.
        arguments: Snakemake's.
        kills: how many.
        seed: of the pauses and of the choice.
        pause: least and most seconds between two kills.

    Returns:
        How many hit Snakemake and how many hit each rule's job: fewer in all where the run ended
        before the last.
    """
    chance, hit = random.Random(seed), Counter[str]()
    status = 1
    while status and hit.total() < kills:
        done: list[int] = []
        run = threading.Thread(
            target=lambda ended: ended.append(
                project.run(*arguments, *AGAIN, check=False).returncode
            ),
            args=[done],
        )
        run.start()
        while run.is_alive() and hit.total() < kills:
            time.sleep(chance.uniform(*pause))
            jobs = bool((hit.total() + 1) % EVERY)
            with suppress(psutil.NoSuchProcess, IndexError):  # IndexError: no job runs now
                victim = chance.choice(running(project, jobs))
                name = rule_of(victim) if jobs else "snakemake"
                victim.kill()
                hit[name] += 1
        run.join()
        (status,) = done
    return hit


def running(project: Project, jobs: bool) -> list[psutil.Process]:
    """The project's jobs that run now, or its Snakemake; the server has other tests' forks too."""
    return [
        psutil.Process(number)
        for number, task in project.server.running().items()
        if task["cwd"] == str(project.folder) and (task["arguments"][0] != "-m") == jobs
    ]


def rule_of(job: psutil.Process) -> str:
    """The rule of a job, by the log that it writes; "a job" where it has not begun one."""
    logs = [one.path for one in job.open_files() if "/logs/" in one.path]
    return Path(logs[0].partition("/logs/")[2]).parts[0].removesuffix(".log") if logs else "a job"


def digests(results: Path) -> dict[str, str]:
    """SHA-256 of what the paper needs, by path: data, models, scores, tables, figures; measured
    times are left out."""
    timed = ("ledger.csv", "ledger.md", ".snakemake_timestamp")
    files = [
        path
        for name in ("world", "dataset", "models", "evaluation", "figures", "tables")
        for path in (results / name).rglob("*")
        if path.is_file() and path.name not in timed and path.parent.name != "seconds"
    ]
    return {
        path.relative_to(results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
