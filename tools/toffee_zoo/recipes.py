"""How each part of the zoo is trained: the one place of its steps, rates and seeds.

`python -m toffee_zoo.recipes PART …` trains one part; the rules of `rules/zoo.smk` call the same
functions. All values are this project's choices.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, write_text
from toffee.runtime.signals import EXIT_STATUS, Interrupted, raise_on_sigterm
from toffee.training.loop import Fit, Schedule

RECORD = "training.json"


@dataclass(frozen=True)
class Recipe:
    """A part of the zoo.

    Attributes:
        train: (renders, out, course, *needs) to what the training left behind.
        schedule: steps and rates.
        seed: of its weights and of its batches.
        needs: parts that must be trained before, passed by name.
        inside: those of them that become a part of this one, and whose records do too.
        dtype: what it computes in. With bfloat16, a processor that has instructions for it takes
            two thirds of the time.
    """

    train: Callable[..., Fit]
    schedule: Schedule
    seed: int
    needs: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    dtype: str = "float32"


def recipes() -> dict[str, Recipe]:
    """All parts by name, each after the parts that it needs."""
    from functools import partial

    from toffee_zoo.autoencoder import train_autoencoder
    from toffee_zoo.clip_training import train_clip
    from toffee_zoo.decoder import train_decoder
    from toffee_zoo.encoder import train_encoder
    from toffee_zoo.perception import train_depth, train_segmenter
    from toffee_zoo.text_to_image import train_controlnet, train_text_to_image

    return {
        "autoencoder": Recipe(
            train_autoencoder, Schedule(4000, 16, 4e-3, 0.998, optimizer="muon"), 11
        ),
        "decoder": Recipe(
            train_decoder,
            Schedule(1500, 16, 5e-4, 0.99),
            20,
            ("autoencoder",),
            inside=("autoencoder",),
        ),
        "clip": Recipe(
            train_clip, Schedule(2400, 64, 2e-3, optimizer="muon"), 12, dtype="bfloat16"
        ),
        "subject_encoder": Recipe(
            partial(train_encoder, kind="dinov2"),
            Schedule(3000, 32, 2e-3, 0.998, optimizer="muon"),
            13,
            ("decoder",),
        ),
        "metric_dino": Recipe(
            partial(train_encoder, kind="vit"),
            Schedule(1600, 32, 2e-3, 0.998, optimizer="muon"),
            14,
            ("decoder",),
        ),
        "metric_clip": Recipe(
            train_clip, Schedule(2400, 64, 2e-3, optimizer="muon"), 15, dtype="bfloat16"
        ),
        "segmenter": Recipe(train_segmenter, Schedule(1500, 32, 2e-3, 0.99), 16, ("decoder",)),
        "depth": Recipe(train_depth, Schedule(2000, 32, 2e-3, 0.99), 17),
        "text_to_image": Recipe(
            train_text_to_image,
            Schedule(8000, 32, 4e-3, 0.999, optimizer="muon"),
            18,
            ("decoder", "clip"),
            inside=("decoder",),
        ),
        "controlnet_depth": Recipe(
            train_controlnet,
            Schedule(1000, 32, 2e-3, 0.995, optimizer="muon"),
            19,
            ("text_to_image", "depth"),
        ),
    }


def train_zoo_part(part: str, renders: Path, out: Path, needs: Sequence[Path]) -> None:
    """Train a part of the zoo and write its record beside its weights.

    A training that was stopped resumes from its checkpoint in `<out>.partial`.

    needs: folders of the parts that it is trained on, named as they are.
    """
    import torch

    from toffee.storage.work_folder import Alone, work_folder
    from toffee_zoo.training import Course, Draws, curve

    recipe = recipes()[part]
    parts = {folder.name: folder for folder in needs}
    settings = {"schedule": asdict(recipe.schedule), "seed": recipe.seed, "dtype": recipe.dtype}
    kept = work_folder(out, [renders, *needs], settings, Alone())
    with kept as work, atomic_path(out) as folder:
        torch.manual_seed(recipe.seed)
        course = Course(part, recipe.schedule, Draws(recipe.seed), work, recipe.dtype)
        with timed(work / "cpu_seconds") as seconds:
            result = recipe.train(renders=renders, out=folder, course=course, **parts)
        record = {
            "command": f"python -m toffee_zoo.recipes {part}",
            "seed": recipe.seed,
            "steps": recipe.schedule.steps,
            "batch": recipe.schedule.batch,
            "dtype": recipe.dtype,
            "threads": torch.get_num_threads(),
            "cpu_seconds": seconds(),
            "losses": {"training": round(result.final_loss, 4), "curve": curve(result.losses)},
        }
        if recipe.inside:
            record["parts"] = {
                name: json.loads((parts[name] / RECORD).read_text()) for name in recipe.inside
            }
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")


@contextmanager
def timed(path: Path) -> Iterator[Callable[[], float]]:
    """Yield what counts this process's CPU seconds, on top of those that `path` has of attempts
    before; at the end, also by an error, `path` has the sum."""
    before = float(path.read_text("utf-8")) if path.exists() else 0.0
    start = time.process_time()

    def seconds() -> float:
        return round(before + time.process_time() - start, 1)

    try:
        yield seconds
    finally:
        write_text(path, str(seconds()))


def main() -> None:
    """Train the part that the command line names."""
    import torch
    import transformers

    from toffee_zoo.renders import draw_zoo_renders

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["renders", *recipes()])
    parser.add_argument("--root", type=Path, default=Path("results/zoo"))
    parser.add_argument("--threads", type=int, default=1, help="processor threads (default: 1)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    part, root = arguments.part, arguments.root
    try:
        with raise_on_sigterm():
            if part == "renders":
                draw_zoo_renders(root / part)
                return
            needs = [root / name for name in recipes()[part].needs]
            train_zoo_part(part, root / "renders", root / part, needs)
    except ToffeeError as error:
        raise SystemExit(f"error: {error}") from None
    except Interrupted as stop:
        print(f"stopped: {stop}", file=sys.stderr)
        raise SystemExit(EXIT_STATUS) from None


if __name__ == "__main__":
    main()
