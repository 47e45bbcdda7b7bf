"""How each part of the zoo is trained: the one place of its steps, rates and seeds.

`python -m toffee_zoo.recipes PART …` trains one part; the rules of `rules/zoo.smk` call the same
functions. All values are this project's choices.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toffee.training.loop import Fit, Schedule

RECORD = "training.json"


@dataclass(frozen=True)
class Recipe:
    """A part of the zoo.

    Attributes:
        train: (renders, out, schedule, seed, *needs) to what the training left behind.
        schedule: steps and rates.
        seed: of its weights and of its batches.
        needs: parts that must be trained before, passed by name.
    """

    train: Callable[..., Fit]
    schedule: Schedule
    seed: int
    needs: tuple[str, ...] = ()


def recipes() -> dict[str, Recipe]:
    """All parts by name, each after the parts that it needs."""
    from functools import partial

    from toffee_zoo.autoencoder import train_autoencoder
    from toffee_zoo.clip import train_clip
    from toffee_zoo.encoder import train_encoder
    from toffee_zoo.perception import train_depth, train_segmenter
    from toffee_zoo.text_to_image import train_controlnet, train_text_to_image

    return {
        "autoencoder": Recipe(train_autoencoder, Schedule(1900, 16, 2e-3, 0.998), 11),
        "clip": Recipe(train_clip, Schedule(1000, 64, 1e-3), 12),
        "subject_encoder": Recipe(
            partial(train_encoder, kind="dinov2"), Schedule(1600, 32, 1e-3, 0.998), 13
        ),
        "metric_dino": Recipe(
            partial(train_encoder, kind="vit"), Schedule(1000, 32, 1e-3, 0.998), 14
        ),
        "metric_clip": Recipe(train_clip, Schedule(1600, 64, 1e-3), 15, ("metric_dino",)),
        "segmenter": Recipe(train_segmenter, Schedule(1500, 32, 2e-3, 0.99), 16),
        "depth": Recipe(train_depth, Schedule(2000, 32, 2e-3, 0.99), 17),
        "text_to_image": Recipe(
            train_text_to_image,
            Schedule(8000, 32, 2e-3, 0.999),
            18,
            ("autoencoder", "clip"),
        ),
        "controlnet_depth": Recipe(
            train_controlnet, Schedule(1500, 32, 1e-3, 0.995), 19, ("text_to_image", "depth")
        ),
    }


def train_zoo_part(part: str, renders: Path, out: Path, needs: Sequence[Path]) -> None:
    """Train a part of the zoo and write its record beside its weights.

    needs: folders of the parts that it is trained on, named as they are.
    """
    from toffee.config.models import ROLES
    from toffee.runtime.files import atomic_path

    recipe = recipes()[part]
    parts = {folder.name: folder for folder in needs}
    start = time.perf_counter()
    with atomic_path(out) as folder:
        result = recipe.train(
            renders=renders, out=folder, schedule=recipe.schedule, seed=recipe.seed, **parts
        )
        record = {
            "command": f"python -m toffee_zoo.recipes {part}",
            "seed": recipe.seed,
            "steps": recipe.schedule.steps,
            "batch": recipe.schedule.batch,
            "seconds": round(time.perf_counter() - start, 1),
            "losses": {"training": round(result.final_loss, 4)},
        }
        # A part without a role of its own lies inside this one in the zoo, and so does its record.
        inside = [name for name in parts if name not in ROLES]
        if inside:
            records = {name: json.loads((parts[name] / RECORD).read_text()) for name in inside}
            record["parts"] = records
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")


def main() -> None:
    """Train the part that the command line names, on one thread."""
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["renders", *recipes()])
    parser.add_argument("--root", type=Path, default=Path("results/zoo"))
    arguments = parser.parse_args()
    if arguments.part == "renders":
        from toffee_zoo.renders import draw_zoo_renders

        draw_zoo_renders(arguments.root / "renders")
        return
    needs = [arguments.root / name for name in recipes()[arguments.part].needs]
    train_zoo_part(
        arguments.part, arguments.root / "renders", arguments.root / arguments.part, needs
    )


if __name__ == "__main__":
    main()
