"""ToffeeNet as a diffusers pipeline: it stands alone, and draws what ToffeeNet draws."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from diffusers import DiffusionPipeline
from PIL import Image

from toffee.config.settings import Sampling
from toffee.data.loaders.images import to_tensor
from toffee.export.pipeline import export_pipeline
from toffee.method.toffeenet import ToffeeNet, save_toffeenet
from toffee.models.diffusion import Autoencoder
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.unet import add_subject_attention, load_unet, widen_unet

PROMPTS = ["a red mug", "a car on the grass"]
MODELS = {"text_to_image": "zoo/text_to_image", "subject_encoder": "b/c at 0", "depth": "zoo/depth"}
LICENCES = {"text_to_image": "openrail++", "subject_encoder": "apache-2.0", "depth": "mit"}
STEPS, GUIDANCE = 2, 3.0
SHADES = Image.fromarray(np.linspace(0, 100, 64 * 64).reshape(64, 64).astype(np.uint8))


def build(zoo: Path, out: Path, depth: bool, reference: str = "tokens") -> Path:
    """An untrained ToffeeNet, of which every part has a say in what it draws."""
    torch.manual_seed(0)
    encoder = SubjectEncoder(zoo / "subject_encoder")
    channels = Autoencoder(zoo / "text_to_image" / "vae").channels
    count, extra = encoder.grid**2, 64 + channels + (64 if depth else 0)
    unet = widen_unet(load_unet(zoo / "text_to_image" / "unet"), extra)
    add_subject_attention(unet, encoder.width, count)
    torch.nn.init.normal_(unet.conv_in.weight, std=0.05)
    settings = {"token_width": encoder.width, "tokens": count, "depth": depth}
    settings |= {"segmented": True, "kinds": "both", "pairs": 5, "reference": reference}
    save_toffeenet(out, unet, settings)
    return out


@pytest.fixture(scope="module")
def zoo(random_zoo, tmp_path_factory) -> Path:
    """Base models whose encoder asks for a crop, as those of the hub do."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "text_to_image").symlink_to(random_zoo / "text_to_image")
    shutil.copytree(random_zoo / "subject_encoder", folder / "subject_encoder")
    path = folder / "subject_encoder" / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": {"shortest_edge": 80}}))
    return folder


@pytest.fixture(scope="module")
def nets(zoo, tmp_path_factory) -> dict[bool, Path]:
    """Folders of ToffeeNets without depth and with it."""
    root = tmp_path_factory.mktemp("nets")
    return {depth: build(zoo, root / f"depth_{depth}", depth) for depth in (False, True)}


def write(net: Path, zoo: Path, out: Path, **solver) -> Path:
    parts = net, zoo / "text_to_image", zoo / "subject_encoder", out
    values = "toffeenet-test", 64, 1.0, Sampling(STEPS, GUIDANCE, **solver), None, GUIDANCE, None
    export_pipeline(*parts, *values, MODELS, LICENCES)
    return out


@pytest.fixture(scope="module")
def folder(nets, zoo, tmp_path_factory) -> Path:
    return write(nets[False], zoo, tmp_path_factory.mktemp("pipeline") / "pipeline")


def load(folder: Path, **options) -> DiffusionPipeline:
    options = {"trust_remote_code": True, "use_safetensors": True} | options
    pipe = DiffusionPipeline.from_pretrained(folder, **options)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def pipe(folder) -> DiffusionPipeline:
    return load(folder)


@pytest.fixture(scope="module")
def net(nets, zoo) -> ToffeeNet:
    return ToffeeNet(nets[False], zoo / "text_to_image", zoo / "subject_encoder")


