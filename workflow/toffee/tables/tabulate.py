"""The tables of the report, one function a table: scores in, tidy CSV and readable Markdown out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from toffee.evaluation.names import SIMILARITIES
from toffee.evaluation.oracle import judged, told
from toffee.evaluation.scores_file import read_scores
from toffee.evaluation.statistics import (
    gap_closed,
    in_common,
    paired_difference,
    summarise,
)
from toffee.tables.tidy import (
    comparability,
    markdown,
    measured,
    only,
    ordered,
    published_rows,
    without,
    write_table,
)

MATCHINGS = ("cosine", "silhouette", "silhouette+position")
MASKED = ("dino_masked", "clip_i_masked", "histogram_masked", "efficientnet_masked")
REFINER = (*MASKED, "clip_t", "mask_found")
VIEWS = (*MASKED, "mask_iou", "mask_found")
DREAMBENCH = (
    "dino",
    "clip_i",
    "clip_t",
    "dino_masked",
    "histogram_masked",
    "efficientnet",
    "efficientnet_masked",
    "copy_rate",
)
PAIRED = (
    "Mean over subjects ± standard error over n subjects; differences are paired by subject and "
    "prompt."
)
MORE = "More metrics are in the CSV."
CLASS_PROMPT, TOKEN_PROMPT = "class prompt", "token prompt"
TOKEN_METHODS = ("dreambooth",)
"""Methods that draw with the unique token."""


def tabulate_refiner(scores: Path, csv: Path, page: Path, default: str) -> None:
    """Similarity to the subject by matching rule, differences to the initial image, and the gap
    closed.

    default: the config's matching rule; its rows carry the setting "default". Raises ToffeeError
    where the scores lack the methods initial or ceiling.
    """
    frame = read_scores(scores)
    frame["setting"] = ["default" if method == default else "" for method in frame["method"]]
    order = ("initial", "control", *MATCHINGS, "wrong_subject", "ceiling")
    frame = ordered(frame, order, needed=("initial", "ceiling", default), path=scores)
    methods = [method for method in frame["method"].unique() if method != "initial"]
    images = only(frame, SIMILARITIES)
    parts = [summarise(frame)]
    parts += [paired_difference(frame, method, "initial") for method in methods]
    parts += [
        gap_closed(images, "initial", method, "ceiling")
        for method in methods
        if method in MATCHINGS
    ]
    text = (
        "Similarity to the subject's photo of what the Refiner makes of the initial image. "
        "`control` replaces no token, `wrong_subject` takes another subject's tokens, `ceiling` "
        "puts the subject's own tokens in their own places. `gap_closed(A)` = (A − "
        "initial) / (ceiling − initial)."
    )
    table = measured(parts)
    body = [markdown(table, REFINER), text, PAIRED, MORE]
    write_table(table, csv, page, "Refiner", body)


def tabulate_views(scores: Path, csv: Path, page: Path) -> None:
    """Generated views against the own subject, another of the same class, and the copy-the-source
    control."""
    order = ("own_target", "other_target", "own_source", "other_source", "copy_source")
    frame = ordered(read_scores(scores), order, needed=order, path=scores)
    pairs = (
        ("own_target", "other_target"),
        ("own_source", "other_source"),
        ("own_target", "own_source"),
        ("own_target", "copy_source"),
    )
    parts = [summarise(frame), *(paired_difference(frame, a, b) for a, b in pairs)]
    text = (
        "The generated view against a real view: of its `own` subject or of an `other` subject of "
        "the same class, at the `target`'s or the `source`'s pose. `copy_source` puts the source "
        "view in place of the generated one. `mask_iou`: overlap of the two views' subject masks."
    )
    table = measured(parts)
    body = [markdown(table, VIEWS), text, PAIRED, MORE]
    write_table(table, csv, page, "View Generator", body)


def tabulate_dreambench(
    scores: Sequence[Path],
    oracle: Path,
    published: Path,
    csv: Path,
    page: Path,
    source: str,
    resolution: int,
    encoders: str,
    gate: Mapping[str, float | None],
) -> None:
    """The benchmark: measured methods and the real-photo oracle, beside the published rows.

    scores: files of any method and generation seed; oracle: of real photos. published: CSV with the
    columns method, backbone, reference_images, dino, clip_i, clip_t, source, note. source: where
    the measured photographs come from (config `data.source`); resolution: their side in pixels.
    They decide about the note that measured and published rows do not compare. encoders: names of
    the metric DINO and CLIP. gate: what the oracle has to score, see `judged`. Raises ToffeeError
    where it does not, and where the scores lack text_only or oracle.
    """
    order = ("text_only", "initial", "dreambooth", "wrong_subject", "toffeenet", "oracle")
    frame = pd.concat([read_scores(path) for path in (*scores, oracle)], ignore_index=True)
    frame = ordered(frame, order, needed=("text_only", "oracle"), path=Path(oracle).parent)
    frame = with_conditions(frame, encoders)
    parts = []
    for policy in frame["references"].unique():
        parts += _dreambench_rows(frame[frame["references"] == policy])
    table = pd.concat([measured(parts), published_rows(published)], ignore_index=True)
    seeds = frame.loc[frame["method"] != "oracle", "seed"].nunique()
    text = (
        "Each generated image against real photos of its subject: `all photos`, or the `one photo` "
        "kept of each subject (which is also what ToffeeNet is shown). `initial`: the base model "
        "over the depth of that photo. `copy_rate`: share of the subject's patches that repeat "
        "that photo in place. `oracle`: real photos against each other. `gap_closed(A)` = (A − "
        "text_only) / (oracle − text_only)."
    )
    how = (
        f"{seeds} generation seed{'s' * (seeds != 1)}. Prompts name the class word without a "
        "unique token, unless the setting says `token prompt`; `clip_t` is always taken with the "
        f"former. Metric encoders: {encoders} (`dino`, `clip`); `histogram` and `efficientnet` "
        "were not trained here."
    )
    body = [
        markdown(without(table, f"encoders {encoders}", CLASS_PROMPT), DREAMBENCH),
        text,
        how,
        *told(judged(frame[frame["method"] == "oracle"], **gate)),
        comparability(source, resolution),
        PAIRED,
        MORE,
    ]
    write_table(table, csv, page, "DreamBench", body)


def with_conditions(frame: pd.DataFrame, encoders: str) -> pd.DataFrame:
    """Benchmark scores whose settings also say the reference policy, the prompt variant and the
    metric encoders."""
    prompts = [TOKEN_PROMPT if m in TOKEN_METHODS else CLASS_PROMPT for m in frame["method"]]
    prompts = pd.Series(prompts, index=frame.index).where(frame["method"] != "oracle", "")
    setting = frame["setting"].str.cat([frame["references"], prompts], sep="; ")
    setting = setting.str.strip("; ").str.cat([f"encoders {encoders}"] * len(frame), sep="; ")
    return frame.assign(setting=setting)


def _dreambench_rows(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Means, paired differences and shares of the gap by one reference policy."""
    methods = [m for m in frame["method"].unique() if m not in ("text_only", "oracle")]
    pairs = [(method, "text_only") for method in methods]
    pairs += [
        ("toffeenet", other)
        for other in ("initial", "dreambooth", "wrong_subject")
        if {"toffeenet", other} <= set(methods)
    ]
    parts = [summarise(frame)]
    parts += [paired_difference(in_common(frame, pair), *pair) for pair in pairs]
    images = only(frame, SIMILARITIES)
    for method in methods:
        group = ("text_only", method, "oracle")
        parts.append(gap_closed(in_common(images, group), "text_only", method, "oracle"))
    return parts


