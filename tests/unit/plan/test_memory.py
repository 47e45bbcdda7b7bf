"""GPU memory: what is counted on the meta device against what torch tracks on real tensors."""

import pytest
import torch
from torch.distributed._tools.mem_tracker import MemTracker

from toffee.models.load import load_model
from toffee.models.unet import add_subject_attention, load_unet, widen_unet
from toffee.plan.memory import Memory, Peaks
from toffee.plan.peak import peak_bytes

from .conftest import ROOT, architectures, config_of
from .test_report import job

ZOO = ROOT / "workflow" / "zoo"
BASE = ZOO / "text_to_image"
ROWS = 6
GIB = 2**30


def tracked(run, *networks) -> int:
    """The most that a call holds, by torch's own tracker, beyond what was there before."""
    tracker = MemTracker()
    tracker.track_external(*networks)
    with tracker:
        before = tracker.get_tracker_snapshot("current")
        run()
        peak = tracker.get_tracker_snapshot("peak")
    return sum(v["Total"] for v in peak.values()) - sum(v["Total"] for v in before.values())


@pytest.fixture(scope="module")
def models():
    return architectures("tiny")


@pytest.fixture
def peaks(models):
    return Peaks(models, config_of())


def of_refiner(costs):
    network = widen_unet(load_unet(BASE / "unet"), costs.width, costs.width)
    return network, costs.channels + costs.width, torch.randn(ROWS, costs.tokens, costs.width)


def of_net(costs):
    network = widen_unet(load_unet(BASE / "unet"), costs.factor**2 + costs.channels)
    add_subject_attention(network, costs.width, costs.tokens)
    text = torch.randn(ROWS, costs.text_tokens, costs.text_width)
    return network, network.config.in_channels, (text, costs)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("name", ["refiner", "net"])
def test_a_trainings_pass_forward_and_back(models, name, checkpointing):
    config = config_of({"training": {"checkpointing": checkpointing}})
    costs = Peaks(models, config)
    network, channels, states = (of_refiner if name == "refiner" else of_net)(costs)
    network.train().requires_grad_(True)
    if checkpointing:
        network.enable_gradient_checkpointing()
    entry = torch.randn(ROWS, channels, costs.side, costs.side)
    tokens = torch.randn(ROWS, costs.tokens, costs.width)

    def step() -> None:
        given = states
        if name == "net":
            given = (states[0], [network.subject_projection(tokens)])
        network(entry, torch.ones(ROWS).long(), given).sample.sum().backward()

    step()  # the gradients are there from now on, as in the second micro-batch
    real = tracked(step, network)
    arguments = ("refiner_step", ROWS) if name == "refiner" else ("net", ROWS, False, False, True)
    counted = costs.of(*arguments)
    assert counted == pytest.approx(real, rel=0.1)


def test_checkpointing_keeps_a_fraction(models):
    plain = Peaks(models, config_of()).of("refiner_step", 64)
    network = Peaks(models, config_of({"training": {"checkpointing": True}}))
    assert network.of("refiner_step", 64) < 0.6 * plain


