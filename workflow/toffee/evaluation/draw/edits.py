"""Editing of held-out subjects: what is to be edited, and what a model makes of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.config.settings import Sampling
from toffee.data.loaders.images import read_image, to_arrays, to_tensor
from toffee.data.loaders.multiview import Sequence as Views
from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.prompt_parts import PromptParts, noun_phrase, read_prompt_parts
from toffee.evaluation.draw.benchmark import spread
from toffee.evaluation.draw.refiner import view_mask
from toffee.evaluation.image_set import write_image_set
from toffee.evaluation.names import DEPTH
from toffee.method.toffeenet import EDITING, ToffeeNet
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.segmenter import load_segmenter
from toffee.models.text_to_image import TextToImage
from toffee.runtime.errors import ToffeeError
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of
from toffee.storage.reader import Shard
from toffee.synthesis.edits import edit_pictures, paste_back

TEXTS = ("subject", "class_word", "kind", "prompt")

Drawn = dict[int, tuple[np.ndarray, np.ndarray | None]]
"""Row of the pairs → the picture, and what it was before it was pasted back."""


def make_editing_pairs(
    *,
    refiner_images: str | Path,
    matching: str,
    multiview_heldout: str | Path,
    prompts: str | Path,
    text_to_image: str | Path,
    controlnet_depth: str | Path,
    depth_estimator: str | Path,
    segmenter: str | Path,
    detector: str | Path | None = None,
    out: str | Path,
    resolution: int,
    subjects: int,
    edit_strength: float,
    sampler_steps: int,
    guidance: float,
    control_scale: float,
    batch: int,
    quality: int,
    seed: int,
) -> None:
    """Make editing pairs of held-out subjects, as the dataset's are made, and layouts to draw in.

    The input of a pair is the refined image of a held-out subject, the target what the base model
    makes of it inside of the mask; the subject is shown by a real photo of another view. Every
    subject is edited in all four ways. The row of kind `depth` has the subject's first view as its
    target: a real photo, whose depth is to be followed under the refined image's prompt.

    Writes one row a (subject, kind): columns subject, class_word, kind, prompt, source_prompt;
    images input, target (PNG), subject; masks mask (what the edit may change), target_mask (true
    mask of the first view; kind `depth` only).

    Args:
        refiner_images: refined images of held-out subjects, from the Refiner's evaluation.
        matching: the method there whose images are edited.
        subjects: how many of its subjects, spread over its list; all where there are fewer.
        The rest as in `toffee.synthesis.edits.make_edits` and `generate_refiner`.
    """
    model = TextToImage(text_to_image, controlnet_depth)
    estimate, segment = DepthEstimator(depth_estimator), load_segmenter(segmenter, detector)
    parts = read_prompt_parts(prompts)
    views = {sequence.sequence: sequence for sequence in load_multiview(multiview_heldout)}
    with Shard(refiner_images) as refined:
        chosen = np.flatnonzero(refined.column("method") == matching)
        if not len(chosen):
            raise ToffeeError(f"{refined.path}: no image of method {matching!r}")
        chosen = chosen[spread(len(chosen), subjects)]
        names, words, sources = (
            refined.column(name)[chosen] for name in ("subject", "class_word", "prompt")
        )
        before = [refined.encoded("image", row) for row in chosen]
        pictures = refined.arrays("image", chosen)
    rows = pd.DataFrame(
        [
            (place, kind, edit_prompt(kind, words[place], sources[place], views[name], parts, seed))
            for kind in (*EDITING, DEPTH)
            for place, name in enumerate(names)
        ],
        columns=["place", "kind", "prompt"],
    )
    edits = rows[rows["kind"] != DEPTH].to_dict("records")
    seeds = [seed_of(seed, f"editing {r['kind']}", names[r["place"]], r["prompt"]) for r in edits]
    targets: list[np.ndarray] = []
    masks: list[np.ndarray | None] = []
    for span in progress(batches(len(edits), batch), desc="editing pairs", unit="batch"):
        some = edits[span]
        drawn, changed = edit_pictures(
            model,
            estimate,
            segment,
            [pictures[row["place"]] for row in some],
            [words[row["place"]] for row in some],
            [row["kind"] for row in some],
            [row["prompt"] for row in some],
            noise(seeds[span], model.autoencoder.latent_shape(resolution)),
            Sampling(sampler_steps, guidance, control_scale),
            edit_strength,
        )
        targets += drawn
        masks += changed
    first = to_arrays(torch.stack([read_image(views[n].frames[0], resolution) for n in names]))
    shown = to_arrays(torch.stack([read_image(views[n].frames[1], resolution) for n in names]))
    places = rows["place"].to_list()
    write_image_set(
        out,
        columns={
            "subject": [names[place] for place in places],
            "class_word": [words[place] for place in places],
            "kind": rows["kind"].to_list(),
            "prompt": rows["prompt"].to_list(),
            "source_prompt": [sources[place] for place in places],
        },
        images={
            "input": [before[row["place"]] for row in edits] + [None] * len(names),
            "target": targets + first,
            "subject": [shown[place] for place in places],
        },
        masks={
            "mask": masks + [None] * len(names),
            "subject_mask": [view_mask(views[names[p]], 1, resolution).numpy() for p in places],
            "target_mask": [None] * len(edits)
            + [view_mask(views[name], 0, resolution).numpy() for name in names],
        },
        quality=quality,
        lossless=("target",),
    )


def edit_prompt(
    kind: str, class_word: str, source: str, views: Views, parts: PromptParts, seed: int
) -> str:
    """The text of an edit's target: the source prompt with one thing changed.

    source: "a <class word> <context>". A colour or texture that the views' caption names is not
    chosen where another one is left; kind `depth` keeps the source prompt.
    """
    place = source.partition(class_word)[2]

    def choose(options: Sequence[str]) -> str:
        draw = seed_of(seed, f"editing prompt {kind}", views.sequence, source)
        return options[draw % len(options)]

    if kind == "background":
        others = [f" {other}" for other in parts.contexts if f" {other}" != place]
        return f"{noun_phrase(class_word)}{choose(others)}"
    if kind in ("colour", "texture"):
        cameras = views.cameras()
        known = cameras.get("caption", "").lower().split() if isinstance(cameras, dict) else []
        options = parts.colours if kind == "colour" else parts.textures
        changes = [word for word in options if word.lower() not in known] or options
        return f"{noun_phrase(choose(changes), class_word)}{place}"
    if kind == "style":
        return f"{choose(parts.styles)} {source}"
    return source


def generate_edits(
    *,
    method: str,
    pairs: str | Path,
    toffeenet: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    depth_estimator: str | Path,
    out: str | Path,
    resolution: int,
    attempts: int,
    subject_scale: float,
    sampler_steps: int,
    guidance: float,
    batch: int,
    seed: int,
) -> None:
    """Edit held-out pairs with one model, and draw their subjects in another view's layout.

    A model that was trained with depth is given the input's depth for an edit and the first view's
    for kind `depth`; another one draws the latter from prompt and subject alone, which is the
    control.

    Writes one row a (pair, generation seed): columns subject, class_word, kind, prompt, method,
    seed; images `image` (PNG; outside of the mask the input to the bit, because it is pasted back)
    and `raw` (PNG, edits by a model: before that).

    Args:
        pairs: from `make_editing_pairs`.
        attempts: generation seeds.
        The rest as in `generate_benchmark`.
    """
    with Shard(pairs) as shard:
        table = _texts(shard)
        model = ToffeeNet(toffeenet, text_to_image, subject_encoder)
        estimate = DepthEstimator(depth_estimator) if model.depth else None
        options = (Sampling(sampler_steps, guidance), subject_scale)
        drawn = {
            attempt: _draw(shard, table, model, estimate, options, attempt, batch, seed)
            for attempt in range(attempts)
        }
    _write_edits(out, method, table, drawn)


def copy_controls(*, method: str, pairs: str | Path, out: str | Path) -> None:
    """The pairs' own pictures, in the layout of `generate_edits` and with one generation seed.

    method: `input` (the picture before the edit) or `target` (the base model's own edit of it).
    """
    with Shard(pairs) as shard:
        rows = [row for row in range(len(shard)) if shard.has(method, row)]
        pictures = shard.arrays(method, rows)
        drawn = {row: (image, None) for row, image in zip(rows, pictures, strict=True)}
        _write_edits(out, method, _texts(shard), {0: drawn})


def _texts(shard: Shard) -> pd.DataFrame:
    """The columns of the pairs."""
    return pd.DataFrame({name: shard.column(name) for name in shard.column_names})


def _write_edits(
    out: str | Path, method: str, table: pd.DataFrame, drawn: Mapping[int, Drawn]
) -> None:
    """Write the pictures of all generation seeds, in the order of the pairs."""
    rows = [(attempt, row) for attempt, pictures in drawn.items() for row in sorted(pictures)]
    columns = {name: [table[name][row] for _, row in rows] for name in TEXTS}
    write_image_set(
        out,
        columns=columns
        | {"method": [method] * len(rows), "seed": [str(attempt) for attempt, _ in rows]},
        images={
            "image": [drawn[attempt][row][0] for attempt, row in rows],
            "raw": [drawn[attempt][row][1] for attempt, row in rows],
        },
        lossless=("image", "raw"),
    )


def _draw(
    shard: Shard,
    table: pd.DataFrame,
    model: ToffeeNet,
    estimate: DepthEstimator | None,
    options: tuple[Sampling, float],
    attempt: int,
    batch: int,
    seed: int,
) -> Drawn:
    """All pairs with one generation seed."""
    edits = (table["kind"] != DEPTH).to_numpy()
    drawn: Drawn = {}
    for kind, rows in (("edits", np.flatnonzero(edits)), ("layouts", np.flatnonzero(~edits))):
        for span in progress(batches(len(rows), batch), desc=f"{kind} {attempt}", unit="batch"):
            some = rows[span]
            part = table.iloc[some]
            subjects = shard.images("subject", some)
            tokens = model.tokens(subjects, shard.masks("subject_mask", some))
            seeds = [
                seed_of(seed, f"edit {row.kind}", row.subject, row.prompt, attempt)
                for row in part.itertuples()
            ]
            start = noise(seeds, model.autoencoder.latent_shape(subjects.shape[-1]))
            arrays = shard.arrays("input" if kind == "edits" else "target", some)
            pictures = to_tensor(arrays)
            depth = estimate(pictures) if estimate else None
            masks = shard.masks("mask", some) if kind == "edits" else None
            raw = to_arrays(
                model.draw(
                    list(part["prompt"]),
                    tokens,
                    start,
                    *options,
                    picture=pictures if kind == "edits" else None,
                    mask=masks,
                    depth=depth,
                    paste=False,
                )
            )
            for place, row in enumerate(some):
                if masks is None:
                    drawn[int(row)] = (raw[place], None)
                else:
                    pasted = paste_back(raw[place], arrays[place], masks[place].numpy())
                    drawn[int(row)] = (pasted, raw[place])
    return drawn