@pytest.fixture(scope="module")
def given(zoo):
    """Two subjects with masks, pictures to edit with masks, and noise."""
    draw = torch.Generator().manual_seed(0)
    subjects, pictures = (torch.rand(2, 3, 64, 64, generator=draw) for _ in range(2))
    subject_masks, masks = torch.zeros(2, 2, 64, 64, dtype=torch.bool)
    subject_masks[0, 16:48, 16:48] = True  # the second subject was not found
    masks[0, 10:50, 20:40] = True
    masks[1, ::2] = True
    shape = Autoencoder(zoo / "text_to_image" / "vae").latent_shape(64)
    return subjects, subject_masks, pictures, masks, torch.randn(2, *shape, generator=draw)


def difference(drawn: torch.Tensor, expected: torch.Tensor) -> float:
    assert drawn.shape == expected.shape and expected.std() > 0.01
    return float((drawn - expected).abs().max())


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_it_draws_what_toffeenet_draws(pipe, net, given, scale) -> None:
    subjects, subject_masks, *_, noise = given
    tokens = net.tokens(subjects, subject_masks)
    expected = net.draw(PROMPTS, tokens, noise, Sampling(STEPS, GUIDANCE), scale)
    drawn = pipe(
        PROMPTS, subjects, subject_masks, subject_scale=scale, latents=noise, output_type="pt"
    ).images
    assert difference(drawn, expected) < 1e-4
    other = pipe(PROMPTS, subjects, subject_scale=scale, latents=noise, output_type="pt").images
    assert (difference(other[:1], drawn[:1]) > 1e-3) == (scale > 0)  # the mask tells


def test_it_edits_as_toffeenet_edits_and_leaves_the_rest(pipe, net, given) -> None:
    subjects, subject_masks, pictures, masks, noise = given
    tokens = net.tokens(subjects, subject_masks)
    expected = net.draw(
        PROMPTS, tokens, noise, Sampling(STEPS, GUIDANCE), picture=pictures, mask=masks
    )
    drawn = pipe(
        PROMPTS, subjects, subject_masks, pictures, masks, latents=noise, output_type="pt"
    ).images
    assert difference(drawn, expected) < 1e-4
    inside = masks[:, None].expand_as(pictures)
    assert torch.equal(drawn[~inside], pictures[~inside])
    assert difference(drawn[inside], pictures[inside]) > 1e-3


def test_a_model_with_depth_takes_it(nets, zoo, given, tmp_path) -> None:
    subjects, subject_masks, *_, noise = given
    net = ToffeeNet(nets[True], zoo / "text_to_image", zoo / "subject_encoder")
    pipe = load(write(nets[True], zoo, tmp_path / "pipeline"))
    depth = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(1))
    tokens = net.tokens(subjects, subject_masks)
    expected = net.draw(PROMPTS, tokens, noise, Sampling(STEPS, GUIDANCE), depth=depth)
    arguments = {"latents": noise, "output_type": "pt"}
    drawn = pipe(PROMPTS, subjects, subject_masks, depth=depth, **arguments).images
    assert difference(drawn, expected) < 1e-4
    flat = pipe(PROMPTS, subjects, subject_masks, **arguments).images
    assert difference(flat, net.draw(PROMPTS, tokens, noise, Sampling(STEPS, GUIDANCE))) < 1e-4
    assert difference(flat, drawn) > 1e-3


@pytest.mark.parametrize(
    "solver", [{"solver": "dpmpp_2m"}, {"guidance_low": 0.3}, {"guidance_high": 0.6}]
)
def test_it_samples_as_the_run_did(nets, net, zoo, given, tmp_path, solver) -> None:
    pipe = load(write(nets[False], zoo, tmp_path / "pipeline", **solver))
    subjects, subject_masks, *_, noise = given
    tokens, sampling = net.tokens(subjects, subject_masks), Sampling(STEPS, GUIDANCE, **solver)
    options = {"latents": noise, "output_type": "pt", "num_inference_steps": 4}
    drawn = pipe(PROMPTS, subjects, subject_masks, **options).images
    expected = net.draw(PROMPTS, tokens, noise, replace(sampling, steps=4))
    assert difference(drawn, expected) < 1e-4
    plain = net.draw(PROMPTS, tokens, noise, Sampling(4, GUIDANCE))
    assert difference(drawn, plain) > 1e-3


