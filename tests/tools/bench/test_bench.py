"""The bench measures what it says: the real chain, the loop's equal pictures, the same bytes."""

import inspect
import json
import os
import time

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from diffusers import AutoencoderKL, UNet2DConditionModel

from toffee.config.load import load_config
from toffee.data.loaders.images import read_image, to_arrays
from toffee.provenance.code import rule_functions
from toffee.provenance.digests import sha256_of
from toffee.runtime.compute import EXACT, Compute
from toffee.runtime.device import device
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard
from toffee_bench import __main__ as command
from toffee_bench import chain, full_size, loop, measure, reading, report, worker, writing
from toffee_bench.__main__ import main, overlay, scale
from toffee_bench.setting import ROOT, prepare
from toffee_bench.worker import Worker, environment, together

SMALL_UNET = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "attention_head_dim": (2, 4),
    "cross_attention_dim": 64,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}
SIZES = {
    "unet": SMALL_UNET,
    "vae": {"block_out_channels": (32, 32, 32, 32)},
    "text": {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1},
    "dino": {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": 28},
    "clip": {
        "projection_dim": 32,
        "text_config": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4},
        "vision_config": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4},
    },
}


FEW_STEPS = {
    "sampler": {"steps": 2},
    "refiner": {"sampler_steps": 2},
    "view_generator": {"sampler_steps": 2},
}


def few_steps():
    """The tiny scale, whose pictures are drawn in a few steps."""
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    overlay(values, FEW_STEPS)
    return load_config(values)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("setting"), few_steps())


@pytest.fixture(scope="module")
def made(setting, tmp_path_factory):
    """A plan of four pairs made by the chain, and by the loop, on one thread."""
    out, plan = tmp_path_factory.mktemp("made"), setting.plan(0, 4)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = chain.run(setting, plan, out / "chain")
        loop.run(setting, plan, out / "loop")
    finally:
        torch.set_num_threads(threads)
    return out, plan, seconds


def test_the_chain_calls_the_functions_of_the_rules_with_all_that_they_take(setting, tmp_path):
    given = {}
    names = {"draw_initial", "refine_shard", "draw_views", "make_edits", "score_shard"}
    functions = {name: getattr(chain, name) for name in names}
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(chain, name, lambda name=name, **values: given.update({name: values}))
        for call in chain.stages(setting, tmp_path / "00000.parquet", tmp_path).values():
            call()
    for name in names:
        function = functions[name]
        assert rule_functions()[name] == f"{function.__module__}.{function.__name__}"
        assert set(given[name]) == set(inspect.signature(function).parameters) - {"code"}


def test_the_loop_makes_the_pictures_of_the_chain(made):
    out, plan, _ = made
    kinds = list(pd.read_parquet(plan)["kind"])
    assert len(set(kinds)) > 1
    for stage in chain.STAGES:
        with Shard(out / "chain" / "stages" / stage / "00000.h5") as shard:
            for row, kind in enumerate(kinds):
                if stage == "edits" and kind == "generation":
                    continue
                suffix = "png" if stage == "edits" else "jpg"
                own = to_arrays(read_image(out / "loop" / stage / f"{row:05d}.{suffix}")[None])[0]
                other = shard.arrays("target" if stage == "edits" else "image", [row])[0]
                # rounding of other batch sizes, and what JPEG makes of it
                assert np.abs(own.astype(int) - other).mean() < 1, (stage, row)
    with Shard(out / "chain" / "shards" / "00000.h5") as shard:
        for row in range(4):
            scores = json.loads((out / "loop" / "scores" / f"{row:05d}.json").read_text())
            for name, value in scores.items():
                assert shard.column(name)[row] == pytest.approx(value, abs=0.02), (name, row)


