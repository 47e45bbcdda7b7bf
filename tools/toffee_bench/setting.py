"""What a measurement of the tiny scale works on: a small world, a plan, and all models."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from toffee.config import Config, load_catalogue
from toffee.config.drawing import sampling_of
from toffee.config.settings import CANVAS, Sampling
from toffee.data.world.write import write_multiview, write_subjects
from toffee.method.view_generator import entry_channels
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.text_to_image import TextToImage
from toffee.models.unet import load_unet, widen_unet
from toffee.runtime.project import PROJECT
from toffee.synthesis.listing import list_subjects
from toffee.synthesis.plan import plan_shard

ROOT = PROJECT
SUBJECTS, SEQUENCES, VIEWS = 16, 16, 2


def drawer_sampling(config: Config) -> Sampling:
    """How initial images and edits are drawn: in a few steps where the set of models has one that
    does. The model itself is always the base model, whose networks are as large."""
    models = load_catalogue(ROOT / config.models.catalogue, config.models.set)
    return sampling_of(models, config.controlled_sampling)


@dataclass(frozen=True)
class Setting:
    """Where the inputs of a measurement are, and the configuration that it follows."""

    config: Config
    models: Path
    folder: Path

    def model(self, role: str) -> Path:
        """Folder of a base model or of a generator."""
        own = self.folder / "models" / role
        return own if own.exists() else self.models / role

    def plan(self, shard: int, samples: int) -> Path:
        """The plan of a shard of so many samples, by the configuration's prompts and shares."""
        path = self.folder / "plan" / f"{shard:05d}.parquet"
        plan_shard(
            self.folder / "subjects.parquet",
            self.folder / "donors.parquet",
            ROOT / self.config.synthesis.prompts,
            self.folder / "subjects",
            self.folder / "multiview",
            self.config.synthesis.kinds.model_dump(),
            path.stem,
            samples,
            self.config.seed,
            path,
        )
        return path


def prepare(folder: Path, config: Config, models: Path | None = None) -> Setting:
    """Write a world and the untrained generators into a folder.

    Weights do not change how fast a model is: Refiner and View Generator are the base UNet,
    widened as their trainings widen it.

    Args:
        folder: a folder of its own.
        config: a configuration of the tiny scale's world.
        models: base models by role; those that ship with the repository by default.
    """
    models = models or ROOT / config.models.zoo
    size = config.data.resolution
    write_subjects(folder / "subjects", SUBJECTS, config.seed, size)
    write_multiview(folder / "multiview", SEQUENCES, VIEWS, config.seed, size)
    names = ("subjects.parquet", "donors.parquet", "quarantine.csv")
    out, donors, quarantine = (folder / name for name in names)
    list_subjects(folder / "subjects", folder / "multiview", out, donors, quarantine)
    base = models / "text_to_image"
    width = SubjectEncoder(models / "subject_encoder").width
    torch.manual_seed(config.seed)
    views, autoencoder = config.view_generator, TextToImage(base).autoencoder
    channels = {
        "refiner": width if config.refiner.token_grid else 0,
        "view_generator": entry_channels(autoencoder, views.depth, views.reference == CANVAS),
    }
    for name, extra in channels.items():
        widen_unet(load_unet(base / "unet"), extra, width).save_pretrained(folder / "models" / name)
    return Setting(config, models, folder)


def clear(folder: Path) -> None:
    """Remove what an earlier repeat wrote."""
    shutil.rmtree(folder, ignore_errors=True)
