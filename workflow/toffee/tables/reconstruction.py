"""Table `reconstruction`: ToffeeNet by the probability of reconstruction in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from toffee.evaluation.statistics import MINUS, shows
from toffee.tables.benchmark import (
    against_first,
    describe_part,
    labelled,
    read_variants,
    without_conditions,
)
from toffee.tables.markdown import markdown
from toffee.tables.published import published_ablation
from toffee.tables.tidy import MORE, PAIRED, comparability, write_table

SHOWN = ("seg_dino", "clip_t", "dino", "histogram_masked", "copy_rate")


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
        source, resolution: see `tidy.comparability`.

    Raises:
        ToffeeError: there are no scores of one of the methods.
    """
    order = sorted(shares, key=shares.__getitem__)
    labels = {method: f"p = {shares[method]:g}" for method in order}
    frame = labelled(read_variants(scores, encoders), labels, scores)
    # Seg-DINO is this: both pictures segmented by class word, cropped, the rest filled
    frame["metric"] = frame["metric"].replace("dino_masked", "seg_dino")
    table, printed = against_first(frame), published_ablation(published, "reconstruction")
    text = (
        "p: probability that a training target is the subject's view, its input. `seg_dino`: "
        "generated image and photos segmented by class word, the rest filled, cropped to the mask; "
        "a subject that is not found counts as 0. The values of p are ours: the paper's was not "
        "found."
    )
    body = [
        markdown(pd.concat([without_conditions(table, encoders), printed]), SHOWN),
        text,
        compare_directions(table, printed),
        describe_part(frame, encoders),
        comparability(source, resolution),
        PAIRED,
        MORE,
    ]
    table = pd.concat([table, printed], ignore_index=True)
    write_table(table, csv, page, "Training with reconstruction", body)


def compare_directions(table: pd.DataFrame, printed: pd.DataFrame) -> str:
    """Whether the measured differences have the sign of the published one, metric by metric.

    One within two of its standard errors has none.

    printed: two published rows per metric, without and with reconstruction.
    """
    lines = []
    for metric, rows in printed.groupby("metric", sort=False):
        change = float(rows["value"].iloc[1] - rows["value"].iloc[0])
        differences = table["method"].str.contains(f" {MINUS} ") & (table["metric"] == metric)
        for row in table[differences].to_dict("records"):
            same = "as published" if row["value"] * change > 0 else "not as published"
            if not shows(row["value"], row["stderr"]):
                same = "no difference that shows"
            lines.append(
                f"`{metric}` of {row['method']}: {row['value']:+.3f} ± {row['stderr']:.3f}, "
                f"{same} ({change:+.3f})"
            )
    return "Direction: " + "; ".join(lines).replace("-", MINUS) + "."
