"""The command lines of `toffee draw` and `toffee edit`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from toffee.runtime.arguments import number, whole
from toffee.runtime.errors import ToffeeError
from toffee.runtime.text import printable

DRAWN = Path("drawn")
RESULTS = Path("results", "tiny")
SCALE, GUIDANCE = number(0, 10), number(0, 100)  # beyond, pictures are noise
SEED, STEPS = whole(0, 2**63 - 1), whole(1, 1000)  # as many as noise levels


def add_draw(commands: argparse._SubParsersAction) -> None:
    """Add the command `draw`."""
    draw = commands.add_parser(
        "draw",
        help="draw the subject of a photo into a new picture",
        description="Writes pictures, and the masks that were used, into a folder of drawings.",
    )
    draw.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="of one subject")
    _add_prompts(draw, "a mug in the snow")
    draw.add_argument(
        "--mask",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="one for each photo, white where the subject is; default: the segmenter finds it",
    )
    draw.add_argument(
        "--without-photo", action="store_true", help="also draw the prompts alone, to compare"
    )
    draw.add_argument(
        "--base-model", action="store_true", help="also draw them by the base model, to compare"
    )
    draw.add_argument(
        "--together", action="store_true", help="draw from all photos at once, the best one first"
    )
    _add_word(draw, "--subject")
    _add_options(draw)
    draw.set_defaults(run=_draw)


def add_edit(commands: argparse._SubParsersAction) -> None:
    """Add the command `edit`."""
    edit = commands.add_parser(
        "edit",
        help="change what a mask shows in a picture",
        description="Outside of the mask the picture stays as it is, to the bit. Without --mask "
        "and --subject the object that is found changes, and stays the subject.",
    )
    edit.add_argument("picture", type=Path, metavar="PICTURE")
    _add_prompts(edit, "a striped ball")
    edit.add_argument("--subject", type=Path, metavar="PHOTO", help="of what is to be drawn there")
    edit.add_argument("--subject-mask", type=Path, metavar="FILE", help="where PHOTO shows it")
    edit.add_argument(
        "--mask", type=Path, metavar="FILE", help="white where PICTURE may change; default: found"
    )
    edit.add_argument(
        "--background", action="store_true", help="change all but the object, which stays"
    )
    _add_word(edit)
    _add_options(edit)
    edit.set_defaults(run=_edit)


def _add_prompts(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument(
        "--prompt",
        action="append",
        required=True,
        metavar="TEXT",
        help=f"e.g. '{example}'; may be repeated",
    )


def _add_word(parser: argparse.ArgumentParser, *names: str) -> None:
    parser.add_argument(
        "--word",
        *names,
        default="",
        metavar="WORD",
        help="what to look for, e.g. mug; default: the object that the prompts name",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which model draws, where to, and on what."""
    add = parser.add_argument
    add("--results", type=Path, default=RESULTS, metavar="DIR", help=f"of a run; {RESULTS}")
    add("--pipeline", type=Path, metavar="DIR", help="an exported one; its code runs, so trust it")
    add("--segmenter", type=Path, metavar="DIR", help="default: models/segmenter of the results")
    add("--out", type=Path, default=DRAWN, metavar="DIR", help=f"folder of drawings; {DRAWN}")
    add("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps; default: the GPU if there is one")
    add("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add = parser.add_argument
    add("--seed", nargs="+", type=SEED, default=[0], metavar="N", help="one or several; 0")
    add("--scale", type=SCALE, metavar="X", help="λ: 0 forgets the subject, 1 is as trained")
    add("--steps", type=STEPS, metavar="N", help="denoising steps")
    add("--guidance", type=GUIDANCE, metavar="X", help="weight of text and subject; 1 is off")
    add("--subject-guidance", type=GUIDANCE, metavar="X", help="the subject's own weight, apart")


def _draw(options: argparse.Namespace) -> int:
    from toffee.use.command import draw

    photos, masks = options.photos, options.mask
    _require_files([*photos, *masks])
    prompts, seeds, word = options.prompt, _seeds(options), options.word
    model, sampling = _common(options)
    made = draw(
        options.out,
        model,
        sampling,
        photos,
        masks,
        prompts,
        seeds,
        word,
        alone=options.without_photo,
        together=options.together,
        base=options.base_model,
        command=sys.argv,
    )
    return _say(made)


def _edit(options: argparse.Namespace) -> int:
    from toffee.use.command import edit

    given = (options.picture, options.mask, options.subject, options.subject_mask)
    _require_files([one for one in given if one])
    model, sampling = _common(options)
    made = edit(
        options.out,
        model,
        sampling,
        *given,
        prompts=options.prompt,
        seeds=_seeds(options),
        word=options.word,
        background=options.background,
        command=sys.argv,
    )
    return _say(made)


def _common(options: argparse.Namespace) -> tuple[Any, Any]:
    """The model and how it is to draw."""
    from toffee.use.artist import Sampling
    from toffee.use.model import find_model, usable_device

    model = find_model(options.results, options.pipeline, options.segmenter)
    device = usable_device(options.device)
    sampling = Sampling(
        options.scale,
        options.steps,
        options.guidance,
        options.subject_guidance,
        device,
        options.dtype,
    )
    return model, sampling


def _seeds(options: argparse.Namespace) -> list[int]:
    return list(dict.fromkeys(options.seed))


def _require_files(paths: list[Path]) -> None:
    for path in paths:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "no such file"
            raise ToffeeError(f"{path}: {what}, expected a picture")


def _say(paths: list[Path]) -> int:
    """Name what was written, as seen from here."""
    for path in paths:
        here = path.is_relative_to(Path.cwd())
        print(printable(path.relative_to(Path.cwd()) if here else path))
    return 0