def tabulate_dreambooth(scores: Path, csv: Path, page: Path, steps: int, encoders: str) -> None:
    """DreamBooth by its number of steps, on training subjects, and what config `steps` owes to it.

    steps: of the benchmark's run. Raises ToffeeError where the scores lack text_only.
    """
    frame = read_scores(scores)
    frame = ordered(frame, ("text_only", "dreambooth"), needed=("text_only",), path=scores)
    parts = [summarise(frame)]
    settings = frame.loc[frame["method"] == "dreambooth", "setting"].unique()
    for setting in settings:
        pair = frame[(frame["method"] == "text_only") | (frame["setting"] == setting)]
        parts.append(paired_difference(pair, "dreambooth", "text_only"))
    for before, after in zip(settings, settings[1:], strict=False):
        pair = frame[frame["setting"].isin([before, after])]
        pair = pair.assign(method=pair["setting"])
        parts.append(paired_difference(pair, after, before).assign(setting="dreambooth"))
    table = measured(parts)
    text = (
        "Subjects of the training split, each fine-tuned on five photos and measured against them, "
        f"in contexts of the prompt file. The benchmark's run takes {steps} steps "
        f"(`dreambooth.steps`). Metric encoders: {encoders}."
    )
    body = [markdown(table, (*DREAMBENCH[:3], *MASKED)), text, PAIRED, MORE]
    write_table(table, csv, page, "DreamBooth by its number of steps", body)


def tabulate_base(scores: Path, csv: Path, page: Path) -> None:
    """Share of images whose class, colour and background the metric CLIP reads right."""
    order = ("real", "text", "depth")
    frame = ordered(read_scores(scores), order, needed=("real",), path=scores)
    text = (
        "Share of images of which the metric CLIP reads the attribute right: `real` held-out "
        "renders, images drawn from `text` alone and with the `depth` ControlNet, for held-out "
        "prompts."
    )
    error = "Mean ± standard error over n pictures."
    table = measured([summarise(frame)])
    write_table(table, csv, page, "Base model", [markdown(table), text, error])
