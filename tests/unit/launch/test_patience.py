"""The executor for SLURM while SLURM is away, with commands that only say what SLURM's would."""

import asyncio
import json
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_slurm import Executor, ExecutorSettings
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from toffee.launch import controller, failures, patience
from toffee.launch.patience import PatientExecutor

AWAY = "error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
COMMANDS = {
    "sbatch": '[ -f refusal ] && cat refusal >&2 && refused=1; echo x >> sbatch.calls; '
    '[ "$refused" ] && exit 1; echo 7',
    "scontrol": 'case "$*" in ping) [ -f away ] && echo is DOWN && exit 1; echo is UP;; '
    '*config*) echo "MinJobAge = 300 sec";; *batch_script*) cat script;; '
    '*) [ -f known ] && cat known && exit 0; echo Invalid job id specified >&2; exit 1;; esac',
    "squeue": '[ -f away ] && exit 1; case "$*" in *%A*) cat numbers 2>/dev/null;; '
    "*) cat states 2>/dev/null;; esac; true",
    "sinfo": "echo 'part*'",
    "sacct": "exit 1",
}  # fmt: skip


SECONDS = 120  # until a test gives up: a machine that does other work too is slow


def wait_for_sbatch() -> None:
    """Wait until the first call of sbatch has been refused."""
    end = time.monotonic() + SECONDS
    while not Path("sbatch.calls").exists():
        assert time.monotonic() < end
        time.sleep(0.02)


class Said(list):
    """A logger, and what it was told."""

    def __getattr__(self, name):
        return lambda text, **_: self.append((name, str(text)))


class Task(SimpleNamespace):
    """A job of Snakemake."""

    name, wildcards, attempt, jobid, threads = "draw", ["1"], 1, 3, 1
    rule = SimpleNamespace(name="draw")
    resources: dict = {}
    log, output = ["results/x/logs/draw/1.log"], ["results/x/draw/1.h5"]

    def is_group(self):
        return False

    def register(self, external_jobid):
        self.number = external_jobid

    def log_error(self, *_, **__):
        pass


class Group(Task):
    """Jobs in one submission."""

    rule = property()  # as the plugin finds: a group has none

    def is_group(self):
        return True

    @property
    def toposorted(self):
        return [[Task()], [Task(log=["results/x/logs/score/1.log"])]]


class Scheduler:
    """What the executor told of its jobs."""

    def __init__(self):
        self.ended = []

    def submit_callback(self, job):
        self.ended.append("submitted")

    def finish_callback(self, job):
        self.ended.append("well")

    def error_callback(self, job):
        self.ended.append("failed")


@pytest.fixture
def workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    for name, code in COMMANDS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(patience, "PAUSE", 0.02)
    monkeypatch.setattr(failures, "_deaths", {})
    settings = ExecutorSettings(status_command="squeue", delete_logfiles_older_than=0)
    remote = SimpleNamespace(
        max_status_checks_per_second=1000,
        jobname="{jobid}",
        jobscript=None,
        immediate_submit=False,
        seconds_between_status_checks=1,
    )
    late = SimpleNamespace(init_seconds_before_status_checks=10**6)
    return SimpleNamespace(
        dag=None, scheduler=Scheduler(), executor_settings=settings, main_snakefile="Snakefile",
        remote_execution_settings=remote, workdir_init=str(tmp_path),
        storage_settings=SimpleNamespace(shared_fs_usage=[]),
        executor_plugin=SimpleNamespace(common_settings=late),
    )  # fmt: skip


@pytest.fixture
def executor(workflow, monkeypatch):
    made = PatientExecutor(workflow, Said())
    monkeypatch.setattr(made, "format_job_exec", lambda job: "run --target-jobs draw:1")
    monkeypatch.setattr(
        made, "get_job_args", lambda job: "--target-jobs draw:1 --allowed-rules draw"
    )
    return made


def info(number, **others):
    return SubmittedJobInfo(Task(**others), number, {"slurm_logfile": Path(f"{number}.log")})


def watched(executor, *infos):
    async def look():
        return [one async for one in executor.check_active_jobs(list(infos))]

    return asyncio.run(look())


def test_the_plugin_itself_forgets_its_jobs_in_an_outage(executor):
    """When this fails, a newer plugin is installed that needs no help: see docs/cluster.md."""
    Path("away").touch()

    async def look():
        return [one async for one in Executor.check_active_jobs(executor, [info("7")])]

    assert asyncio.run(look()) == []
    assert executor.workflow.scheduler.ended == []