@pytest.fixture(scope="module")
def workers(setting, tmp_path_factory):
    """Two processes of one thread, as on a machine of two cores."""
    folder = tmp_path_factory.mktemp("workers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "7")
        started = [Worker(folder / str(number), setting, 1) for number in range(2)]
    yield started
    for one in started:
        one.close()


def test_processes_make_their_shards_at_the_same_time_with_a_thread_each(made, setting, workers):
    out, plan, _ = made
    before = time.monotonic()
    seconds, results = together(workers, "chain", [plan, setting.plan(5, 4)], EXACT)
    waited = time.monotonic() - before
    spans = [(result["start"], result["end"]) for result in results]
    assert max(start for start, _ in spans) < min(end for _, end in spans)
    assert max(end - start for start, end in spans) <= seconds <= waited
    assert [result["threads"] for result in results] == [1, 1]
    assert results[0]["stages"].keys() == made[2].keys()
    # with as many threads the bytes are those of this process, and each made its own shard
    name = "shards/00000.h5"
    assert sha256_of(workers[0].out / name) == sha256_of(out / "chain" / name)
    assert (workers[1].out / "shards/00005.h5").exists()


def test_a_process_computes_as_it_is_told_and_loops_where_it_is_told(made, setting, workers):
    out, plan, _ = made
    half = Compute(dtype="bfloat16", channels_last=True)
    together(workers[:1], "chain", [plan], half)
    exact, rounded = (root / "shards/00000.h5" for root in (out / "chain", workers[0].out))
    with Shard(exact) as a, Shard(rounded) as b:
        difference = (a.images("target") - b.images("target")).abs().mean()
    assert 0 < difference < 0.05
    seconds, results = together(workers[:1], "loop", [plan], EXACT)
    assert seconds > 0 and not results[0]["stages"]
    assert not (workers[0].out / "shards").exists()  # what the task before wrote is gone
    assert results[0]["pairs"] == 4
    names = {path.relative_to(out / "loop") for path in (out / "loop").rglob("*.jpg")}
    made_now = {path.relative_to(workers[0].out) for path in workers[0].out.rglob("*.jpg")}
    assert names and names == made_now
    # no pair is begun after the limit
    _, results = together(workers[:1], "loop", [plan], EXACT, limit=0.001)
    assert results[0]["pairs"] == 1
    assert len(list((workers[0].out / "scores").iterdir())) == 1


def test_a_process_that_ends_is_named_with_what_it_said(setting, tmp_path):
    started = Worker(tmp_path / "worker", setting, 1)
    try:
        with pytest.raises(ToffeeError, match=r"ended with status 1: .*missing.parquet"):
            together([started], "chain", [tmp_path / "missing.parquet"], EXACT)
    finally:
        started.close()


def test_processes_inherit_no_tuning(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    everything = environment(None)
    tuned = {name for name in everything if name.startswith(("OMP_", "MKL_", "MALLOC_"))}
    assert tuned == {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"}  # as the Snakefile's jobs
    one = environment(1)
    assert one["OMP_NUM_THREADS"] == one["MKL_NUM_THREADS"] == "1"
    assert one["PATH"] == os.environ["PATH"]


def test_writing_is_measured_on_the_bytes_of_the_chain(made, tmp_path):
    out, _, seconds = made
    assert 0 < writing.seconds(out / "chain", 2, tmp_path) < sum(seconds.values())
    sizes = sorted(path.stat().st_size for path in (out / "chain").rglob("*.h5"))
    written = sorted(path.stat().st_size for path in tmp_path.glob("*.h5"))
    # but for the identity in them, and what a second JPEG is smaller
    assert len(written) == 5 and written == pytest.approx(sizes, rel=0.05)


def test_all_readers_give_the_same_tensors(tmp_path):
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (32, 32, 3), np.uint8) for _ in range(3)]
    reading.write_formats(tmp_path, pictures, 5)
    readers = {name: make(tmp_path) for name, make in reading.READERS.items()}
    wanted = np.array([9, 0, 4, 5, 4])
    expected = readers["shard"](wanted)
    assert [value.shape[1:] for value in expected] == [(3, 32, 32), (3, 32, 32), (32, 32)]
    for name in ("wids", "datasets"):
        for a, b in zip(readers[name](wanted), expected, strict=True):
            assert a.dtype == b.dtype and torch.equal(a, b), name
    # a stream gives rows of its own choice: all of them once
    whole, streamed = readers["shard"](np.arange(10)), readers["webdataset"](np.arange(10))
    for a, b in zip(whole, streamed, strict=True):
        assert sorted(a.flatten(1).double().sum(1).tolist()) == pytest.approx(
            sorted(b.flatten(1).double().sum(1).tolist())
        )


def test_the_full_size_is_that_of_the_published_model():
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**full_size.UNET), AutoencoderKL(**full_size.VAE)
    counts = [sum(p.numel() for p in model.parameters()) / 1e6 for model in (unet, vae)]
    assert counts == pytest.approx([865.9, 83.7], abs=0.1)


