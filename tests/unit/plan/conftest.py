"""The run that plans are made of here: the tiny scale with the shipped zoo, few steps."""

from pathlib import Path

import pytest
import yaml

from toffee.config import Config, load_catalogue, load_config
from toffee.plan.architectures import Architectures
from toffee.plan.costs import Costs

ROOT = Path(__file__).resolve().parents[3]
ZOO = ROOT / "workflow" / "zoo"


def laid(base: dict, over: dict) -> dict:
    """One configuration over another, as Snakemake lays them."""
    both = {
        k: laid(base[k], v) if isinstance(v, dict) and isinstance(base.get(k), dict) else v
        for k, v in over.items()
    }
    return base | both


def config_of(*layers: dict | str) -> Config:
    """The tiny configuration with files of config/ and values laid over it."""
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for layer in layers:
        if isinstance(layer, str):
            layer = yaml.safe_load((ROOT / "config" / layer).read_text())
        values = laid(values, layer)
    return load_config(values)


def architectures(name: str, models: Path = Path("nowhere")) -> Architectures:
    return Architectures(load_catalogue(ROOT / "config" / "models.yaml", name), ZOO, models)


@pytest.fixture(scope="session")
def tiny() -> Config:
    return config_of(
        {
            "sampler": {"steps": 3},
            "refiner": {"sampler_steps": 4, "strength": 0.75, "guidance": 1.5},
            "view_generator": {"sampler_steps": 3, "guidance": 1.5},
            "toffeenet": {"sampler_steps": 3},
            "synthesis": {"samples_per_shard": 24},
        }
    )


@pytest.fixture(scope="session")
def costs(tiny) -> Costs:
    return Costs(architectures("tiny"), tiny)
