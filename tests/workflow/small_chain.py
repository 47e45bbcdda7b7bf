"""The whole chain as small as it can be: its configuration, and the commands that run in it."""

import subprocess
from pathlib import Path

import yaml
from fork_server import environment

from toffee.config.sections.filter import Filter

from .conftest import Project

TARGETS = ("all", "results/chain/tables/strength.csv", "site")
TRAINING = {"steps": 2, "batch": 4, "sampler_steps": 2}
CONFIG = {
    "scale": "chain",
    "data": {
        "subjects": 9,
        "sequences": 8,
        "views": 2,
        "heldout_sequences": 16,
        "benchmark_subjects": 3,
    },
    "sampler": {"steps": 2, "batch": 32},
    "refiner": TRAINING,
    "view_generator": TRAINING,
    "synthesis": {
        "shards": 1,
        "samples_per_shard": 20,
        "kinds": {
            "generation": 0.4,
            "background": 0.15,
            "colour": 0.15,
            "texture": 0.15,
            "style": 0.15,
        },
    },
    # What untrained encoders say means nothing: the test puts one threshold in the middle.
    "filter": {name: 0 if name.startswith("min_") else 1 for name in Filter.model_fields}
    | {f"min_{name}_similarity": -1 for name in ("subject", "view", "pair")}
    | {"min_text_alignment": -1},
    "toffeenet": TRAINING,
    "dreambooth": {"steps": 1, "prior_images": 2, "groups": 1}
    | {"tuning_steps": [1, 2], "tuning_subjects": 2},
    "evaluation": {
        "refiner_subjects": 16,
        "views_subjects": 16,
        "base_prompts": 8,
        "dataset_pairs": 4,
        "images_per_prompt": 1,
        "trainings": 1,
        "ablation_prompts": 2,
        "strength_prompts": 1,
        "editing_subjects": 4,
    },
    "report": {"scope": "core"},
}


def configure(folder: Path, values: dict) -> None:
    (folder / "chain.yaml").write_text(yaml.safe_dump(values))


def run(project: Project, *targets: str, check: bool = True):
    return project.run(*targets, "--configfile", "chain.yaml", check=check)


def toffee(project: Project, *arguments: str) -> subprocess.CompletedProcess:
    """The command, of the project's own package."""
    path = {"PYTHONPATH": str(project.folder / "workflow")}
    command = ["-m", "toffee.cli", *arguments]
    return project.server.run(command, project.folder, environment() | path, project.server.python)
