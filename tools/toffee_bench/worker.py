"""A process that makes pairs when it is told to: `python -m toffee_bench.worker`, one shard a core.

`Worker` starts and drives it. Tasks and results are JSON files; the lines on standard input and
output only name them, so that all processes of a turn begin at once.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from toffee.config.sections import Config
from toffee.runtime.compute import Compute, computing
from toffee.runtime.device import device
from toffee.runtime.environment import MEMORY, quieten_libraries
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.runtime.project import PACKAGE
from toffee_bench import chain, loop
from toffee_bench.setting import Setting, clear

COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TUNING = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "MALLOC_")


def environment(threads: int | None) -> dict[str, str]:
    """This process's environment without what tunes threads and memory.

    Args:
        threads: of torch and the libraries below it; None leaves them what they take by default,
            all of the machine.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(TUNING)}
    path = os.pathsep.join([str(PACKAGE.parent), *filter(None, [kept.get("PYTHONPATH")])])
    counts = {} if threads is None else dict.fromkeys(COUNTS, str(threads))
    # The Snakefile gives its jobs the same memory; the loop gets it too.
    return kept | {"PYTHONPATH": path} | MEMORY | counts


class Worker:
    """A process with a clean environment that makes one task after the other.

    Args:
        folder: scratch of this worker.
        setting: what it works on.
        threads: see `environment`.
    """

    def __init__(self, folder: Path, setting: Setting, threads: int | None) -> None:
        folder.mkdir(parents=True)
        self.folder, self.setting, self.log = folder, setting, folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "toffee_bench.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(threads),
                text=True,
            )
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    @property
    def out(self) -> Path:
        """Where the last task's pictures are."""
        return self.folder / "out"

    def begin(self, way: str, plan: Path, settings: Compute, limit: float | None = None) -> None:
        """Let it make the pairs of a plan, way `chain` or `loop`, in an empty folder.

        limit: seconds after which a loop begins no further pair.
        """
        clear(self.out)
        task = {
            "way": way,
            "plan": str(plan),
            "out": str(self.out),
            "compute": vars(settings),
            "limit": limit,
            "config": self.setting.config.model_dump(exclude_unset=True),
            "models": str(self.setting.models),
            "folder": str(self.setting.folder),
        }
        path = self.folder / "task.json"
        write_text(path, json.dumps(task))
        try:
            self.stdin.write(f"{path}\n")
            self.stdin.flush()
        except OSError:
            raise self._lost() from None

    def result(self) -> dict[str, Any]:
        """Wait for the end of the task.

        Returns:
            `start` and `end`, seconds of the machine's monotonic clock; `threads` of torch;
            `stages`, a chain's seconds by rule; `pairs`, how many a loop made.

        Raises:
            ToffeeError: the process ended.
        """
        path = self.stdout.readline().strip()
        if not path:
            raise self._lost()
        return json.loads(Path(path).read_text(encoding="utf-8"))

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.stdout.close()
        with suppress(BrokenPipeError):  # of a task that it did not live to read
            self.stdin.close()

    def _lost(self) -> ToffeeError:
        status = self.process.wait()
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return ToffeeError(f"bench: a process ended with status {status}: {(said or ['-'])[-1]}")


def together(
    workers: Sequence[Worker],
    way: str,
    plans: Sequence[Path],
    settings: Compute,
    limit: float | None = None,
) -> tuple[float, list[dict[str, Any]]]:
    """Make a plan in each worker, all at once; seconds from the first start to the last end."""
    for worker, plan in zip(workers, plans, strict=True):
        worker.begin(way, plan, settings, limit)
    results = [worker.result() for worker in workers]
    seconds = max(result["end"] for result in results) - min(result["start"] for result in results)
    return seconds, results


def make(task: Mapping[str, Any]) -> dict[str, Any]:
    """Do a task (see `Worker.begin`); its result (see `Worker.result`).

    A chain's time has the loading of its models in it, a loop's has not.
    """
    config = Config.model_validate(task["config"])
    setting = Setting(config, Path(task["models"]), Path(task["folder"]))
    plan, out, stages = Path(task["plan"]), Path(task["out"]), {}
    pairs = None
    start = time.monotonic()
    if task["way"] == "chain":
        with computing(Compute(**task["compute"])):
            stages = chain.run(setting, plan, out)
        end = time.monotonic()
    else:
        limit = float("inf") if task["limit"] is None else task["limit"]
        pairs, seconds = loop.run(setting, plan, out, limit)
        end = time.monotonic()
        start = end - seconds
    if device().type == "cuda":
        torch.cuda.empty_cache()  # the others' turn
    return {
        "start": start,
        "end": end,
        "threads": torch.get_num_threads(),
        "stages": stages,
        "pairs": pairs,
    }


def main() -> None:
    """Make the tasks whose files standard input names, until it ends."""
    # What libraries print must not come between the names of results.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    quieten_libraries()
    for line in sys.stdin:
        path = Path(line.strip())
        result = path.with_name("result.json")
        write_text(result, json.dumps(make(json.loads(path.read_text(encoding="utf-8")))))
        print(result, file=answers, flush=True)


if __name__ == "__main__":
    main()
