"""Stable Diffusion's folders: what we draw of them is what diffusers' own pipelines draw."""

import json
import shutil

import numpy as np
import pytest
import torch
from closeness import close
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

from toffee.config.settings import Sampling
from toffee.models.diffusion import Autoencoder, load_scheduler
from toffee.models.text_to_image import TextEncoder, TextToImage
from toffee.runtime.errors import ToffeeError

PROMPTS = ["a red mug on the grass", "a car"]
SIDE, STEPS, GUIDANCE = 64, 4, 7.5


@pytest.fixture(scope="module")
def noise():
    return torch.randn(2, 4, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(0))


def parts(folder) -> dict:
    """The pipeline's parts, each loaded by its own class; DDIM by the config of the folder."""
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    return {
        "vae": AutoencoderKL.from_pretrained(folder / "vae"),
        "unet": UNet2DConditionModel.from_pretrained(folder / "unet"),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder").eval(),
        "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        "scheduler": DDIMScheduler.from_config(config),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def drawn(pipeline, noise, **more) -> torch.Tensor:
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(
        prompt=PROMPTS,
        height=SIDE,
        width=SIDE,
        latents=noise.clone(),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        output_type="np",
        **more,
    ).images
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


def assert_same_pictures(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.shape == theirs.shape == (2, 3, SIDE, SIDE)
    assert theirs.std() > 0.01 and not torch.allclose(theirs[0], theirs[1], atol=1e-2)
    assert (ours - theirs).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("solver", "kind"), [("ddim", DDIMScheduler), ("dpmpp_2m", DPMSolverMultistepScheduler)]
)
def test_pictures_are_those_of_diffusers_pipeline(stable_diffusion, noise, solver, kind):
    ours = TextToImage(stable_diffusion)
    assert ours.autoencoder.latent_shape(SIDE) == (4, 8, 8)
    pipeline = StableDiffusionPipeline(**parts(stable_diffusion))
    if kind is not type(pipeline.scheduler):  # by the whole schedule: diffusers leaves defaults out
        config = pipeline.scheduler.config.items()
        pipeline.scheduler = kind.from_config({k: v for k, v in config if not k.startswith("_")})
    sampling = Sampling(STEPS, GUIDANCE, solver=solver)
    assert_same_pictures(ours.draw(PROMPTS, noise, sampling), drawn(pipeline, noise))


def test_pictures_over_a_depth_are_those_of_diffusers_pipeline(stable_diffusion, noise):
    folder = stable_diffusion / "controlnet"
    depth = torch.rand(2, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    pipeline = StableDiffusionControlNetPipeline(
        **parts(stable_diffusion), controlnet=ControlNetModel.from_pretrained(folder)
    )
    image = depth[:, None].expand(-1, 3, -1, -1)
    if pipeline.scheduler.config.clip_sample:  # which this pipeline, unlike the other, leaves so
        pipeline.scheduler.register_to_config(clip_sample=False)
    theirs = drawn(pipeline, noise, image=image, controlnet_conditioning_scale=0.7)
    model = TextToImage(stable_diffusion, folder)
    ours = model.draw(PROMPTS, noise, Sampling(STEPS, GUIDANCE, 0.7), depth)
    assert_same_pictures(ours, theirs)
    without = model.draw(PROMPTS, noise, Sampling(STEPS, GUIDANCE))
    assert (without - theirs).abs().max() > 1e-2, "the ControlNet has its say"


def test_the_schedule_is_diffusers_own(stable_diffusion):
    config = json.loads((stable_diffusion / "scheduler" / "scheduler_config.json").read_text())
    ours = load_scheduler(stable_diffusion / "scheduler")
    theirs = DDIMScheduler.from_config(config)
    for scheduler in (ours, theirs):
        scheduler.set_timesteps(50)
    assert torch.equal(ours.timesteps, theirs.timesteps)
    assert ours.timesteps[0] == 981 and ours.timesteps[-1] == 1, "leading, with an offset of 1"
    assert torch.equal(ours.alphas_cumprod, theirs.alphas_cumprod)
    assert ours.final_alpha_cumprod == ours.alphas_cumprod[0], "set_alpha_to_one is false"
    assert ours.config.prediction_type == config.get("prediction_type", "epsilon")
    assert ours.config.clip_sample is False


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "expected a scheduler config with"),
        ({"beta_schedule": "linear", "prediction_type": "sample"}, "prediction_type 'sample'"),
        ({"beta_schedule": "steep"}, "beta_schedule 'steep'"),
    ],
)
def test_a_schedule_that_ddim_cannot_sample_is_refused(tmp_path, config, match):
    (tmp_path / "scheduler_config.json").write_text(json.dumps(config))
    with pytest.raises(ToffeeError, match=match) as error:
        load_scheduler(tmp_path)
    assert "scheduler_config.json" in str(error.value) and "\n" not in str(error.value)


