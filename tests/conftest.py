"""What all tests share: how workers divide the tests, a zoo of random weights, a small world."""

import gc
from pathlib import Path

import pytest
from fork_server import JOBS, SNAKEMAKE, ForkServer, environment
from workers import made_once, run_process

LONGEST = (
    *("tests/slurm/", "tests/hub/test_paper_scale.py", "tests/workflow/test_chain.py"),
    *("tests/workflow/", "tests/tools/bench/", "tests/site/", "tests/hub/"),
    *("tests/unit/training/", "tests/unit/evaluation/", "tests/unit/download/"),
)
"""Where the tests lie that take longest, in this order."""

gc.disable()  # until all modules and tests are there: they stay, and there are millions of objects


def pytest_collection_finish() -> None:
    """From here on garbage is looked for only among what the tests make."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items) -> None:
    """Files that take long begin first. With several workers (`-n 2 --dist loadfile`) the tests of
    a file run on the same one, which makes the file's fixtures once."""

    def place(item) -> int:
        return next((n for n, p in enumerate(LONGEST) if item.nodeid.startswith(p)), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def fork_server(tmp_path_factory) -> ForkServer:
    """A server with what Snakemake and its jobs import, the same for all workers of the run."""

    def start(folder: Path) -> None:
        modules = (*SNAKEMAKE, *JOBS)
        ForkServer.start(folder, modules, environment(), owner=run_process())

    return ForkServer(made_once(tmp_path_factory, "fork_server", start))


@pytest.fixture(scope="session")
def random_zoo(tmp_path_factory) -> Path:
    """A zoo (manifest included) of every role, of the real classes and sizes, untrained."""
    return made_once(tmp_path_factory, "zoo", write_random_zoo)


def write_random_zoo(zoo: Path) -> None:
    import torch
    from diffusers import ControlNetModel

    from toffee.config import ROLES
    from toffee.download.model import write_manifest
    from toffee.models.diffusion import Autoencoder
    from toffee_zoo.autoencoder import build_autoencoder
    from toffee_zoo.clip import build_clip, build_tokenizer, vocabulary_texts
    from toffee_zoo.encoder import MEAN, STD, build_encoder, write_preprocessor
    from toffee_zoo.perception import build_depth, build_segmenter
    from toffee_zoo.text_to_image import assemble_base, build_unet

    parts = zoo.parent / "parts"
    torch.manual_seed(0)
    for role in ("clip", "metric_clip"):
        clip = build_clip(build_tokenizer(vocabulary_texts(), zoo / role))
        clip.half().save_pretrained(zoo / role)
    models = {
        "subject_encoder": build_encoder("dinov2", 64),
        "metric_dino": build_encoder("vit", 64),
        "segmenter": build_segmenter(),
        "depth": build_depth(),
    }
    for role, model in models.items():
        model.half().save_pretrained(zoo / role)
    for role in (*models, "clip", "metric_clip"):
        write_preprocessor(zoo / role, "ViTImageProcessor", 64, MEAN, STD)
    build_autoencoder().half().save_pretrained(parts / "autoencoder")
    (zoo / "text_to_image").mkdir()
    assemble_base(parts / "autoencoder", zoo / "clip", zoo / "text_to_image")
    factor = Autoencoder(zoo / "text_to_image" / "vae").factor
    unet = build_unet(128, 64 // factor)
    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(16, 32, 32, 64))
    control.half().save_pretrained(zoo / "controlnet_depth")
    unet.half().save_pretrained(zoo / "text_to_image" / "unet")
    write_manifest(zoo, {role: {"seed": 0} for role in ROLES})


@pytest.fixture(scope="session")
def small_world(tmp_path_factory) -> Path:
    """Folders `subjects` (8) and `multiview` (8 sequences of 2 views) of 64 pixels."""
    from toffee.data.world.write import write_multiview, write_subjects

    root = tmp_path_factory.mktemp("world")
    write_subjects(root / "subjects", 8, seed=0)
    write_multiview(root / "multiview", 8, 2, seed=0)
    return root