def test_jobs_are_given_back_as_long_as_no_query_is_answered(executor):
    one, two = info("7"), info("8")
    Path("away").touch()
    for _ in range(2):
        assert watched(executor, one, two) == [one, two]
    Path("away").unlink()
    Path("states").write_text("7|RUNNING\n8|FAILED\n")
    assert watched(executor, one, two) == [one]
    assert executor.workflow.scheduler.ended == ["failed"]
    said = [text for level, text in executor.logger if level == "warning"]
    assert "SLURM does not answer: 2 submitted jobs are watched again when it does" in said
    assert sum("answers again after" in text for text in said) == 1


def test_watching_begins_when_the_executor_is_whole(workflow):
    """Snakemake starts the thread first; it died here, and Snakemake waited for ever."""

    class Slow(PatientExecutor):
        # Of the plugin it is 40 s and more, which `shutdown` waits for.
        next_seconds_between_status_checks = property(lambda self: 0.1, lambda self, value: None)

        def __post_init__(self, test_mode=False):
            time.sleep(0.3)  # as on a loaded machine
            super().__post_init__(test_mode)

    workflow.executor_plugin.common_settings.init_seconds_before_status_checks = 0
    Path(".snakemake").mkdir()
    made = Slow(workflow, Said())
    made.report_job_submission(info("7"))
    Path("states").write_text("7|COMPLETED\n")
    time.sleep(1)
    assert made.wait_thread.is_alive()
    made.shutdown()
    assert not made.wait_thread.is_alive()
    assert made.workflow.scheduler.ended == ["submitted", "well"]


def record(number):
    for path in ("results/x/records/draw/1.h5.json", "results/x/draw/1.h5"):
        Path(path).parent.mkdir(parents=True)
        Path(path).write_text(json.dumps({"slurm_job_id": number}))


@pytest.mark.parametrize(("recorded", "end"), [("7", "well"), ("6", "failed"), (None, "failed")])
def test_a_job_that_slurm_has_forgotten_ends_as_its_record_says(
    executor, monkeypatch, recorded, end
):
    monkeypatch.setattr(patience, "GONE_AFTER", -1)
    if recorded:
        record(recorded)
    Path("states").write_text("5|RUNNING\n")
    one = info("7")
    Path("known").write_text("JobId=7 JobState=RUNNING")  # not forgotten
    assert watched(executor, one) == [one]
    Path("known").unlink()
    assert watched(executor, one) == []
    assert executor.workflow.scheduler.ended == [end]


def test_a_job_that_ended_in_an_outage_unseen_is_settled(executor, monkeypatch):
    """Its srun waits until the job's time is over."""
    monkeypatch.setattr(patience, "DONE_AFTER", -1)
    Path("bin/scancel").write_text('#!/bin/sh\necho "$@" > cancelled\n')
    Path("bin/scancel").chmod(0o755)
    Path("states").write_text("7|RUNNING\n8|RUNNING\n")
    record("7")
    one, two = info("7"), info("8")
    assert watched(executor, one, two) == [one, two]  # it may be about to end
    Path("away").touch()
    watched(executor, one, two)
    Path("away").unlink()
    assert watched(executor, one, two) == [two]
    assert executor.workflow.scheduler.ended == ["well"]
    assert Path("cancelled").read_text() == "--signal=ABRT --full 7\n"


def test_a_submission_waits_for_slurm(executor):
    Path("away").touch()
    Path("refusal").write_text(AWAY)
    thread = threading.Thread(target=executor.run_job, args=[Task()])
    thread.start()
    wait_for_sbatch()
    assert thread.is_alive() and executor.workflow.scheduler.ended == []
    Path("refusal").unlink()
    Path("away").unlink()
    thread.join(SECONDS)
    assert executor.workflow.scheduler.ended == ["submitted"]
    assert Path("sbatch.calls").read_text() == "x\nx\n"
    said = [text for level, text in executor.logger if level == "warning"]
    assert "SLURM does not answer: draw 1 waits to be submitted, for 15 minutes at most" in said


