"""Table `scaling`: ToffeeNet by its pairs and subjects, beside DreamBooth by its steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.config.variants import row_of
from toffee.evaluation.statistics import shows, summarise
from toffee.runtime.errors import ToffeeError
from toffee.tables.benchmark import (
    TOKEN_PROMPT,
    against_first,
    describe_part,
    labelled,
    read_variants,
    without_conditions,
)
from toffee.tables.cost import ALL_STAGES, OURSELVES, PER_PAIR, benchmark_seconds
from toffee.tables.markdown import markdown
from toffee.tables.tidy import MORE, PAIRED, Row, measured, read_csv, tidy, without, write_table

SLOPE = "slope per doubling of the pairs"
SHOWN = (
    *("pairs", "subjects", "seconds"),
    *("dino", "clip_t", "dino_masked", "histogram_masked", "copy_rate", "diversity"),
)
CURVES = ("dino", "clip_t")
"""What the figure shows and the text speaks of."""
TEXTS = (
    "All ToffeeNets see the same subjects' photos and draw from the same noise. A smaller "
    "number of pairs is a part of every larger one; fewer subjects are compared at as many "
    "pairs. The slope is that of the least squares' line over log2(pairs), for each subject, "
    "over the ToffeeNets that were trained for as many steps on all subjects; its error is "
    "that of these slopes' mean.",
    "`seconds`: of a ToffeeNet, the pretraining of the generators, its pairs and its training, "
    "once for any number of subjects; of DreamBooth, the fine-tunings of the benchmark's "
    "subjects, which grow with their number. The time of drawing counts for neither.",
)


def tabulate_scaling(
    scores: Sequence[Path],
    models: Sequence[Path],
    trained: Sequence[Path],
    seconds: Sequence[Path],
    cost: Path,
    steps: Mapping[str, int],
    shares: Mapping[str, float],
    tuned: Mapping[str, int],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """ToffeeNets by the pairs that they were trained on, and DreamBooth by its steps.

    Args:
        scores: benchmark scores of all of them.
        models, trained: folder of each ToffeeNet, and benchmark file of its training.
        seconds: CSV files of what fine-tuning took for each subject,
            <method>/seconds/<group>.csv.
        cost: the CSV of `tabulate_cost`, for the seconds of a pair and of the generators.
        steps: of each ToffeeNet's training, in the order of `models`; `toffeenet` is the first.
        shares: of the subjects that each was trained on.
        tuned: steps of each method of fine-tuning.

    Raises:
        ToffeeError: a file is not what is expected, or one of them has no scores.
    """
    nets = {name: read_net(Path(folder)) for name, folder in zip(steps, models, strict=True)}
    labels = {
        name: f"{net['pairs']} pairs, {net['subjects']} subjects, {steps[name]} steps"
        for name, net in nets.items()
    }
    labels |= {name: f"{count} steps" for name, count in tuned.items()}
    frame = read_variants(scores, encoders)
    frame = labelled(frame, labels, scores)
    own = frame[frame["method"].isin(nets)]
    rival = frame[frame["method"].isin(tuned)]
    slopes = slopes_of(own, {name: net["pairs"] for name, net in nets.items()}, steps, shares)
    spent = {name: benchmark_seconds(path) for name, path in zip(steps, trained, strict=True)}
    parts = [
        tidy([*net_rows(nets, labels, spent, cost), *rival_rows(seconds, tuned)]),
        against_first(own),
        measured([summarise(rival.assign(method=rival["method"].map(row_of)))]),
        measured([slopes]),
    ]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    shown = without(without_conditions(table, encoders), TOKEN_PROMPT)
    body = [
        markdown(shown, SHOWN),
        *verdicts(slopes),
        *TEXTS,
        describe_part(own, encoders),
        PAIRED,
        MORE,
    ]
    write_table(table, csv, page, "Scaling", body)


def read_net(folder: Path) -> dict[str, int]:
    """Numbers of pairs and of subjects that a ToffeeNet was trained on."""
    path = folder / "toffeenet.json"
    try:
        settings = json.loads(path.read_text("utf-8"))
        return {name: int(settings[name]) for name in ("pairs", "subjects")}
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{path}: expected JSON with pairs and subjects ({error})") from error


def slopes_of(
    frame: pd.DataFrame,
    pairs: Mapping[str, int],
    steps: Mapping[str, int],
    shares: Mapping[str, float],
) -> pd.DataFrame:
    """Change of each metric when the pairs double, by the number of steps: rows as `summarise`.

    ToffeeNets that saw fewer subjects are left out; no rows where none of the others were trained
    for as many steps on another number of pairs.
    """
    parts = []
    for count in dict.fromkeys(steps.values()):
        nets = [name for name in steps if steps[name] == count and shares[name] == 1]
        across = np.log2([pairs[name] for name in nets])
        across = across - across.mean() if len(nets) else across
        if not np.any(across):
            continue
        cells = ["metric", "subject", "training"]
        some = frame[frame["method"].isin(nets)]
        means = some.pivot_table(index=cells, columns="method", values="value")[nets]
        slope = (means * (across / np.square(across).sum())).sum(axis=1, skipna=False)
        setting = f"{count} steps"
        slopes = slope.rename("value").reset_index()
        parts.append(summarise(slopes.assign(method=SLOPE, setting=setting, prompt="")))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def verdicts(slopes: pd.DataFrame) -> Iterator[str]:
    """A sentence for each slope that the figure shows: is it one, by two standard errors?"""
    if slopes.empty:
        yield "**No slope**: no two ToffeeNets with as many steps and other numbers of pairs."
        return
    for row in slopes[slopes["metric"].isin(CURVES)].to_dict("records"):
        change = f"{row['value']:+.4f} ± {row['stderr']:.4f}".replace("-", "\N{MINUS SIGN}")
        some = shows(row["value"], row["stderr"])
        found = ("rises" if row["value"] > 0 else "falls") if some else "has no slope that shows"
        yield f"**`{row['metric']}` {found}** at {row['setting']}: {change} for each doubling."


def net_rows(
    nets: Mapping[str, Mapping[str, int]],
    labels: Mapping[str, str],
    spent: Mapping[str, float],
    cost: Path,
) -> Iterator[Row]:
    """What each ToffeeNet was trained on, and the seconds that all of it took.

    spent: seconds of its training alone.
    """
    rows = read_csv(cost, ("method", "setting", "metric", "value"))
    own = rows[rows["method"] == OURSELVES].set_index(["setting", "metric"])["value"]
    if (ALL_STAGES, PER_PAIR) not in own:
        raise ToffeeError(f"{cost}: no row of {OURSELVES}, {ALL_STAGES}, {PER_PAIR}")
    each = own[ALL_STAGES, PER_PAIR]
    generators = own.xs("seconds", level="metric").sum()
    for name, net in nets.items():
        yield name, labels[name], "pairs", net["pairs"]
        yield name, labels[name], "subjects", net["subjects"]
        yield name, labels[name], "seconds", generators + net["pairs"] * each + spent[name]


def rival_rows(seconds: Sequence[Path], tuned: Mapping[str, int]) -> Iterator[Row]:
    """Seconds of the fine-tunings of all subjects, by method and steps."""
    for name, count in tuned.items():
        files = [Path(path) for path in seconds if Path(path).parents[1].name == name]
        each = [read_csv(path, ("tune_seconds",))["tune_seconds"] for path in files]
        yield row_of(name), f"{count} steps", "seconds", pd.concat(each).sum()