def test_flops_are_counted_and_the_projection_adds_up():
    speeds = full_size.unet_speeds(["float32", "bfloat16"], 2, 1, SMALL_UNET)
    for speed in speeds.values():
        assert speed["tflops"] == pytest.approx(speed["unet_tflop"] / speed["unet_seconds"])
    # counted, not timed: the same for every precision
    assert speeds["float32"]["unet_tflop"] == speeds["bfloat16"]["unet_tflop"] > 0
    config = scale("paper")
    rows = full_size.forwards_per_pair(config)
    # Whole steps: 0.9 of 20 of the Refiner, 15 guided ones of the View Generator, 4 of SD-Turbo.
    assert rows["plain"] == pytest.approx(18 + 2 * 15)
    assert rows["controlled"] == pytest.approx(4 + 4 * (0.0833 * 3 + 0.0834))
    views = config.view_generator.model_copy(update={"reference": "canvas"})
    wide = full_size.forwards_per_pair(config.model_copy(update={"view_generator": views}))
    assert wide == rows | {"plain": rows["plain"] + 2 * 15}  # twice the pixels
    speed = {"batch": 2, "unet_seconds": 2.0, "control_seconds": 4.0}
    hours = (rows["plain"] + 2 * rows["controlled"]) / 3600
    assert full_size.project(config, speed, 1) == pytest.approx(hours)


def test_the_chain_runs_on_the_full_size_classes(tmp_path):
    """With smaller numbers in their configs."""
    config = few_steps()
    models = full_size.prepare_models(tmp_path / "models", SIZES)
    setting = prepare(tmp_path / "setting", config, models)
    seconds = chain.run(setting, setting.plan(0, 3), tmp_path / "out")
    assert set(seconds) == set(rule_functions()) & set(seconds)
    with Shard(tmp_path / "out" / "shards" / "00000.h5") as shard:
        assert shard.images("target").shape == (3, 3, 64, 64)


def test_what_is_written_names_machine_versions_and_figures(
    fork_server, tmp_path, monkeypatch, capsys
):
    forwards = {"float32": {"batch": 1, "unet_seconds": 2.0, "control_seconds": 3.0}}
    forwards["float32"] |= {"unet_tflop": 1.0, "tflops": 0.5}
    monkeypatch.setattr(full_size, "unet_speeds", lambda *arguments: forwards)
    monkeypatch.setattr(
        command, "scale", lambda name: few_steps() if name == "tiny" else scale(name)
    )
    monkeypatch.setattr(measure, "batches_read", lambda folder, rows, repeats: {})
    # Threads that wait for each other on a busy machine take minutes: one for everybody.
    monkeypatch.setattr(worker, "environment", lambda threads: environment(threads or 1))
    monkeypatch.setattr(worker.sys, "executable", fork_server.python)
    options = ["--pairs", "3", "--loop-pairs", "1", "--repeats", "1", "--processes", "2"]
    main([*options, "--out", str(tmp_path)])
    (path,) = tmp_path.glob("*.json")
    figures = json.loads(path.read_text())
    assert path.name == report.file_name(figures["device"])
    head = {"device", "cores", "versions", "git", "command", "date", "load"}
    assert head <= set(figures) and figures["device_kind"] == device().type
    assert {"torch", "diffusers", "transformers"} <= set(figures["versions"])
    assert figures["sustained_tflops"] == {"float32": 0.5}
    assert figures["full_size"]["projection"]["pairs"] == 4_800_000
    part = figures["synthesis"]
    assert part["processes"] == 2 and part["loop_all_threads"] >= 1
    rates = {way: value["median"] for way, value in part["pairs_per_hour"].items()}
    # the whole machine against the loop's better setting, one thread against one thread
    rivals = {
        "whole machine": max(rates["loop, 1 thread"], rates["loop, all threads"]),
        "1 thread": rates["loop, 1 thread"],
    }
    assert part["ratio"].keys() == rivals.keys()
    for place, rival in rivals.items():
        for name, value in part["ratio"][place].items():
            assert value["median"] == pytest.approx(rates[f"{name}, {place}"] / rival)
    assert "tiny, whole machine: chain / loop" in capsys.readouterr().out
    assert (ROOT / "Makefile").read_text().count("toffee_bench") == 1
