"""Table `reference`: how the subject enters ToffeeNet, and how it is guided."""

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

REFERENCES = {"tokens": "tokens (the paper's)", "canvas": "tokens and canvas (ours)"}


def tabulate_reference(
    scores: Sequence[Path],
    references: Mapping[str, str],
    subject_guidance: Mapping[str, float | None],
    photos: Mapping[str, int],
    own_photo: Mapping[str, float],
    guidance: Mapping[str, float],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """How the subject's picture enters ToffeeNet, and how text and subject are guided.

    Args:
        references: method → `toffeenet.reference`; differences are those to the first method.
        subject_guidance: method → `toffeenet.subject_guidance`.
        photos: method → `toffeenet.reference_photos`.
        own_photo: method → `toffeenet.own_photo`.
        guidance: method → `toffeenet.guidance`.
        The rest as in `tabulate_reconstruction`.
    """
    labels = {
        method: f"{REFERENCES[reference]}, {photos[method]} photo{'s' * (photos[method] != 1)}; "
        f"{trained(own_photo[method])}; {guided(guidance[method], subject_guidance[method])}"
        for method, reference in references.items()
    }
    frame = labelled(read_variants(scores, encoders), labels, scores)
    table = against_first(frame)
    text = (
        "How the subject's picture enters ToffeeNet, in training and in use: as patch tokens, or "
        "also as latents on a canvas beside the picture that is drawn, which self-attention reads. "
        "What it is shown in training: always the view that was drawn of the subject, or in this "
        "share of the generation samples the photo that the view was drawn from. And how it is "
        "guided in use: text and subject at once, or the subject with a weight of its own."
    )
    body = [
        markdown(without_conditions(table, encoders), GENERATION),
        text,
        describe_part(frame, encoders),
        PAIRED,
        MORE,
    ]
    write_table(table, csv, page, "Reference path and guidance", body)


def trained(own_photo: float) -> str:
    """What a method was shown in training, as a setting says it."""
    return f"trained on photos ({own_photo:g}, ours) and views" if own_photo else "trained on views"


def guided(text: float, subject: float | None) -> str:
    """How a method is guided, as a setting says it."""
    if subject is None:
        return f"guided at once, {text:g}"
    return f"guided apart, text {text:g} and subject {subject:g} (ours)"