@pytest.fixture(scope="module")
def canvas(zoo, tmp_path_factory) -> tuple[DiffusionPipeline, ToffeeNet]:
    """A pipeline and its ToffeeNet that see the subject on a canvas."""
    root = tmp_path_factory.mktemp("canvas")
    folder = build(zoo, root / "net", depth=True, reference="canvas")
    net = ToffeeNet(folder, zoo / "text_to_image", zoo / "subject_encoder")
    return load(write(folder, zoo, root / "pipeline")), net


@pytest.mark.parametrize(("scale", "apart"), [(1.0, None), (2.0, 5.0), (0.5, 1.0), (0.0, 2.0)])
@pytest.mark.parametrize("edits", [None, "part", "whole"])
def test_on_a_canvas_and_guided_apart_it_draws_what_toffeenet_draws(
    canvas, given, scale, apart, edits
) -> None:
    pipe, net = canvas
    subjects, subject_masks, pictures, masks, noise = given
    masks = torch.ones_like(masks) if edits == "whole" else masks
    edit = {"picture": pictures, "mask": masks} if edits else {}
    expected = net.draw(
        PROMPTS,
        net.tokens(subjects, subject_masks),
        noise,
        Sampling(STEPS, GUIDANCE),
        scale,
        subject_guidance=apart,
        reference=net.reference(subjects, subject_masks),
        **edit,
    )
    drawn = pipe(
        PROMPTS,
        subjects,
        subject_masks,
        *((pictures, masks) if edits else ()),
        subject_scale=scale,
        subject_guidance_scale=apart,
        latents=noise,
        output_type="pt",
    ).images
    assert difference(drawn, expected) < 2e-4


def test_several_photos_of_a_subject_are_seen_side_by_side(canvas, given) -> None:
    pipe, net = canvas
    subjects, subject_masks, *_, noise = given
    pictures, masks = ([pil(one) for one in some] for some in (subjects, subject_masks))
    options = {"latents": noise[:1], "output_type": "pt", "subject_guidance_scale": 5.0}
    drawn = pipe(PROMPTS[0], [pictures], [masks], **options).images
    seen = torch.stack([to_tensor([np.array(one)])[0] for one in pictures])
    tokens = net.tokens(seen, subject_masks)
    expected = net.draw(
        PROMPTS[:1],
        torch.cat([tokens[:1], tokens[1:]], 1),
        noise[:1],
        Sampling(STEPS, GUIDANCE),
        subject_guidance=5.0,
        reference=net.reference(seen[:1], subject_masks[:1]),
    )
    assert difference(drawn, expected) < 2e-4
    assert difference(drawn, pipe(PROMPTS[0], pictures[0], masks[0], **options).images) > 1e-3
    with pytest.raises(ValueError, match="expected as many photos of each subject"):
        pipe(PROMPTS[0], [pictures], [masks[:1]], **options)


def test_a_canvas_takes_pictures_that_are_not_square(canvas, given) -> None:
    subject, mask = pil(given[0][0]), pil(given[1][0])
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8))
    options = {"image": picture, "mask": Image.new("L", (128, 64), 255), "output_type": "np"}
    by_scale = [
        canvas[0]("a mug", subject, mask, seed=0, subject_scale=scale, **options).images[0]
        for scale in (1.0, 1.0 + 1e-6, 4.0)
    ]
    assert by_scale[0].shape == (64, 128, 3)
    # Beside 1 the weights are computed, and are next to those that are not.
    assert np.abs(by_scale[1] - by_scale[0]).max() < 1e-3 < np.abs(by_scale[2] - by_scale[0]).max()


