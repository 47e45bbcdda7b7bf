"""What is planned is what is computed: torch's counter around the real models, on real tensors."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from toffee.config.settings import Sampling
from toffee.method.refiner import Refiner
from toffee.method.toffeenet import CONFIG, WEIGHTS, ToffeeNet
from toffee.method.view_generator import ViewGenerator
from toffee.models.clip import Clip
from toffee.models.depth import DepthEstimator
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.text_to_image import TextToImage
from toffee.models.unet import add_subject_attention, load_unet, widen_unet
from toffee.plan.costs import Costs
from toffee.plan.sizes import Sizes
from toffee.plan.work import Work, share_of
from toffee.training.optimizer import make_optimizer

from .conftest import ROOT, ZOO, architectures, config_of

BASE = ZOO / "text_to_image"
RIVALS = {"text_only", "initial", "dreambooth"}
COUNT = 4
PROMPTS = ["a ball", "a car on grass", "a tree", "a mug in the snow"]


@pytest.fixture(scope="module")
def work(tiny, costs):
    return Work(tiny, costs, Sizes(tiny, [], ROOT))


@pytest.fixture(scope="module")
def trained(tiny, costs, tmp_path_factory):
    """Folders of the three models, as their trainings write them, untrained."""
    root, base = tmp_path_factory.mktemp("models"), load_unet(BASE / "unet")
    widen_unet(base, costs.width, costs.width).save_pretrained(root / "refiner")
    for name, given in (("views", 0), ("canvas", costs.channels)):
        extra = costs.factor**2 + given
        widen_unet(base, extra, costs.width).save_pretrained(root / name)
    net = widen_unet(base, costs.factor**2 + costs.channels)
    add_subject_attention(net, costs.width, costs.tokens)
    (root / "net").mkdir()
    net.save_config(root / "net")
    save_file(net.state_dict(), root / "net" / WEIGHTS)
    settings = {"token_width": costs.width, "tokens": costs.tokens}
    settings |= {"depth": False, "segmented": True, "reference": tiny.toffeenet.reference}
    (root / "net" / CONFIG).write_text(json.dumps(settings))
    return root


@pytest.fixture
def noise(costs):
    return torch.randn(COUNT, costs.channels, costs.side, costs.side)


@pytest.fixture
def tokens(costs):
    return torch.randn(COUNT, costs.tokens, costs.width)


def counted(run) -> int:
    """The fused kernels of a CPU are the only ones that torch's counter does not know."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize(
    "sampling", [{}, {"guidance": 1.0}, {"solver": "dpmpp_2m", "guidance_interval": [0.4, 1.0]}]
)
def test_the_base_models_pictures(tiny, costs, noise, control, sampling):
    tiny = config_of({"sampler": {"steps": 3} | sampling})
    work = Work(tiny, costs, Sizes(tiny, [], ROOT))
    model = TextToImage(BASE, ZOO / "controlnet_depth")
    depth = torch.rand(COUNT, 64, 64) if control else None
    real = counted(lambda: model.draw(PROMPTS, noise, tiny.sampler.sampling, depth))
    assert COUNT * work.base_draw(control) == pytest.approx(real, rel=0.01)


@pytest.mark.parametrize("guidance", [1.0, 1.5])
def test_the_refiners_pictures(tiny, costs, trained, noise, tokens, guidance):
    settings = config_of({"refiner": tiny.refiner.model_dump() | {"guidance": guidance}})
    model = Refiner(trained / "refiner", BASE)
    pictures = torch.rand(COUNT, 3, 64, 64)
    sampling, strength = settings.refiner.sampling, settings.refiner.strength
    real = counted(lambda: model.draw(tokens, noise, sampling, pictures, strength))
    planned = Work(settings, costs, Sizes(settings, [], ROOT)).refiner_draw()
    assert COUNT * planned == pytest.approx(real, rel=0.01)


@pytest.mark.parametrize("reference", ["tokens", "canvas"])
def test_the_view_generators_pictures(tiny, trained, noise, tokens, reference):
    config = config_of({"view_generator": {"sampler_steps": 3, "reference": reference}})
    costs, settings = Costs(architectures("tiny"), config), config.view_generator
    model = ViewGenerator(trained / ("canvas" if reference == "canvas" else "views"), BASE)
    depth, pictures = torch.rand(COUNT, 64, 64), torch.rand(COUNT, 3, 64, 64)

    def draw():
        shown = model.reference(pictures)
        return model.draw(tokens, depth, noise, settings.sampling, shown)

    grey = costs.encode if reference == "canvas" else 0  # once for all of a batch
    planned = COUNT * Work(config, costs, Sizes(config, [], ROOT)).view_draw()
    assert planned + grey == pytest.approx(counted(draw), rel=0.01)


