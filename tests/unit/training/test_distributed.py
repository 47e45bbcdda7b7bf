"""Trainings in several processes: the same numbers, whatever happens on the way."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from closeness import close, learned_alike
from safetensors.torch import load_file

from toffee.config.settings import Training
from toffee.method.refiner import pretrain_refiner
from toffee.models.unet import load_unet
from toffee.runtime import processes
from toffee.runtime.errors import ToffeeError
from toffee.runtime.processes import use_resources
from toffee.runtime.signals import Interrupted, defer_sigterm, raise_on_sigterm
from toffee.training import torchrun, worker
from toffee.training.launch import report

HERE = Path(__file__).parent
PYTHON = sys.executable
STEPS, BATCH = 9, 5
SEED = random.randrange(10**6)


@pytest.fixture(scope="module", autouse=True)
def setting(fork_server):
    """Checkpoints every other step; the training's module is found by every process.

    What torchrun and srun start are forks, which need not import torch.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOFFEE_CHECKPOINT_EVERY", "2")
        patch.setenv("PYTHON_EXEC", fork_server.python)
        patch.setenv("PYTHONPATH", str(HERE))
        patch.syspath_prepend(HERE)
        yield


def train(out: Path, count: int, nodes: int = 1, **fault) -> dict:
    """What the small training wrote, in `count` processes."""
    from small_training import train

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "JOB", processes.Processes(count, nodes, 2))
        train(out=out, steps=STEPS, batch=BATCH, fault=fault or None)
    # Nothing is left but the result.
    assert not Path(f"{out}.partial").exists() and not list(out.parent.glob(f".{out.stem}*"))
    return json.loads(out.read_text())