def test_the_folder_says_how_it_guides(nets, zoo, given, tmp_path) -> None:
    parts = nets[False], zoo / "text_to_image", zoo / "subject_encoder", tmp_path / "pipeline"
    values = "test", 64, 1.0, Sampling(STEPS, GUIDANCE), 5.0, 4.0, 2.0
    export_pipeline(*parts, *values, MODELS, LICENCES)
    card = " ".join((parts[-1] / "README.md").read_text().split())
    weights = (
        "guidance 3 by the text and 5 by the subject; of edits 4 by the text and 2 by the subject"
    )
    assert weights in card
    pipe, options = load(parts[-1]), {"latents": given[-1], "output_type": "pt"}
    drawn, same, at_once = (
        pipe(PROMPTS, *given[:2], **options, **scale).images
        for scale in ({}, {"subject_guidance_scale": 5.0}, {"subject_guidance_scale": GUIDANCE})
    )
    assert torch.equal(drawn, same)
    assert difference(drawn, at_once) > 1e-3
    edited, same, as_drawn = (
        pipe(PROMPTS, *given[:4], **options, **scales).images
        for scales in (
            {},
            {"guidance_scale": 4.0, "subject_guidance_scale": 2.0},
            {"guidance_scale": GUIDANCE, "subject_guidance_scale": 5.0},
        )
    )
    assert torch.equal(edited, same)
    assert difference(edited, as_drawn) > 1e-3


def pil(picture: torch.Tensor) -> Image.Image:
    array = picture.float().mul(255).round().to(torch.uint8)
    return Image.fromarray((array.permute(1, 2, 0) if array.ndim == 3 else array).numpy())


def test_pictures_of_any_size_come_back_as_they_were_outside_of_the_mask(pipe, given) -> None:
    subjects, subject_masks, *_ = given
    noise = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)
    picture, mask = Image.fromarray(noise), Image.new("L", (130, 90))
    mask.paste(255, (30, 20, 71, 55))
    subject, subject_mask = pil(subjects[0]), pil(subject_masks[0])
    drawn = pipe("a mug", subject, subject_mask, picture, mask, seed=0).images[0]
    inside = np.array(mask) > 0
    assert drawn.size == picture.size
    assert (np.array(drawn)[~inside] == noise[~inside]).all()
    assert (np.array(drawn)[inside] != noise[inside]).mean() > 0.9


def test_a_picture_has_its_own_noise_whatever_is_drawn_beside_it(pipe, given) -> None:
    subject = pil(given[0][0])
    alone = [pipe("a mug", subject, seed=seed, output_type="np").images[0] for seed in (5, 6)]
    both = pipe("a mug", subject, seed=5, num_images_per_prompt=2, output_type="np").images
    assert np.abs(both - np.stack(alone)).max() < 1e-4
    assert np.abs(alone[0] - alone[1]).max() > 0.01
    generator = torch.Generator().manual_seed(5)
    other = pipe("a mug", subject, generator=generator, output_type="np").images[0]
    assert np.abs(other - alone[0]).max() < 1e-6


def test_without_a_subject_it_draws_the_text(pipe, net, given) -> None:
    noise = given[-1]
    none = torch.zeros(2, pipe.unet.config.subject_tokens, net.encoder.width)
    expected = net.draw(PROMPTS, none, noise, Sampling(STEPS, GUIDANCE))
    assert difference(pipe(PROMPTS, latents=noise, output_type="pt").images, expected) < 1e-4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_draws_nearly_the_same(folder, pipe, given, dtype) -> None:
    subjects, subject_masks, pictures, masks, noise = given
    half = load(folder, dtype=dtype, custom_pipeline=str(folder))
    for module in (half.unet, half.vae, half.text_encoder, half.subject_encoder):
        assert {weight.dtype for weight in module.parameters()} == {dtype}
    arguments = (PROMPTS, subjects, subject_masks, pictures, masks)
    options = {"latents": noise, "guidance_scale": 1.0, "num_inference_steps": 1}
    options["output_type"] = "pt"
    drawn = half(*arguments, **options).images
    assert (drawn - pipe(*arguments, **options).images).abs().mean() < 0.02
    inside = masks[:, None].expand_as(pictures)
    assert torch.equal(drawn[~inside], pictures[~inside])


