"""SLURM's executor plugin for Snakemake, made to survive an outage of SLURM.

`snakemake-executor-plugin-slurm` 2.8.0 forgets its jobs when five status queries fail one after the
other, and Snakemake then waits for ever; and a submission that nobody answers counts as a failed
job. Here jobs that the plugin neither gives back nor reports are given back to it, a submission
waits for SLURM, and what becomes of a job is noted for the end of the run (see
`toffee.launch.failures`). A refusal (no such partition, no such account) fails at once.
"""

import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from itertools import chain
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_slurm import Executor
from snakemake_executor_plugin_slurm.job_status_query import (
    query_job_status,
    query_job_status_squeue,
)
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from toffee.launch import controller
from toffee.launch.failures import Death, forget, note
from toffee.launch.takeover import note_run
from toffee.provenance.digests import read_json
from toffee.provenance.paths import record_path, root_of
from toffee.runtime.errors import ToffeeError

PATIENCE = 15 * 60  # seconds that a submission waits for SLURM
PAUSE = 5  # seconds between two questions whether SLURM is back
GONE_AFTER = 60  # seconds that a job may be in no queue before it counts as forgotten
DONE_AFTER = 30  # seconds after an outage that a job may run on whose records say that it has ended


class PatientExecutor(Executor):
    """The plugin's executor, patient."""

    def __post_init__(self, test_mode: bool = False) -> None:
        self._settled: set[int] = set()  # jobs that the plugin has reported in this round
        self._numbers: set[str] = set()  # of the jobs whose submission was answered
        self._missing: dict[str, float] = {}  # job in no queue → since when
        self._doubtful: set[str] = set()  # jobs whose end SLURM may not have seen in an outage
        self._ended: dict[str, float] = {}  # those of them that have ended → since when
        self._stopping = threading.Event()
        self._trial = threading.local()
        self._silent_since: float | None = None
        super().__post_init__(test_mode)
        note_run(self.run_uuid)

    # -- submission, in the plugin's threads

    def run_job(self, job: Any) -> None:
        """Submit a job, and wait for SLURM where it is away."""
        end = time.monotonic() + PATIENCE
        refusal = self._try(lambda: Executor.run_job(self, job))
        while refusal is not None and not self._stopping.is_set():
            sbatch = refusal.partition("sbatch call:")[0]
            if not controller.is_away(sbatch):
                break
            self.logger.warning(
                f"SLURM does not answer: {_name(job)} waits to be submitted, for "
                f"{PATIENCE // 60} minutes at most"
            )
            back = False
            while not back and time.monotonic() < end:
                if self._stopping.wait(PAUSE):
                    return
                back = controller.answers()
            if not back:
                refusal = f"SLURM did not answer for {PATIENCE // 60} minutes. {refusal}"
                break
            if self._find_submitted(job):
                return
            refusal = self._try(lambda: Executor.run_job(self, job))
        if refusal is not None and not self._stopping.is_set():
            super()._report_job_error_threadsafe(SubmittedJobInfo(job), refusal)

    def _try(self, submit: Callable[[], None]) -> str | None:
        """Why a submission failed; None where it did not."""
        self._trial.refusal = None
        self._trial.runs = True
        try:
            submit()
        except Exception as error:  # the plugin's own handler fails for a group of jobs
            self._trial.refusal = str(error)
        finally:
            self._trial.runs = False
        return self._trial.refusal

    def _find_submitted(self, job: Any) -> bool:
        """Watch the job of a submission whose answer was lost; False where there is none."""
        task = self.get_job_args(job).partition(" --allowed-rules")[0]
        for number in controller.submitted(self.run_uuid):
            script = controller.batch_script(number)
            if number not in self._numbers and task and task in script:
                self.logger.info(f"{_name(job)} is SLURM job {number}: its answer was lost")
                log = Path(controller.output_of(number))
                aux = {"slurm_logfile": log}
                self._report_job_submission_threadsafe(SubmittedJobInfo(job, number, aux))
                return True
        return False

    def _report_job_error_threadsafe(self, job_info: SubmittedJobInfo, msg: str) -> None:
        if getattr(self._trial, "runs", False):
            self._trial.refusal = msg
        else:
            super()._report_job_error_threadsafe(job_info, msg)

    def _report_job_submission_threadsafe(self, job_info: SubmittedJobInfo) -> None:
        self._numbers.add(str(job_info.external_jobid))
        super()._report_job_submission_threadsafe(job_info)

    # -- watching, in Snakemake's thread for it

    def _wait_thread(self) -> None:
        """Watch from the first job on: Snakemake starts this thread before the executor is whole,
        and would wait for ever if an error ended the thread so early."""
        while self.wait and not self.active_jobs:
            time.sleep(0.05)
        super()._wait_thread()

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncIterator[SubmittedJobInfo]:
        """Look at all jobs; those that still run, and those that nothing is known of, are given."""
        self._settled.clear()
        waiting = [one async for one in super().check_active_jobs(active_jobs)]
        known = self._settled | {id(one) for one in waiting}
        self._say_whether_silent(bool(known) or not active_jobs, len(active_jobs))
        if known:
            await self._settle_forgotten(waiting)
            self._settle_ended(waiting)
        else:
            self._doubtful |= {str(one.external_jobid) for one in active_jobs}
        for one in active_jobs:
            if id(one) not in self._settled:
                yield one

    def _say_whether_silent(self, answered: bool, jobs: int) -> None:
        now = time.monotonic()
        if not answered and self._silent_since is None:
            self._silent_since = now
            self.logger.warning(
                f"SLURM does not answer: {jobs} submitted jobs are watched again when it does"
            )
        elif answered and self._silent_since is not None:
            self.logger.warning(f"SLURM answers again after {now - self._silent_since:.0f} s")
            self._silent_since = None

    async def _settle_forgotten(self, waiting: list[SubmittedJobInfo]) -> None:
        """Settle jobs that SLURM has forgotten (MinJobAge), as after a long outage: the plugin
        would wait for them for ever. Where accounts tell of jobs, they tell of these too."""
        if self.get_status_command() != "squeue" or self._submitted_job_clusters:
            return
        present, _ = await query_job_status(query_job_status_squeue(self.run_uuid), self.logger)
        if present is None:
            return
        now, absent = time.monotonic(), {}
        for one in waiting:
            number = str(one.external_jobid)
            if number not in present and number.partition("_")[0] not in present:
                absent[number] = self._missing.get(number, now)
                if now - absent[number] > GONE_AFTER and controller.is_unknown(number):
                    if all(_was_finished(job, number) for job in _jobs(one.job)):
                        self.report_job_success(one)
                    else:
                        self.report_job_error(one, msg=f"SLURM has forgotten job {number}. ")
        self._missing = absent

    def _settle_ended(self, waiting: list[SubmittedJobInfo]) -> None:
        """Settle jobs that ended while munge was away: of such an end srun is not told, and waits
        for it until the job's time is over."""
        now = time.monotonic()
        for one in waiting:
            number = str(one.external_jobid)
            if number not in self._doubtful or id(one) in self._settled:
                continue
            if not all(_was_finished(job, number) for job in _jobs(one.job)):
                continue
            if now - self._ended.setdefault(number, now) > DONE_AFTER:
                self.logger.warning(f"SLURM has not seen that job {number} ended: aborting it")
                controller.abort(number)
                self.report_job_success(one)

    # -- the end of a job, and of all

    def report_job_success(self, job_info: SubmittedJobInfo) -> None:
        """The job ended well."""
        self._settled.add(id(job_info))
        for job in _jobs(job_info.job):
            forget(_log(job))
        super().report_job_success(job_info)

    def report_job_error(self, job_info: SubmittedJobInfo, msg: Any = None, **others: Any) -> None:
        """The job failed: note why, for the end of the run."""
        self._settled.add(id(job_info))
        number = job_info.external_jobid
        fate = controller.fate_of(str(number)) if number else None
        line = fate.line if fate else str(msg).partition("\n    sbatch call:")[0]
        jobs = _jobs(job_info.job)
        undone = [job for job in jobs if not all(Path(path).exists() for path in job.output)]
        note(
            Death(
                log=_log((undone or jobs)[0]),
                logs=tuple(map(_log, jobs)),
                cause=" ".join(line.split()),
                attempts=job_info.job.attempt,
                began=fate.began if fate else float("inf"),
                slurm_log=str((job_info.aux or {}).get("slurm_logfile", "")),
            )
        )
        super().report_job_error(job_info, msg=msg, **others)

    def cancel(self) -> None:
        """Cancel all jobs; those that wait to be submitted are not."""
        self._stopping.set()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        super().cancel()

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Cancel jobs; where SLURM is away, say what runs on."""
        try:
            super().cancel_jobs(active_jobs)
        except WorkflowError as error:
            numbers = " ".join(str(one.external_jobid) for one in active_jobs)
            self.logger.error(
                f"{' '.join(str(error).split())}; these jobs may run on: {numbers}. The next start "
                "of Snakemake cancels them"
            )


def _jobs(job: Any) -> list[Any]:
    """The single jobs of a job or of a group, in the order in which they run."""
    return list(chain.from_iterable(job.toposorted)) if job.is_group() else [job]


def _name(job: Any) -> str:
    return " ".join([job.name, *(map(str, job.wildcards) if not job.is_group() else [])])


def _log(job: Any) -> str:
    """A job's log, which names it; its rule where it has none."""
    return str(next(iter(job.log), job.name))


def _was_finished(job: Any, number: str) -> bool:
    """Whether the records say that a job of SLURM has made this job's outputs."""
    output, log = next(iter(job.output), None), _log(job)
    if root_of(log) == log or output is None or not all(map(os.path.exists, job.output)):
        return False
    try:
        return read_json(record_path(root_of(log), output)).get("slurm_job_id") == number
    except (ToffeeError, OSError, ValueError):
        return False
