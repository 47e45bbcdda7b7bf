"""The profile counts what was computed, and trains as the rules do."""

import inspect

import pandas as pd
import pytest
import torch
from diffusers import UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from toffee.method.pair_latents import accepted_pairs
from toffee.models.text_to_image import TextEncoder
from toffee.models.unet import load_unet
from toffee.provenance.code import rule_functions
from toffee_bench import chain, profile
from toffee_bench.__main__ import scale
from toffee_bench.setting import drawer_sampling, prepare


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("setting"), scale("tiny"))


def test_every_forward_of_a_stage_is_counted(setting, tmp_path):
    pairs, plan = 2, setting.plan(0, 2)
    before, meter = UNet2DConditionModel.forward, profile.Meter(counts=True)
    with meter.of(profile.DRAWING):
        chain.stages(setting, plan, tmp_path)["draw_initial"]()
    assert UNet2DConditionModel.forward is before
    base = setting.model("text_to_image")
    unet, text = load_unet(base / "unet"), TextEncoder(base)([""])
    side = setting.config.data.resolution // 8
    latents = torch.zeros(1, unet.config.in_channels, side, side)
    with FlopCounterMode(display=False) as one, torch.no_grad():
        unet(latents, torch.zeros(1), text)
    sampling = drawer_sampling(setting.config)
    rows = pairs * 2 * sampling.steps  # guidance
    assert sum(meter.flops["UNet"]) == rows * one.get_total_flops() > 0
    assert not meter.seconds and meter.flops["ControlNet"] and not meter.flops["CLIP, pictures"]


def test_seconds_are_those_of_each_call():
    meter = profile.Meter(counts=False)
    with meter.of([(torch.nn.Linear, "forward", "linear")]):
        for _ in range(3):
            torch.nn.Linear(64, 64)(torch.zeros(8, 64))
    assert len(meter.seconds["linear"]) == 3 and min(meter.seconds["linear"]) > 0


def test_the_trainings_are_those_of_the_rules_with_all_that_they_need(setting, tmp_path):
    plan = setting.plan(0, 5)
    calls = profile.training_calls(setting, plan, tmp_path / f"{plan.stem}.h5")
    for rule, (train, _, given) in calls.items():
        assert rule_functions()[rule] == f"{train.__module__}.{train.__name__}"
        known = inspect.signature(train).parameters
        needed = {name for name, one in known.items() if one.default is inspect.Parameter.empty}
        assert needed <= {*given, "out", "training"} <= set(known), rule
    index = calls["train_toffeenet"][2]["index"]
    table = accepted_pairs(index, [f"{plan.stem}.h5"])
    planned = pd.read_parquet(plan)
    assert table[["sample_id", "row", "kind"]].equals(planned[["sample_id", "row", "kind"]])


def test_the_table_names_the_share_of_the_peak():
    one = {"seconds": 2.0, "parts": {"UNet": 1.5, "HDF5": 0.001}, "flops": {"UNet": 60}}
    figures = {"peak": {"float32": 80}, "measured": [("float32", "8 pairs", {"draw": one})]}
    lines = profile.table(figures).splitlines()[2:]
    assert lines == ["| **float32: draw**, 8 pairs | 2.000 | 100 | |", "| UNet | 1.500 | 75 | 50 |"]