def test_a_mask_is_the_same_however_it_is_written(pipe, given, tmp_path) -> None:
    subject = pil(given[0][0])
    mask = given[1][0].numpy()
    full = Image.fromarray(mask.astype(np.uint8) * 255)
    white = Image.new("RGBA", (64, 64), "white")
    white.putalpha(full)
    full.save(tmp_path / "mask.png")
    subject.save(tmp_path / "subject.png")

    def draw(subject, mask):
        options = {"seed": 0, "num_inference_steps": 1, "output_type": "np"}
        return pipe("a mug", subject, mask, **options).images

    expected = draw(subject, full)
    assert np.abs(expected - draw(subject, None)).max() > 1e-3
    for other in (
        Image.fromarray(mask.astype(np.uint8)),
        white,
        torch.from_numpy(mask)[None],
        torch.from_numpy(mask)[None].float(),
        torch.from_numpy(mask)[None].to(torch.uint8),
        str(tmp_path / "mask.png"),
    ):
        assert np.array_equal(draw(subject, other), expected)
    bytes_ = torch.from_numpy(np.array(subject)).permute(2, 0, 1)[None]
    for other in (bytes_, bytes_.float() / 255, tmp_path / "subject.png"):
        assert np.array_equal(draw(other, full), expected)


def test_several_pictures_for_one_prompt_are_drawn_each(pipe, given) -> None:
    several = [pil(one) for one in given[0]]
    options = {"num_inference_steps": 1, "output_type": "np"}
    both = pipe("a mug", several, seed=3, **options).images
    one = pipe("a mug", several[1], seed=4, **options).images
    assert len(both) == 2 and np.abs(both[1] - one[0]).max() < 1e-4


def test_a_saved_pipeline_loads_again_and_draws_the_same(pipe, given, tmp_path) -> None:
    pipe.save_pretrained(tmp_path / "saved")
    again = load(tmp_path / "saved")
    again.save_pretrained(tmp_path / "twice")
    twice = load(tmp_path / "twice")
    subjects, subject_masks, *_, noise = given
    options = {"latents": noise, "output_type": "pt", "num_inference_steps": 1}
    expected, *drawn = (
        one(PROMPTS, subjects, subject_masks, **options).images for one in (pipe, again, twice)
    )
    assert all(torch.equal(one, expected) for one in drawn)
    with pytest.raises(ValueError, match="push_to_hub is not supported"):
        pipe.save_pretrained(tmp_path / "saved", push_to_hub=True)


def test_sliced_attention_draws_the_same_and_still_sees_the_subject(canvas, given) -> None:
    pipe, _ = canvas
    subjects, subject_masks, *_, noise = given
    options = {"subject_scale": 2.0, "latents": noise, "output_type": "pt"}
    options |= {"num_inference_steps": 1}
    expected = pipe(PROMPTS, subjects, subject_masks, **options).images
    weights = set(pipe.unet.state_dict())
    pipe.enable_attention_slicing()
    try:
        drawn = pipe(PROMPTS, subjects, subject_masks, **options).images
        assert all(one.one_by_one for one in pipe.unet.attn_processors.values())
    finally:
        pipe.disable_attention_slicing()
    assert difference(drawn, expected) < 1e-4 and set(pipe.unet.state_dict()) == weights
    assert torch.equal(pipe(PROMPTS, subjects, subject_masks, **options).images, expected)


