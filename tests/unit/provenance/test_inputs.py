"""A job whose inputs are damaged, or change while it reads them: one line with the cause."""

import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from toffee.launch.failures import failures, format_failures
from toffee.launch.job import job
from toffee.launch.rerun import recorded_job
from toffee.runtime.errors import ToffeeError

ROOT = "results/tiny"
MODEL, SCORES = f"{ROOT}/models/clip", f"{ROOT}/evaluation/scores.parquet"
WEIGHTS = f"{MODEL}/weights.safetensors"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with begun("download_model", {}, MODEL):
        write_weights(WEIGHTS)
    return tmp_path


def write_weights(path: str) -> None:
    Path(path).parent.mkdir(parents=True)
    save_file({"a": torch.zeros(1 << 12), "b": torch.ones(1 << 12)}, path)


def begun(rule: str, inputs: dict, output: str):
    params = {"function": "toffee.download.model.download_model", "seed": 0}
    rest = {"wildcards": {}, "threads": 1, "log": f"{ROOT}/logs/{rule}.log"}
    names = {"rule": rule, "input": inputs, "output": {"out": output}, "params": params}
    return job(recorded_job(names | rest, {"scale": "tiny"}))


def scores() -> None:
    Path(SCORES).parent.mkdir(parents=True, exist_ok=True)
    Path(SCORES).write_text("scores")


def cut_off() -> None:
    os.truncate(WEIGHTS, 100)


def written() -> None:
    with open(WEIGHTS, "r+b") as file:
        file.seek(500)
        file.write(b"\xff" * 99)


def gone() -> None:
    os.unlink(WEIGHTS)


def more() -> None:
    Path(MODEL, "new.json").write_text("{}")


CHANGES = [
    (cut_off, "weights.safetensors", "32904 bytes before, 100 bytes now"),
    (written, "weights.safetensors", "32904 bytes before, 32904 bytes now"),
    (gone, "weights.safetensors", "32904 bytes before, no file now"),
    (more, "new.json", "no file before, 2 bytes now"),
]


@pytest.mark.parametrize(("change", "name", "sizes"), CHANGES)
@pytest.mark.parametrize("fails", [False, True])
def test_what_changes_while_it_is_read(here, change, name, sizes, fails, capsys) -> None:
    """Whether the job's libraries met it or not: its record could not say what was read."""
    with pytest.raises(SystemExit), begun("score", {"model": MODEL}, SCORES):
        change()
        scores()
        if fails:
            raise KeyError("of a library")
    (found,) = capsys.readouterr().err.splitlines()
    line = f"error: score: {MODEL}/{name} changed while this job read it ({sizes})"
    assert found.startswith(line)
    assert ("(KeyError: 'of a library')" in found) == fails
    assert not Path(ROOT, "records/evaluation/scores.parquet.json").exists()


def test_new_times_alone_are_no_change(here) -> None:
    with begun("score", {"model": MODEL}, SCORES):
        os.utime(WEIGHTS, (1, 1))
        scores()
    assert Path(ROOT, "records/evaluation/scores.parquet.json").is_file()


def test_what_was_damaged_before(here, capsys) -> None:
    """Safetensors' own line says neither which file it was nor that another one was expected."""
    cut_off()
    with pytest.raises(SystemExit), begun("score", {"model": MODEL}, SCORES):
        load_file(WEIGHTS)
    (found,) = capsys.readouterr().err.splitlines()
    line = f"error: score: {MODEL}: not what download_model wrote: damaged or edited since, 100"
    assert found.startswith(f"{line} bytes, expected 32904 (SafetensorError: ")


def test_an_error_of_the_project_says_the_cause_itself(here, capsys) -> None:
    cut_off()
    with pytest.raises(SystemExit), begun("score", {"model": MODEL}, SCORES):
        raise ToffeeError("this and that")
    assert capsys.readouterr().err.splitlines() == ["error: score: this and that"]


def test_a_bug_is_no_damaged_input(here) -> None:
    with pytest.raises(KeyError), begun("score", {"model": MODEL}, SCORES):
        raise KeyError("a")


def meet_a_cut_off_file() -> None:
    tensors = load_file(WEIGHTS)
    cut_off()
    print(tensors["b"].sum())


def send_a_signal() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize(
    ("end", "number", "line"),
    [
        (meet_a_cut_off_file, signal.SIGBUS, "killed by SIGBUS: a file that it read was cut off"),
        (send_a_signal, signal.SIGSEGV, "killed by SIGSEGV, in a library"),
    ],
)
def test_a_mapped_file_that_is_cut_off_kills_the_job(here, end, number, line) -> None:
    """By the kernel's signal, which no code of Python's survives."""
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        with begun("score", {"model": MODEL}, SCORES):
            print("half done")
            end()
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == number
    told = format_failures(failures(ROOT, 0)).splitlines()
    assert told[2] == "    half done" and line in told[3] and len(told) == 4