def test_a_submission_waits_no_longer_than_that(executor, monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE", 0.1)
    Path("away").touch()
    Path("refusal").write_text(AWAY)
    executor.run_job(Task())
    assert executor.workflow.scheduler.ended == ["failed"]
    assert "SLURM did not answer" in failures.deaths()[0].cause


@pytest.mark.parametrize("job", [Task(), Group()])
@pytest.mark.parametrize(
    "line",
    [
        "sbatch: error: Batch job submission failed: Invalid partition name specified",
        "sbatch: error: Batch job submission failed: Invalid account or account/partition",
    ],
)
def test_a_refusal_fails_at_once_with_the_line_of_sbatch(executor, line, job):
    Path("refusal").write_text(line)
    executor.run_job(job)
    assert executor.workflow.scheduler.ended == ["failed"]
    assert Path("sbatch.calls").read_text() == "x\n"
    assert line in failures.deaths()[0].cause


def test_what_fails_inside_the_plugin_fails_the_job(executor, monkeypatch):
    """Its handler of errors asks a group for its rule, and the group would be lost."""
    monkeypatch.setattr(executor, "get_partition_arg", lambda job: 1 / 0)
    executor.run_job(Group())
    assert executor.workflow.scheduler.ended == ["failed"]


@pytest.mark.parametrize(("script", "calls"), [("draw:1", 1), ("draw:2", 2)])
def test_a_job_whose_submission_was_answered_into_the_void_is_not_submitted_twice(
    executor, script, calls
):
    Path("away").touch()
    Path("refusal").write_text("sbatch: error: Socket timed out on send/recv operation")
    Path("numbers").write_text("6\n")
    Path("script").write_text(f"#!/bin/sh\npython -m snakemake --target-jobs {script} --cores 1\n")
    task = Task()
    thread = threading.Thread(target=executor.run_job, args=[task])
    thread.start()
    wait_for_sbatch()
    Path("refusal").unlink()
    Path("away").unlink()
    thread.join(SECONDS)
    assert executor.workflow.scheduler.ended == ["submitted"]
    assert Path("sbatch.calls").read_text() == "x\n" * calls
    assert task.number == ("6" if calls == 1 else "7")


def test_cancelling_ends_the_wait(executor, monkeypatch):
    Path("away").touch()
    Path("refusal").write_text(AWAY)
    monkeypatch.setattr(executor, "shutdown", lambda: None)
    executor._job_submission_executor.submit(executor.run_job, Task())
    wait_for_sbatch()
    executor.cancel()
    assert executor.workflow.scheduler.ended == []


def test_jobs_that_cannot_be_cancelled_are_one_line(executor):
    Path("bin/scancel").write_text("#!/bin/sh\necho error: no answer >&2; exit 1\n")
    Path("bin/scancel").chmod(0o755)
    executor.cancel_jobs([info("7")])
    (line,) = [text for level, text in executor.logger if level == "error"]
    assert "no answer" in line and "may run on: 7." in line and "\n" not in line


def test_the_end_of_a_run_says_why_a_job_died_before_its_script_began(executor):
    Path("known").write_text(
        "JobId=7 JobState=TIMEOUT Reason=TimeLimit ExitCode=0:15 RunTime=00:01:05 "
        "TimeLimit=00:01:00 StartTime=2026-11-29T08:00:00 NodeList=node3 MinMemoryNode=2000M"
    )
    Path("states").write_text("7|TIMEOUT\n")
    Path("7.log").write_text("importing torch\nslurmstepd: error: CANCELLED DUE TO TIME LIMIT\n")
    assert watched(executor, info("7", attempt=3)) == []
    found = failures.with_causes(failures.failures("results/x", 0), failures.deaths())
    assert failures.format_failures(found) == (
        "1 job failed:\n"
        "  draw 1, 3 attempts (results/x/logs/draw/1.log)\n"
        "    SLURM job 7 on node3: TIMEOUT after 00:01:05, reason TimeLimit, time limit 00:01:00, "
        "memory 2000M, killed by signal 15\n"
        "    importing torch\n"
        "    slurmstepd: error: CANCELLED DUE TO TIME LIMIT\n"
    )


def test_a_later_attempt_that_succeeds_is_no_failure(executor):
    Path("states").write_text("7|NODE_FAIL\n8|COMPLETED\n")
    watched(executor, info("7"))
    assert len(failures.deaths()) == 1
    watched(executor, info("8"))
    assert failures.deaths() == []


@pytest.mark.parametrize(
    ("printed", "away"),
    [
        ("sbatch: error: Batch job submission failed: Protocol authentication error", True),
        ("sbatch: error: Munge encode failed: Failed to access /run/munge", True),
        ("error: Batch job submission failed: Socket timed out on send/recv operation", True),
        ("sbatch: error: Slurm backup controller in standby mode", True),
        ("error: Batch job submission failed: Invalid qos specification", False),
        ("error: QOSMaxSubmitJobPerUserLimit", False),
        ("sbatch: error: Memory specification can not be satisfied", False),
    ],
)
def test_an_outage_is_told_from_a_refusal(monkeypatch, printed, away):
    monkeypatch.setattr(controller, "answers", lambda: True)
    assert controller.is_away(printed) is away