def test_offloaded_parts_come_when_they_are_used_and_draw_the_same(folder, given) -> None:
    subjects, subject_masks, pictures, masks, noise = given
    pipe = load(folder)
    inputs = (PROMPTS, subjects, subject_masks, pictures, masks)
    options = {"latents": noise, "output_type": "pt", "num_inference_steps": 1}
    expected = pipe(*inputs, **options).images
    with pytest.raises(RuntimeError, match="requires accelerator"):
        pipe.enable_model_cpu_offload()
    pipe.enable_model_cpu_offload(device="cpu")  # stands for a GPU: the hooks are the same
    parts = {id(part): name for name, part in pipe.components.items()}
    loaded = set()
    for hook in pipe._all_hooks:

        def load_part(module, *given, _own=hook.hook.pre_forward, **options):
            loaded.add(parts[id(module)])
            return _own(module, *given, **options)

        hook.hook.pre_forward = load_part
    drawn = pipe(*inputs, **options).images
    assert loaded == {"vae", "text_encoder", "subject_encoder", "unet"}
    assert torch.equal(drawn, expected)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_compiled_unet_draws_the_same_and_is_saved_as_it_was(
    folder, given, tmp_path, in_place
) -> None:
    subjects, subject_masks, *_, noise = given
    pipe = load(folder)
    options = {"latents": noise, "output_type": "pt", "subject_scale": 2.0}
    options |= {"num_inference_steps": 1}
    expected = pipe(PROMPTS, subjects, subject_masks, **options).images
    if in_place:
        pipe.unet.compile(backend="eager")
    else:
        pipe.unet = torch.compile(pipe.unet, backend="eager")
    assert difference(pipe(PROMPTS, subjects, subject_masks, **options).images, expected) < 1e-4
    pipe.save_pretrained(tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert type(again.unet).__name__ == "ToffeeNetUNet"
    assert torch.equal(again(PROMPTS, subjects, subject_masks, **options).images, expected)


def test_a_prompt_that_the_model_does_not_see_whole_warns(pipe, monkeypatch) -> None:
    said: list[str] = []
    logger = sys.modules[type(pipe).__module__].logger
    monkeypatch.setattr(logger, "warning", said.append)
    options = {"seed": 0, "num_inference_steps": 1}
    pipe("a mug", **options)
    assert not said
    pipe("a mug " * 60, **options)
    (line,) = said
    assert f"tokens to the first {pipe.tokenizer.model_max_length}" in line
    said.clear()
    pipe("a mug 猫", **options)
    assert said and "does not know 猫" in said[0]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"image": torch.zeros(1, 3, 64, 64)}, "image and mask belong together"),
        ({"depth": torch.zeros(1, 64, 64)}, "this model takes no depth"),
        ({"subject": "photo.jpg"}, "photo.jpg: cannot be read"),
        ({"subject": "/dev/zero"}, "/dev/zero: cannot be read .no regular file"),
        ({"subject": [7]}, "expected a path, a PIL image, a list of them or a tensor, got int"),
        (
            {"prompt": PROMPTS, "subject": torch.zeros(3, 3, 64, 64)},
            "3 pictures for 2 pictures to draw",
        ),
        ({"subject": -torch.ones(1, 3, 64, 64)}, "pictures are torch.float32 from -1 to -1"),
        ({"subject": torch.full((1, 3, 64, 64), torch.nan)}, "from nan to nan, expected floats"),
        ({"subject": torch.zeros(1, 3, 64, 64, dtype=torch.int64)}, "pictures are torch.int64"),
        ({"subject": torch.zeros(3, 64, 64)}, r"pictures are \[3, 64, 64\], expected \[B, 3, H, W"),
        ({"subject_mask": Image.new("L", (64, 64))}, "subject_mask without subject"),
        ({"output_type": "latent"}, "output_type is 'latent', expected pil, np, pt"),
        ({"prompt": 7}, "prompt is 7, expected a text"),
        ({"prompt": []}, "no prompt"),
        ({"num_inference_steps": 0}, "num_inference_steps is 0, expected a whole number from 1"),
        ({"subject_guidance_scale": -1}, "subject_guidance_scale is -1, expected a number"),
        ({"guidance_scale": "x"}, "guidance_scale is 'x', expected a number"),
        ({"subject_scale": float("nan")}, "subject_scale is nan, expected a number"),
        (
            {"seed": 0, "latents": torch.zeros(1, 16, 8, 8)},
            "expected one of seed, generator and latents",
        ),
        (
            {"image": torch.zeros(1, 3, 64, 64), "mask": torch.full((1, 64, 64), 200.0)},
            "masks are torch.float32 from 200 to 200, expected floats from 0 to 1",
        ),
        (
            {"subject": Image.new("RGB", (64, 64)), "subject_mask": SHADES},
            "the brightest value is 100 of 255, expected 255",
        ),
        (
            {"subject": torch.zeros(1, 3, 64, 64), "subject_mask": Image.new("L", (32, 32))}
            | {"subject": Image.new("RGB", (64, 64)), "subject_mask": torch.zeros(1, 32, 32)},
            "mask is 32 x 32 pixels, expected 64 x 64 as its subject",
        ),
        (
            {"image": Image.new("RGB", (64, 64)), "mask": Image.new("L", (32, 32))},
            "mask is 32 x 32 pixels, expected 64 x 64 as its image",
        ),
        ({"latents": torch.zeros(1, 3, 8, 8)}, r"latents are \(1, 3, 8, 8\), expected \(1, \d+,"),
    ],
)
def test_what_does_not_go_together_is_refused(pipe, wrong, line) -> None:
    with pytest.raises(ValueError, match=line):
        pipe(**({"prompt": "a mug"} | wrong))