def workers(folder: Path) -> list[psutil.Process]:
    """Processes that train now, for something in this folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if {worker.__name__, torchrun.__name__} & set(process.info["cmdline"] or [])
        and process.info["cmdline"][-1].startswith(str(folder))
    ]


def same(a: dict, b: dict) -> bool:
    pairs = zip([a["losses"], *a["weights"]], [b["losses"], *b["weights"]], strict=True)
    # Nine steps amplify what rounding does to the first one.
    return all(close(torch.tensor(x), torch.tensor(y), 1e-4) for x, y in pairs)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    return train(tmp_path_factory.mktemp("alone") / "a.json", 1)


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> dict:
    """Of two processes, undisturbed."""
    return train(tmp_path_factory.mktemp("both") / "a.json", 2)


def test_two_processes_learn_the_same_from_a_batch_that_is_not_even(alone, both):
    assert len(set(alone["losses"])) == STEPS
    assert same(alone, both)


def test_two_processes_add_up_micro_batches_and_average_in_one_of_them(alone, tmp_path):
    from small_training import train

    out = tmp_path / "a.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "JOB", processes.Processes(2, 1, 2))
        train(out=out, steps=STEPS, batch=BATCH, micro_batch=1, average_on_cpu=True)
    assert same(alone, json.loads(out.read_text()))


def test_after_a_kill_the_job_ends_in_one_line_and_the_next_attempt_goes_on(both, tmp_path):
    step, rank = random.Random(SEED).randrange(STEPS), SEED % 2
    out = tmp_path / "a.json"
    line = rf"^killed .*: process {rank} of 2; the next attempt goes on from .*a\.json\.partial$"
    with pytest.raises(ToffeeError, match=line):
        train(out, 2, kind="kill", step=step, rank=rank)
    assert not workers(tmp_path) and not out.exists()
    assert train(out, 2) == both, f"seed {SEED}"


def test_a_process_that_torchrun_ends_after_another_lives_to_say_that_it_lost_it(monkeypatch):
    def lose() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("[gloo] connection closed by peer")

    monkeypatch.setitem(sys.modules, "losing", SimpleNamespace(lose=lose))
    before = signal.getsignal(signal.SIGTERM)
    try:
        kind, _ = worker._ending("losing:lose", {})
        assert kind == worker.LOST
        # As it stays until the note is written.
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_sigterm_to_the_job_stops_all_processes_at_the_same_step(alone, both, tmp_path):
    step, out, other = random.Random(SEED).randrange(STEPS - 1), tmp_path / "a", tmp_path / "b"
    kept = f"numbers: step {step + 1} of {STEPS} is kept in {out}.partial/checkpoint.safetensors"
    with raise_on_sigterm(), pytest.raises(Interrupted, match=f"^{kept}$"):
        train(out, 2, kind="terminate", step=step, rank=0, pid=os.getpid())
    assert not workers(tmp_path) and not out.exists()
    shutil.copytree(f"{out}.partial", f"{other}.partial")
    assert train(out, 2) == both, f"seed {SEED}"
    assert same(train(other, 1), alone), f"seed {SEED}"  # in another number of processes


def test_what_one_process_raises_is_the_jobs_one_line(tmp_path, capfd):
    with pytest.raises(ToffeeError, match="^row 7 is broken$"):
        train(tmp_path / "a", 2, kind="error", step=1, rank=1)
    assert "Traceback" not in capfd.readouterr().err and not workers(tmp_path)


def note(kind: str, text: str = "", gpu: str | None = None) -> dict:
    return {"kind": kind, "text": text, "gpu": gpu, "cpu_seconds": 2.0}


FAILED = (
    "^process 1 of 3 failed, see the traceback above; the next attempt goes on from out.partial"
)


@pytest.mark.parametrize(
    ("notes", "error", "line"),
    [
        # What says most counts, whoever says it.
        (
            [note("lost", "t"), note("interrupted", "i"), note("error", "row 7")],
            ToffeeError,
            "^row 7$",
        ),
        ([note("lost", "t"), note("bug", "trace"), note("interrupted", "i")], ToffeeError, FAILED),
        ([note("interrupted", "step 3"), note("lost"), note("lost")], Interrupted, "^step 3$"),
        ([None, note("lost", "t"), None], ToffeeError, "^killed .*: process 0 and 2 of 3; "),
        ([note("lost", "t")] * 3, ToffeeError, "the processes lost each other"),
    ],
)
def test_how_processes_ended_is_told_in_one_line(capsys, notes, error, line):
    given = {rank: note for rank, note in enumerate(notes) if note}
    with pytest.raises(error, match=line) as raised:
        report(Path("out"), given, processes.Processes(3), 1)
    assert "\n" not in str(raised.value)
    assert capsys.readouterr().err == ("trace\n" if line == FAILED else "")


def test_a_job_that_was_asked_to_stop_does_not_take_its_processes_for_killed():
    with raise_on_sigterm(), defer_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted, match=r"goes on from out\.partial$"):
            report(Path("out"), {}, processes.Processes(2), 1)
        report(Path("out"), dict.fromkeys(range(2), note("done")), processes.Processes(2), 0)


def test_the_job_notes_the_gpus_of_its_processes_and_their_time_on_other_machines():
    notes = {rank: note("done", gpu="H100") for rank in range(4)}
    for nodes, seconds in ((1, 0.0), (2, 8.0)):
        job = processes.Processes(4, nodes)
        report(Path("out"), notes, job, 0)
        assert job.gpus == ["H100"] * 4 and job.cpu_seconds == seconds


JOB = """
import sys
from pathlib import Path
from small_training import train
from toffee.runtime.processes import use_resources
fault = {"kind": "wait", "step": 1, "rank": 0, "ready": sys.argv[2]}
with use_resources({"processes": 2}, 2):
    train(out=sys.argv[1], steps=9, batch=2, fault=fault)
"""


def wait_for(condition, seconds=60) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(condition())


def test_processes_do_not_outlive_a_job_that_is_killed(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHON_EXEC")  # of forks another end would have to be found
    ready = tmp_path / "ready"
    search = os.pathsep.join([str(HERE), str(HERE.parents[2] / "workflow")])
    job = subprocess.Popen(
        [PYTHON, "-c", JOB, str(tmp_path / "a"), str(ready)],
        env=os.environ | {"PYTHONPATH": search},
    )
    assert wait_for(ready.exists)
    assert len(workers(tmp_path)) == 3
    job.kill()
    job.wait()
    assert wait_for(lambda: not workers(tmp_path), 10)


SRUN = """#!{interpreter}
# What srun does: a task each, with its place in SLURM's variables; SIGUSR1 goes to all of them.
import os, signal, subprocess, sys
options = dict(a[2:].split("=") for a in sys.argv[1:] if a.startswith("--") and "=" in a)
command = sys.argv[sys.argv.index({python!r}):]
count, each = int(options["ntasks"]), int(options["ntasks-per-node"])
assert count == each * int(options["nodes"])
tasks = [
    subprocess.Popen(command, env=os.environ | {{
        "SLURM_PROCID": str(n), "SLURM_NTASKS": str(count), "SLURM_LOCALID": str(n % each)}})
    for n in range(count)
]
signal.signal(signal.SIGUSR1, lambda *_: [task.send_signal(signal.SIGUSR1) for task in tasks])
sys.exit(max(task.wait() for task in tasks))
"""
SCONTROL = """#!/bin/sh
case "$*" in
  'show hostnames n[1-2]') echo n1; echo n2;;
  '--oneliner show node n1') echo 'NodeName=n1 NodeAddr=localhost NodeHostName=n1 OS=Linux 6 #1';;
  *) exit 1;;