def test_toffeenets_pictures(work, tiny, trained, noise, tokens):
    model = ToffeeNet(trained / "net", BASE, ZOO / "subject_encoder")
    settings = tiny.toffeenet
    apart = {"subject_guidance": settings.subject_guidance}
    real = counted(lambda: model.draw(PROMPTS, tokens, noise, settings.sampling, **apart))
    grey = work.costs.encode  # once for all of a batch
    assert COUNT * work.net_draw("toffeenet") + grey == pytest.approx(real, rel=0.01)


def test_a_step_of_toffeenets_training(costs, trained, noise, tokens):
    net = ToffeeNet(trained / "net", BASE, ZOO / "subject_encoder").unet.requires_grad_(True)
    entry = torch.randn(COUNT, net.config.in_channels, costs.side, costs.side)
    text, times = torch.randn(COUNT, costs.text_tokens, costs.text_width), torch.ones(COUNT).long()

    def step():
        states = (text, [net.subject_projection(tokens)])
        torch.nn.functional.mse_loss(net(entry, times, states).sample, noise).backward()

    real = counted(step)
    assert COUNT * costs.net(False, False, back=True) == pytest.approx(real, rel=0.01)
    assert COUNT * costs.net(False, False) < real / 2.5  # a pass back is about two passes


@pytest.mark.parametrize("rule", ["pretrain_refiner", "pretrain_view_generator", "train_toffeenet"])
def test_muons_products_are_counted_once_a_step(costs, rule):
    """Against torch's counter around a step of the optimizer, on the weights that are trained."""

    section = rule.removeprefix("pretrain_").removeprefix("train_")

    def planned(kind: str) -> float:
        config = config_of({section: {"optimizer": kind}})
        costs = Costs(architectures("tiny"), config)
        return getattr(Work(config, costs, Sizes(config, [], ROOT)), rule)({"net": "toffeenet"})

    network, steps = {
        "pretrain_refiner": (costs.refiner_unet, costs.config.refiner.steps),
        "pretrain_view_generator": (costs.views_unet, costs.config.view_generator.steps),
        "train_toffeenet": (costs.net_unet(False), costs.config.toffeenet.steps),
    }[rule]
    parameters = [torch.nn.Parameter(torch.ones(p.shape)) for p in network.parameters()]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    real = counted(make_optimizer("muon", parameters, 0.1, 0.1, fused=False).step)
    assert planned("muon") - planned("adamw") == pytest.approx(steps * real, rel=0.01)
    assert real > 1e9


def test_encoders(costs):
    pictures = torch.rand(COUNT, 3, 64, 64)
    judge, segment = Clip(ZOO / "clip"), load_segmenter(ZOO / "segmenter")
    calls = {
        "subject": lambda: SubjectEncoder(ZOO / "subject_encoder").encode(pictures),
        "depth": lambda: DepthEstimator(ZOO / "depth")(pictures),
        "segment": lambda: segment.segment(pictures, ["ball"] * COUNT),
        "judge": lambda: judge.images(pictures),
    }
    for name, call in calls.items():
        assert COUNT * getattr(costs, name) == pytest.approx(counted(call), rel=0.01), name


@pytest.mark.parametrize(
    ("change", "moved"),
    [({"toffeenet": {"sampler_steps": 9}}, {"toffeenet"}), ({"sampler": {"steps": 9}}, RIVALS)],
)
def test_the_rivals_draw_as_the_base_model_does(tiny, costs, change, moved):
    """As rules/methods.smk and rules/dreambooth.smk have it."""

    def drawn(config):
        work = Work(config, costs, Sizes(config, [], ROOT))
        names = ("text_only", "initial", "toffeenet")
        flops = {name: work.generate_benchmark({"method": name, "draw": "0"}) for name in names}
        return flops | {"dreambooth": work.generate_dreambooth({"tuned": "dreambooth"})}

    before, after = drawn(config_of({})), drawn(config_of(change))
    assert {name for name in before if before[name] != after[name]} == moved


def test_a_photo_beside_each_view_is_encoded_too(costs):
    views, photos = (
        Work(config, costs, Sizes(config, [], ROOT)).train_toffeenet({"net": "toffeenet"})
        for config in (config_of({"toffeenet": {"own_photo": share}}) for share in (0, 0.5))
    )
    pairs = Work(config_of({}), costs, Sizes(config_of({}), [], ROOT)).pairs(
        config_of({}).toffeenet
    )
    assert photos - views == pytest.approx(pairs * (costs.subject + costs.encode))


@pytest.mark.parametrize("strength", [1.0, 0.75, 0.5, 0.01])
def test_steps_are_those_that_sampling_runs(strength):
    from toffee.models.diffusion import load_scheduler
    from toffee.models.sampling import sample

    seen = []

    def predict(latents, times, guide):
        seen.append(times)
        return latents

    noise = torch.zeros(1, 16, 8, 8)
    sample(predict, load_scheduler(BASE / "scheduler"), noise, Sampling(10, 1.0), noise, strength)
    assert len(seen) == share_of(10, strength)
