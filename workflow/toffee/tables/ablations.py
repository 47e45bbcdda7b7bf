"""The ablation tables: variants of ToffeeNet, reconstruction, segmentation, λ, and editing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from toffee.config.sections import KINDS
from toffee.evaluation.names import ALL, DEPTH_SETTING, scale_name
from toffee.evaluation.scores_file import read_scores
from toffee.evaluation.statistics import (
    MINUS,
    in_common,
    paired_difference,
    spearman,
    summarise,
)
from toffee.runtime.errors import ToffeeError
from toffee.tables.tabulate import CLASS_PROMPT, MORE, PAIRED, with_conditions
from toffee.tables.tidy import (
    TABLE,
    comparability,
    markdown,
    measured,
    published_ablation,
    without,
    write_table,
)

BASE = "toffeenet"
EDITS = tuple(kind for kind in KINDS if kind != "generation")
ALL_EDITS = "all edits"
GENERATION = ("dino", "clip_i", "clip_t", "dino_masked", "histogram_masked", "copy_rate")
EDITING = (
    "dino_inside",
    "histogram_inside",
    "dino_masked",
    "histogram_masked",
    "clip_t",
    "outside_error",
    "outside_drift",
)
RECONSTRUCTION = ("seg_dino", "clip_t", "dino", "histogram_masked", "copy_rate")
LAYOUT = ("mask_iou", "depth_error", "dino_masked", "histogram_masked", "clip_t")
ON_A_PART = (
    "Each generated image against all photos of its subject; {prompts} prompts of each subject, "
    "{seeds} generation seed{s}, the same noise for all rows. Metric encoders: {encoders}."
)
EDIT_METRICS = (
    "`dino_inside`, `histogram_inside`: what is inside of the mask against the inside of the "
    "target, which is the base model's own edit; `dino_masked`, `histogram_masked`: the subject, "
    "found by its class word, against a real photo of it; for colour and texture it is meant to "
    "change. `outside_error`: mean absolute difference to the input outside of the mask; it is 0 "
    "because the input is pasted back there, which is part of the method here. `outside_drift`: "
    "the same before pasting, which is what the model itself leaves standing. Where the segmenter "
    "does not find the subject the mask is empty: the picture stays in, with similarity 0 inside."
)


def tabulate_variants(
    generation: Sequence[Path],
    editing: Sequence[Path],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """ToffeeNet and the variants that differ in what they are trained on, at both tasks.

    generation: benchmark scores of `toffeenet` and of the variants, any number of files; editing:
    scores of their edits. Raises ToffeeError where one has no scores of `toffeenet`.
    """
    drawn = benchmark_part(generation, encoders)
    edits = edit_scores(editing)
    edits = edits[edits["setting"] != DEPTH_SETTING]
    drawn["setting"] = "generation; " + drawn["setting"]
    pooled = edits.assign(setting=f"editing; {ALL_EDITS}")
    by_kind = edits.assign(setting="editing; " + edits["setting"])
    parts = [summarise(drawn), summarise(pooled), summarise(by_kind)]
    for frame in (drawn, pooled):
        methods = others(frame)
        parts += [paired_difference(frame, method, BASE) for method in methods]
        parts += [
            paired_difference(frame, a, b) for a, b in zip(methods, methods[1:], strict=False)
        ]
    table = measured(parts)
    shown = readable(table, encoders)
    generation_rows = shown[shown["setting"] == "generation"]
    editing_rows = shown[shown["setting"] == f"editing; {ALL_EDITS}"]
    body = [
        "Generation: the benchmark's subjects under prompts.",
        markdown(generation_rows, GENERATION),
        part_text(drawn, encoders),
        "Editing: held-out pairs of all four kinds.",
        markdown(without(editing_rows, ALL_EDITS), EDITING),
        EDIT_METRICS,
        PAIRED,
        MORE + " The CSV also has the kinds of edits one by one.",
    ]
    write_table(table, csv, page, "Variants of ToffeeNet", body)


def tabulate_reconstruction(
    scores: Sequence[Path],
    shares: Mapping[str, float],
    published: Path,
    csv: Path,
    page: Path,
    encoders: str,
    source: str,
    resolution: int,
) -> None:
    """ToffeeNet by the probability p of reconstruction in training, beside the published rows.

    Args:
        scores: benchmark scores of all methods, any number of files.
        shares: method → p; differences are those to the smallest p.
        published: CSV of published ablations.
        encoders: names of the metric DINO and CLIP.
        source, resolution: see `tables.comparability`.

    Raises:
        ToffeeError: there are no scores of one of the methods.
    """
    order = sorted(shares, key=shares.__getitem__)
    labels = {method: f"p = {shares[method]:g}" for method in order}
    frame = labelled(benchmark_part(scores, encoders), labels, scores)
    # Seg-DINO is this: both pictures segmented by class word, cropped, the rest filled
    frame["metric"] = frame["metric"].replace("dino_masked", "seg_dino")
    table, printed = against_first(frame), published_ablation(published, "reconstruction")
    text = (
        "p: probability that a training target is the subject's own picture. `seg_dino`: "
        "generated image and photos segmented by class word, the rest filled, cropped to the mask; "
        "a subject that is not found counts as 0. The values of p are ours: the paper's was not "
        "found."
    )
    body = [
        markdown(pd.concat([readable(table, encoders), printed]), RECONSTRUCTION),
        text,
        direction(table, printed),
        part_text(frame, encoders),
        comparability(source, resolution),
        PAIRED,
        MORE,
    ]
    table = pd.concat([table, printed], ignore_index=True)
    write_table(table, csv, page, "Training with reconstruction", body)


def tabulate_segmentation(
    scores: Sequence[Path],
    segmented: Mapping[str, bool],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """ToffeeNet that is shown the subject cut out, or its whole photo.

    segmented: method → which of the two; differences are those to the first method. The rest as in
    `tabulate_reconstruction`.
    """
    names = {True: "segmented subject", False: "whole photo"}
    labels = {method: names[bool(cut)] for method, cut in segmented.items()}
    frame = labelled(benchmark_part(scores, encoders), labels, scores)
    table = against_first(frame)
    text = (
        "What ToffeeNet is shown of the subject, in training and in use: the subject cut out on "
        "grey, or the photo as it is."
    )
    body = [
        markdown(readable(table, encoders), GENERATION),
        text,
        part_text(frame, encoders),
        PAIRED,
        MORE,
    ]
    write_table(table, csv, page, "Segmented or whole subject input", body)


def labelled(
    frame: pd.DataFrame, labels: Mapping[str, str], scores: Sequence[Path]
) -> pd.DataFrame:
    """Scores in the order of `labels` (method → what leads its setting). Raises ToffeeError where a
    method has none."""
    missing = [method for method in labels if method not in set(frame["method"])]
    if missing:
        raise ToffeeError(f"{Path(scores[0]).parent}: no scores of method {missing[0]!r}")
    frame = frame.assign(setting=frame["method"].map(labels).str.cat(frame["setting"], sep="; "))
    return frame.sort_values("method", key=lambda m: m.map(list(labels).index), kind="stable")


def against_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Means, and differences to the first method, as a tidy table."""
    first, *rest = frame["method"].unique()
    return measured([summarise(frame), *(paired_difference(frame, m, first) for m in rest)])