def rewritten(folder, name: str, rename, extra=None) -> None:
    """Give the tensors of a file other names, and add some."""
    tensors = {rename(key): value for key, value in load_file(folder / name).items()}
    save_file(tensors | (extra or {}), folder / name)


def test_the_text_encoders_old_names_are_read(stable_diffusion, tmp_path):
    """The hub's files have the prefix text_model and a buffer of positions."""
    folder = tmp_path / "model"
    shutil.copytree(stable_diffusion, folder)
    expected = TextEncoder(folder)(PROMPTS)
    assert expected.shape == (2, TextEncoder(folder).tokenizer.model_max_length, 32)
    rewritten(
        folder / "text_encoder",
        "model.safetensors",
        lambda key: f"text_model.{key.removeprefix('text_model.')}",
        {"text_model.embeddings.position_ids": torch.arange(expected.shape[1])[None]},
    )
    # The weights lie at another address of the file.
    assert close(TextEncoder(folder)(PROMPTS), expected)


def test_a_text_encoder_gives_its_last_layer_after_the_norm(stable_diffusion):
    """Stable Diffusion 2 uses OpenCLIP's last layer but one: its file has one layer less."""
    encode = TextEncoder(stable_diffusion)
    tokens = encode.tokenizer(
        PROMPTS, padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    with torch.no_grad():
        hidden = encode.model(tokens, output_hidden_states=True).hidden_states
    norm = getattr(encode.model, "text_model", encode.model).final_layer_norm
    assert torch.allclose(encode(PROMPTS), norm(hidden[-1]), atol=1e-5)


@pytest.mark.parametrize("pad", ["!", "<|endoftext|>"])
def test_prompts_are_padded_with_the_folders_own_token(stable_diffusion, tmp_path, pad):
    """Stable Diffusion 2 pads with "!" (special_tokens_map.json), 1.5 with the end of the text."""
    folder = tmp_path / "model"
    shutil.copytree(stable_diffusion, folder)
    given = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
    special = given | {"unk_token": "<|endoftext|>", "pad_token": pad}
    config = given | {
        "pad_token": "<|endoftext|>",
        "model_max_length": 77,
        "tokenizer_class": "CLIPTokenizer",
        "add_prefix_space": False,
    }
    tokenizer = folder / "tokenizer"
    old = CLIPTokenizer.from_pretrained(tokenizer)
    tokens = json.loads((tokenizer / "tokenizer.json").read_text())["model"]
    (tokenizer / "tokenizer.json").unlink()
    (tokenizer / "vocab.json").write_text(json.dumps(old.get_vocab()))
    merges = [" ".join(merge) for merge in tokens["merges"]]
    (tokenizer / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(config))
    (tokenizer / "special_tokens_map.json").write_text(json.dumps(special))
    seen = TextEncoder(folder).tokenizer("a car", padding="max_length", truncation=True).input_ids
    assert len(seen) == 77
    assert seen[-1] == old.convert_tokens_to_ids(pad)
    assert seen[:4] == old("a car").input_ids


def test_the_autoencoders_old_names_and_scale_are_read(stable_diffusion, tmp_path):
    """Stable Diffusion 1.5's file names its attention as of old, and its config has no scale."""
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    expected = Autoencoder(stable_diffusion / "vae").encode(images)
    folder = tmp_path / "vae"
    shutil.copytree(stable_diffusion / "vae", folder)
    old = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}

    def rename(key: str) -> str:
        for new, was in old.items():
            key = key.replace(new, was)
        return key

    assert any("to_q" in key for key in load_file(folder / "diffusion_pytorch_model.safetensors"))
    rewritten(folder, "diffusion_pytorch_model.safetensors", rename)
    config = json.loads((folder / "config.json").read_text())
    config.pop("scaling_factor")
    (folder / "config.json").write_text(json.dumps(config))
    autoencoder = Autoencoder(folder)
    assert (autoencoder.scale, autoencoder.factor, autoencoder.channels) == (0.18215, 8, 4)
    assert torch.allclose(autoencoder.encode(images), expected, atol=1e-6)


def test_latents_are_the_scaled_mode_and_come_back(stable_diffusion):
    """Reference: AutoencoderKL itself."""
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    ours, theirs = (
        Autoencoder(stable_diffusion / "vae"),
        AutoencoderKL.from_pretrained(stable_diffusion / "vae"),
    )
    with torch.no_grad():
        mean = theirs.encode(images * 2 - 1).latent_dist.mean
        back = theirs.decode(mean).sample / 2 + 0.5
    latents = ours.encode(images)
    assert torch.allclose(latents, mean * 0.18215, atol=1e-6)
    assert torch.allclose(ours.decode(latents), back.clamp(0, 1), atol=1e-5)