def test_pictures_and_encoders(peaks):
    from diffusers import AutoModel
    from transformers import AutoModel as Encoder

    unet, vae = load_unet(BASE / "unet"), load_model(AutoModel, BASE / "vae")
    encoder = load_model(Encoder, ZOO / "subject_encoder")
    latents = torch.randn(ROWS, peaks.channels, peaks.side, peaks.side)
    text = torch.randn(ROWS, peaks.text_tokens, peaks.text_width)
    picture = torch.rand(ROWS, 3, 64, 64)
    side = peaks.models.input_side("subject_encoder")
    seen = torch.rand(ROWS, 3, side, side)
    calls = {
        "unet": (unet, lambda: unet(latents, torch.ones(ROWS).long(), text)),
        "decode": (vae, lambda: vae.decode(latents)),
        "encode": (vae, lambda: vae.encode(picture)),
        "subject": (encoder, lambda: encoder(seen)),
    }
    for name, (network, call) in calls.items():
        network.requires_grad_(True)  # else the tracker cannot be told of its weights
        with torch.no_grad():
            real = tracked(call, network)
        assert peaks.of(name, ROWS) == pytest.approx(real, rel=0.1), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_what_a_gpu_says(models):
    config = config_of({"training": {"checkpointing": True}, "compute": {"dtype": "bfloat16"}})
    costs = Peaks(models, config)
    costs.mixed = True
    rows = 64
    network, channels, _ = of_refiner(costs)
    network.cuda().train().requires_grad_(True).enable_gradient_checkpointing()
    entry = torch.randn(rows, channels, costs.side, costs.side, device="cuda")
    tokens = torch.randn(rows, costs.tokens, costs.width, device="cuda")

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            drawn = network(entry, torch.ones(rows).long().cuda(), tokens).sample.sum()
        drawn.backward()

    step()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    real = torch.cuda.max_memory_allocated() - before
    assert costs.of("refiner_step", rows) == pytest.approx(real, rel=0.1)


def test_casts_are_those_of_a_gpu():
    """A layer whose copy of the weights, and of what enters, is in half precision."""
    with torch.device("meta"):
        layer, given = torch.nn.Linear(1000, 500), torch.empty(10, 1000)
        layer.weight.grad, layer.bias.grad = torch.empty(500, 1000), torch.empty(500)
    whole = peak_bytes(lambda: layer(given).sum().backward(), True)
    half = peak_bytes(lambda: layer(given).sum().backward(), True, True)
    weights, entry, out = 4 * 500 * 1000, 4 * 10 * 1000, 4 * 10 * 500
    assert weights <= whole <= weights + 2 * out + 4000
    # Forward: both copies. Back: the gradient in half precision, then in whole.
    assert weights * 1.5 <= half <= weights * 1.5 + 2 * (entry + out) + 4000


def test_what_a_training_holds():
    def needed(optimizer="adamw", **training) -> int:
        given = {"micro_batch": 1, "fused": True} | training
        config = config_of({"training": given, "refiner": {"optimizer": optimizer}})
        return Memory(config, architectures("tiny")).needed(job("pretrain_refiner"))

    memory = Memory(config_of(), architectures("tiny"))
    weights = sum(p.numel() for p in memory.peaks.refiner_unet.parameters())
    many = {"micro_batch": 16}
    held = memory.peaks.of("refiner_step", 16)
    frozen = needed(**many) - 5 * 4 * weights - held
    assert needed(**many, average_on_cpu=True) == frozen + 4 * 4 * weights + held
    assert needed(**many, optimizer="muon") == frozen + 4 * 4 * weights + held  # one moment less
    # Where a pass holds less, AdamW's temporary copy is the most; encoders may need more still.
    update = needed(fused=False, micro_batch=1) - frozen
    assert update == pytest.approx(5 * 4 * weights + 4 * weights) or update > 6 * 4 * weights
    assert memory.needed(job("tabulate_views")) == 0


@pytest.mark.parametrize(("section", "moved"), [("sampler", True), ("toffeenet", False)])
def test_the_rivals_are_guided_as_the_base_model_is(section, moved):
    def needed(guidance: float) -> int:
        memory = Memory(config_of({section: {"guidance": guidance}}), architectures("tiny"))
        return memory.needed(job("generate_benchmark", method="text_only"))

    assert (needed(1.0) < needed(3.0)) == moved  # guided pictures are computed twice


def test_the_large_scales_fit_their_gpus():
    """`small` 24 GB and `paper` 40 GB, with some two for CUDA itself: every training."""
    for scale in ("small", "paper"):
        config = config_of(f"{scale}.yaml")
        memory = Memory(config, architectures(config.models.set))
        for net in ("toffeenet", "variants/canvas"):
            found = memory.needed(job("train_toffeenet", net=net))
            assert 10 * GIB < found < config.budget.gpu_memory_gib * GIB