esac
"""
SQUEUE = "#!/bin/sh\necho 'n[1-2]'\n"


@pytest.fixture
def slurm(fork_server, tmp_path, monkeypatch):
    """A cluster of two machines, both of them this one."""
    monkeypatch.setattr(sys, "executable", fork_server.python)  # of what srun starts
    for name, text in (
        ("srun", SRUN.format(interpreter=PYTHON, python=fork_server.python)),
        ("scontrol", SCONTROL),
        ("squeue", SQUEUE),
    ):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", str(os.getpid()))
    monkeypatch.delenv("SLURM_JOB_NODELIST", raising=False)


def test_srun_starts_the_processes_of_several_machines_and_passes_the_signal_on(
    slurm, alone, tmp_path
):
    out = tmp_path / "a"
    with raise_on_sigterm(), pytest.raises(Interrupted, match="step 4 of 9 is kept"):
        train(out, 2, nodes=2, kind="terminate", step=3, rank=0, pid=os.getpid())
    assert same(train(out, 2, nodes=2), alone)


def test_several_machines_need_a_slurm_job(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(ToffeeError, match="several nodes need a SLURM job"):
        train(tmp_path / "a", 2, nodes=2)


def test_the_refiner_learns_the_same_in_two_processes(random_zoo, small_world, tmp_path):
    def weights(count: int) -> dict[str, torch.Tensor]:
        out = tmp_path / str(count)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(processes, "JOB", processes.Processes(count, 1, 2))
            pretrain_refiner(
                multiview=small_world / "multiview",
                text_to_image=random_zoo / "text_to_image",
                subject_encoder=random_zoo / "subject_encoder",
                out=out,
                resolution=64,
                training=Training(3, 3, 1e-4, 0.5),
                token_grid=True,
                token_dropout=0.2,
                seed=0,
            )
        return load_file(out / "diffusion_pytorch_model.safetensors")

    one, two = weights(1), weights(2)
    base = load_unet(random_zoo / "text_to_image" / "unet").state_dict()
    start = {name: base[name] for name in base if base[name].shape == one[name].shape}
    assert learned_alike(two, one, start)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, (1, 1)),
        ({"mem_mb": 4000}, (1, 1)),
        ({"gpu": 4}, (4, 1)),
        ({"gpu": 8, "nodes": 2}, (8, 2)),
        ({"gpu": 4, "processes": 2}, (2, 1)),
    ],
)
def test_resources_say_how_many_processes_there_are(resources, expected):
    with use_resources(resources, 3):
        assert (processes.JOB.count, processes.JOB.nodes) == expected
        assert processes.JOB.threads == 3
    assert processes.JOB.count == 1


def test_processes_that_cannot_be_spread_evenly_are_one_line():
    resources = {"processes": 3, "nodes": 2}
    with (
        pytest.raises(ToffeeError, match="resources: 3 processes on 2 nodes"),
        use_resources(resources, 1),
    ):
        pytest.fail("it went on")


def test_a_first_node_that_cannot_be_found_is_one_line(tmp_path):
    call = tmp_path / "call.json"
    call.write_text(json.dumps({"function": "small_training:train", "arguments": {}}))
    nowhere = os.environ | {"MASTER_ADDR": "no-such-node.invalid", "RANK": "0", "WORLD_SIZE": "2"}
    done = subprocess.run(
        [PYTHON, "-m", worker.__name__, str(call)],
        env=nowhere | {"PYTHONPATH": str(HERE.parents[2] / "workflow")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot find the first node, no-such-node.invalid: ")
    assert len(done.stderr.splitlines()) == 1
