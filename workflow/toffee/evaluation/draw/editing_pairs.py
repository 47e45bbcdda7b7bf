"""Editing pairs of held-out subjects: what models are to edit, and layouts to draw in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.images import read_image, to_arrays
from toffee.data.loaders.multiview import Sequence as Views
from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.prompt_parts import PromptParts, in_context, read_prompt_parts
from toffee.evaluation.image_set import write_image_set
from toffee.evaluation.names import DEPTH
from toffee.evaluation.sequences import spread, view_mask
from toffee.method.pairs import EDITING
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.folders import BaseModels, SegmenterModels
from toffee.models.segmenter import load_segmenter
from toffee.models.text_to_image import TextToImage
from toffee.runtime.errors import ToffeeError
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of
from toffee.storage.reader import Shard
from toffee.synthesis.edits import edit_pictures


@dataclass(frozen=True)
class RefinedImage:
    """A refined image of a held-out subject, as the Refiner's evaluation stored it.

    Attributes:
        views: the subject's real views.
        prompt: what the image was drawn from.
        encoded: the stored file (JPEG).
        pixels: uint8 [H,W,3].
    """

    views: Views
    prompt: str
    encoded: bytes
    pixels: np.ndarray


def make_editing_pairs(
    *,
    refiner_images: str | Path,
    multiview_heldout: str | Path,
    prompts: str | Path,
    models: BaseModels,
    segmenters: SegmenterModels,
    out: str | Path,
    matching: str,
    subjects: int,
    drawing: Drawing,
    sampling: Sampling,
    edit_strength: float,
    seed: int,
) -> None:
    """Make editing pairs of held-out subjects, as the dataset's are made, and layouts to draw in.

    The input of a pair is the refined image of a held-out subject. The target is the base model's
    edit of it inside of the mask. The subject is shown by a real photo of another view. Every
    subject is edited in all four ways. The row of kind `depth` has the subject's first view as its
    target: a real photo, whose depth is to be followed under the refined image's prompt.

    Writes one row per subject and kind: columns subject, class_word, kind, prompt, source_prompt;
    images input, target (PNG), subject; masks mask (what the edit may change), subject_mask,
    target_mask (true mask of the first view; kind `depth` only).

    Args:
        refiner_images: refined images of held-out subjects, from `generate_refiner`.
        matching: the method there whose images are edited.
        subjects: how many of its subjects, spread over its list; all where there are fewer.
        sampling, edit_strength: as in `toffee.synthesis.edits.make_edits`.
    """
    side = drawing.resolution
    images = _refined_images(refiner_images, matching, subjects, multiview_heldout)
    parts = read_prompt_parts(prompts)
    rows = [
        (one, kind, edit_prompt(kind, one.prompt, one.views, parts, seed))
        for kind in (*EDITING, DEPTH)
        for one in images
    ]
    edits = rows[: len(EDITING) * len(images)]
    model = TextToImage(models.drawer, models.controlnet_depth)
    estimate = DepthEstimator(models.depth_estimator)
    segmenter = load_segmenter(segmenters.segmenter, segmenters.detector)
    shape = model.autoencoder.latent_shape(side)
    targets: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for span in progress(batches(len(edits), drawing.batch), desc="editing pairs", unit="batch"):
        some, kinds, texts = zip(*edits[span], strict=True)
        seeds = [
            seed_of(seed, f"editing {kind}", one.views.subject, text)
            for one, kind, text in edits[span]
        ]
        drawn, changed = edit_pictures(
            model,
            estimate,
            segmenter,
            [one.pixels for one in some],
            [one.views.class_word for one in some],
            list(kinds),
            list(texts),
            noise(seeds, shape),
            sampling,
            edit_strength,
        )
        targets += drawn
        masks += changed
    first, shown = (
        to_arrays(torch.stack([read_image(one.views.frames[view], side) for one in images]))
        for view in (0, 1)
    )
    kinds_count = len(rows) // len(images)
    write_image_set(
        out,
        columns={
            "subject": [one.views.subject for one, *_ in rows],
            "class_word": [one.views.class_word for one, *_ in rows],
            "kind": [kind for _, kind, _ in rows],
            "prompt": [text for *_, text in rows],
            "source_prompt": [one.prompt for one, *_ in rows],
        },
        images={
            "input": [*(one.encoded for one, *_ in edits), *[None] * len(images)],
            "target": targets + first,
            "subject": shown * kinds_count,
        },
        masks={
            "mask": [*masks, *[None] * len(images)],
            "subject_mask": [view_mask(one.views, 1, side).numpy() for one in images] * kinds_count,
            "target_mask": [None] * len(edits)
            + [view_mask(one.views, 0, side).numpy() for one in images],
        },
        quality=drawing.quality,
        lossless=("target",),
    )


def _refined_images(
    path: str | Path, method: str, count: int, multiview_heldout: str | Path
) -> list[RefinedImage]:
    """`count` images of one method of the Refiner's evaluation, spread over its subjects.

    Raises:
        ToffeeError: the file has no image of the method.
    """
    views = {sequence.subject: sequence for sequence in load_multiview(multiview_heldout)}
    with Shard(path) as shard:
        rows = np.flatnonzero(shard.column("method") == method)
        if not len(rows):
            raise ToffeeError(f"{shard.path}: no image of method {method!r}")
        rows = rows[spread(len(rows), count)]
        return [
            RefinedImage(views[name], prompt, shard.encoded("image", int(row)), pixels)
            for name, prompt, row, pixels in zip(
                shard.column("subject")[rows],
                shard.column("prompt")[rows],
                rows,
                shard.arrays("image", rows),
                strict=True,
            )
        ]


def edit_prompt(kind: str, source: str, views: Views, parts: PromptParts, seed: int) -> str:
    """The text of an edit's target: the source prompt with one thing changed.

    source: the class word in one of the contexts. A colour or texture that the views' caption names
    is not chosen where another one is left; kind `depth` keeps the source prompt.

    Raises:
        ToffeeError: the source is in none of the contexts.
    """
    word = views.class_word
    contexts = parts.contexts_of(word)
    here = next((one for one in contexts if in_context(one, word) == source), None)
    if here is None:
        raise ToffeeError(f"prompt {source!r}: expected {word!r} in one of the contexts")

    def choose(options: Sequence[str]) -> str:
        draw = seed_of(seed, f"editing prompt {kind}", views.subject, source)
        return options[draw % len(options)]

    if kind == "background":
        return in_context(choose([other for other in contexts if other != here]), word)
    if kind in ("colour", "texture"):
        cameras = views.cameras()
        known = cameras.get("caption", "").lower().split() if isinstance(cameras, dict) else []
        options = parts.colours if kind == "colour" else parts.textures
        changes = [word for word in options if word.lower() not in known] or options
        return in_context(here, choose(changes), word)
    if kind == "style":
        return f"{choose(parts.styles)} {source}"
    return source
