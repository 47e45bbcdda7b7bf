"""Table `segmentation`: ToffeeNet that is shown the subject cut out, or its whole photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from toffee.tables.benchmark import (
    GENERATION,
    against_first,
    describe_part,
    labelled,
    read_variants,
    without_conditions,
)
from toffee.tables.markdown import markdown
from toffee.tables.tidy import MORE, PAIRED, write_table


def tabulate_segmentation(
    scores: Sequence[Path],
    segmented: Mapping[str, bool],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """ToffeeNet that is shown the subject cut out, or its whole photo.

    segmented: method → whether its subject is cut out; differences are those to the first method.
    The rest as in `tabulate_reconstruction`.
    """
    names = {True: "segmented subject", False: "whole photo"}
    labels = {method: names[bool(cut)] for method, cut in segmented.items()}
    frame = labelled(read_variants(scores, encoders), labels, scores)
    table = against_first(frame)
    text = (
        "What ToffeeNet is shown of the subject, in training and in use: the subject cut out on "
        "grey, or the photo as it is."
    )
    body = [
        markdown(without_conditions(table, encoders), GENERATION),
        text,
        describe_part(frame, encoders),
        PAIRED,
        MORE,
    ]
    write_table(table, csv, page, "Segmented or whole subject input", body)