def readable(table: pd.DataFrame, encoders: str) -> pd.DataFrame:
    """The table without what all settings share; the text says it."""
    return without(table, f"encoders {encoders}", CLASS_PROMPT, ALL)


def direction(table: pd.DataFrame, printed: pd.DataFrame) -> str:
    """Whether the measured differences go the way of the published one, metric by metric.

    printed: two published rows a metric, without and with.
    """
    lines = []
    for metric, rows in printed.groupby("metric", sort=False):
        change = rows["value"].iloc[1] - rows["value"].iloc[0]
        differences = table[
            table["method"].str.contains(f" {MINUS} ") & (table["metric"] == metric)
        ]
        for row in differences.itertuples():
            same = "as published" if row.value * change > 0 else "not as published"
            lines.append(
                f"`{metric}` of {row.method}: {row.value:+.3f} ± {row.stderr:.3f}, "
                f"{same} ({change:+.3f})"
            )
    return "Direction: " + "; ".join(lines).replace("-", MINUS) + "."


def tabulate_strength(
    scores: Sequence[Path],
    strengths: Sequence[float],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """ToffeeNet by λ at inference, and how monotonous the curve is.

    scores: benchmark scores of the sweep, the setting is λ; strengths: its values, rising. Raises
    ToffeeError where one of them has no scores.
    """
    order = [scale_name(strength) for strength in strengths]
    frame = pd.concat([read_scores(path) for path in scores], ignore_index=True)
    frame = frame[frame["references"] == ALL].assign(method=BASE)
    missing = [setting for setting in order if setting not in set(frame["setting"])]
    if missing:
        raise ToffeeError(f"{Path(scores[0]).parent}: no scores of {missing[0]}")
    monotone = spearman(frame, order, "λ")
    frame = with_conditions(frame, encoders)
    monotone["setting"] = f"{ALL}; {CLASS_PROMPT}; encoders {encoders}"
    table = measured([summarise(frame), monotone])
    body = [
        markdown(readable(table, encoders), GENERATION),
        "λ weighs the subject's tokens when ToffeeNet draws; it is trained with 1. `spearman(λ)`: "
        "rank correlation of λ with the mean over subjects, ± the jackknife's standard error "
        "over subjects; +1 rises from value to value, −1 falls.",
        part_text(frame, encoders),
        "Mean over subjects ± standard error over n subjects.",
        MORE,
    ]
    write_table(table, csv, page, "λ at inference", body)


def tabulate_editing(
    scores: Sequence[Path],
    depth: Sequence[str],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """Editing by kind, and drawing in the layout of another view.

    scores: of the edits of `toffeenet`, the controls `input` and `target`, and any variants; depth:
    variants that take depth. Raises ToffeeError where there are no scores of `toffeenet`.
    """
    frame = edit_scores(scores)
    edits = frame[frame["setting"] != DEPTH_SETTING]
    layouts = frame[frame["setting"] == DEPTH_SETTING]
    pooled = edits.assign(setting=ALL_EDITS)
    parts = [summarise(edits), summarise(pooled)]
    parts += [paired_difference(pooled, BASE, "input"), paired_difference(pooled, BASE, "target")]
    parts += [paired_difference(pooled, method, BASE) for method in depth]
    edit_table = measured(parts)
    layout_table = measured(
        [summarise(layouts), *(paired_difference(layouts, method, BASE) for method in depth)]
    )
    body = [
        markdown(edit_table, EDITING),
        "Held-out pairs, made as the dataset's are. `input`: the picture before the edit; "
        "`target`: the base model's own edit, which is told nothing of the subject but the words. "
        + EDIT_METRICS,
        "Depth-controlled generation: the subject, seen from one side, is drawn under a prompt in "
        "the layout of its real photo from another side (`target`).",
        markdown(layout_table, LAYOUT),
        "`mask_iou`: overlap of the drawn subject's mask with that photo's; `depth_error`: mean "
        "absolute difference of the normalised depths. "
        + (
            f"{', '.join(f'`{name}`' for name in depth)} is given the photo's depth, "
            if depth
            else "No variant takes depth; "
        )
        + "`toffeenet` is told nothing of the layout.",
        f"Metric encoders: {encoders}.",
        PAIRED,
        MORE,
    ]
    table = pd.concat([edit_table, layout_table], ignore_index=True)[list(TABLE)]
    write_table(table, csv, page, "Subject-driven editing", body)


def benchmark_part(scores: Sequence[Path], encoders: str) -> pd.DataFrame:
    """Benchmark scores of `toffeenet` and of variants against all photos, on the subjects, prompts
    and seeds that all of them have."""
    frame = pd.concat([read_scores(path) for path in scores], ignore_index=True)
    frame = frame[frame["references"] == ALL]
    frame = _base_first(frame, scores)
    return with_conditions(in_common(frame, list(frame["method"].unique())), encoders)


def edit_scores(scores: Sequence[Path]) -> pd.DataFrame:
    """Scores of edits, `toffeenet` first."""
    frame = pd.concat([read_scores(path) for path in scores], ignore_index=True)
    return _base_first(frame, scores)


def _base_first(frame: pd.DataFrame, scores: Sequence[Path]) -> pd.DataFrame:
    if BASE not in set(frame["method"]):
        raise ToffeeError(f"{Path(scores[0]).parent}: no scores of method {BASE!r}")
    return frame.sort_values("method", key=lambda m: m != BASE, kind="stable")


def others(frame: pd.DataFrame) -> list[str]:
    """The methods that are not `toffeenet`."""
    return [method for method in frame["method"].unique() if method != BASE]


def part_text(frame: pd.DataFrame, encoders: str) -> str:
    """What a table on a part of the benchmark says about that part."""
    prompts = frame.groupby("subject")["prompt"].nunique().max()
    seeds = frame["seed"].nunique()
    return ON_A_PART.format(prompts=prompts, seeds=seeds, s="s" * (seeds != 1), encoders=encoders)