def test_the_cards_lines_draw_where_the_folder_stands_alone(folder, pipe, tmp_path) -> None:
    """Copied elsewhere, offline, where this package cannot be found."""
    subprocess.run(["cp", "-r", str(folder), str(tmp_path / "pipeline")], check=True)
    Image.new("RGB", (80, 70), "red").save(tmp_path / "photo.jpg")
    mask = Image.new("L", (80, 70))
    mask.paste(255, (20, 20, 50, 50))
    mask.save(tmp_path / "mask.png")
    lines = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    assert len(lines.splitlines()) == 5
    code = lines.replace("path/of/pipeline", str(tmp_path / "pipeline")) + (
        'drawn.save("drawn.png"), edited.save("edited.png")\n'
        'assert "toffee" not in __import__("sys").modules\n'
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    photo = Image.open(tmp_path / "photo.jpg")
    drawn = pipe("a ball in the snow", photo, mask, seed=0).images[0]
    alone = np.array(Image.open(tmp_path / "drawn.png")).astype(int)
    assert np.abs(alone - np.array(drawn)).max() <= 1  # rounding, with other threads
    changed = np.array(Image.open(tmp_path / "edited.png")) != np.array(photo)
    assert changed[20:50, 20:50].mean() > 0.9 and changed.sum() == changed[20:50, 20:50].sum()


def test_base_parts_are_linked_and_only_safetensors_hold_weights(folder, zoo) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in names} == {".json", ".md", ".py", ".safetensors"}
    assert {name for name in names if name.endswith(".py")} == {
        "inputs.py",
        "pictures.py",
        "pipeline.py",
        "unet/toffeenet_unet.py",
    }
    for part in ("text_to_image/vae", "text_to_image/text_encoder", "subject_encoder"):
        for path in (zoo / part).glob("*.safetensors"):
            assert path.samefile(folder / Path(part).name / path.name)


def test_the_card_tells_the_licences_of_what_is_in_the_folder(folder) -> None:
    _, head, body = (folder / "README.md").read_text().split("---\n", 2)
    values = yaml.safe_load(head)
    assert values["license"] == ["apache-2.0", "openrail++"]
    assert values["library_name"] == "diffusers"
    assert "| subject_encoder | b/c at 0 | apache-2.0 |" in body
    assert "| depth | zoo/depth | mit |" in body.split("were drawn with")[1]
    assert "Trained on 5 synthetic pairs (generation and editing)" in body
