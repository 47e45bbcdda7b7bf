"""Guidance of ToffeeNet by text and subject: by both at once (the paper's), or apart (ours)."""

from typing import NamedTuple


class Forward(NamedTuple):
    """One of the forwards of a denoising step, which are computed as one batch.

    Attributes:
        text, subject: whether it sees them.
        weight: of its prediction in the step's.
    """

    text: bool
    subject: bool
    weight: float


def forwards(guidance: float, subject_guidance: float | None = None) -> list[Forward]:
    """The forwards of a step; the guided prediction is the sum of theirs by weight.

    With p(text, subject) for a prediction, and - for none of it:
        at once     p(-, -) + guidance * (p(text, subject) - p(-, -))
        apart       p(-, -) + subject_guidance * (p(-, subject) - p(-, -))
                            + guidance * (p(text, subject) - p(-, subject))
    Equal weights make the second formula the first. A prediction of no weight is not computed.

    Source: instruct-pix2pix, arXiv 2211.09800, section 3.2.1 (there picture and instruction).

    Args:
        guidance: weight of text and subject, or of the text alone.
        subject_guidance: weight of the subject alone; None guides by both at once.
    """
    subject = guidance if subject_guidance is None else subject_guidance
    every = [
        Forward(True, True, guidance),
        Forward(False, True, subject - guidance),
        Forward(False, False, 1 - subject),
    ]
    return [one for one in every if one.weight]
