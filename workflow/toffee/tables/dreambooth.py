"""Table `dreambooth`: per-subject fine-tuning by its number of steps."""

from __future__ import annotations

from pathlib import Path

from toffee.evaluation.scores_file import read_scores
from toffee.evaluation.statistics import paired_difference, summarise
from toffee.tables.markdown import markdown
from toffee.tables.tidy import MORE, PAIRED, measured, ordered, write_table

SHOWN = (
    "dino",
    "clip_i",
    "clip_t",
    "dino_masked",
    "clip_i_masked",
    "histogram_masked",
    "efficientnet_masked",
)


def tabulate_dreambooth(scores: Path, csv: Path, page: Path, steps: int, encoders: str) -> None:
    """DreamBooth by its number of steps, on training subjects, which config `dreambooth.steps`
    rests on.

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
    body = [markdown(table, SHOWN), text, PAIRED, MORE]
    write_table(table, csv, page, "DreamBooth by its number of steps", body)
