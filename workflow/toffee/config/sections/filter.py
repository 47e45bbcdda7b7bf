"""Section `filter`: the thresholds, and the scores that they are for."""

from dataclasses import dataclass

from pydantic import Field, model_validator

from toffee.config.base import Section, Share
from toffee.config.thresholds import Alignment, Cosine


@dataclass(frozen=True)
class Score:
    """A score of every candidate.

    Attributes:
        meaning: what it measures, and its unit.
        kinds: kinds of pairs that its thresholds apply to; every kind if empty.
    """

    meaning: str
    kinds: tuple[str, ...] = ()


# The subject stays as it is in these kinds; the others change its colour, texture or style.
_SAME_SUBJECT = ("generation", "background")
_EDITS = ("background", "colour", "texture", "style")
SCORES = {
    "subject_similarity": Score(
        "similarity of target and subject inside the masks (cosine)", _SAME_SUBJECT
    ),
    # 0 where the view shows no subject that is found; so a least value above 0 rejects it.
    "view_similarity": Score(
        "similarity of the view and the subject's own picture inside the masks (cosine)"
    ),
    "pair_similarity": Score(
        "similarity of target and view inside the masks (cosine)", _SAME_SUBJECT
    ),
    "text_alignment": Score("alignment of target and prompt (cosine)"),
    "change_read": Score(
        "reading of the edit's prompt against the best other one, and not yet in the input "
        "(probability)",
        _EDITS,
    ),
    "image_similarity": Score("similarity of target and input (cosine)"),
    # An editing pair repeats its input outside the mask on purpose.
    "copy_rate": Score(
        "share of the subject that the target repeats in place (fraction)", ("generation",)
    ),
    "mask_area": Score("area of the mask (fraction of the image)"),
    "mask_connectedness": Score("share of the mask in its largest connected part (fraction)"),
}
"""All scores, in the order of a shard's columns. `toffee.synthesis.scores` computes them."""


class Filter(Section):
    """Thresholds that a candidate must meet, in the order in which they are applied. Each key is
    `min_` or `max_` and the name of a score. Synthesis never looks at them.

    Cosines may be quantiles, such as `class:0.95` (see `toffee.config.thresholds`)."""

    min_subject_similarity: Cosine = Field(
        description="least similarity of target and subject, subject encoder inside the masks "
        "(cosine, or a quantile)"
    )
    min_view_similarity: Cosine = Field(
        description="least similarity of the view and the subject's own picture, subject encoder "
        "inside the masks; a view without a subject has 0 (cosine, or a quantile)"
    )
    min_pair_similarity: Cosine = Field(
        description="least similarity of target and view, subject encoder inside the masks "
        "(cosine, or a quantile)"
    )
    min_text_alignment: Alignment = Field(
        description="least alignment of target and prompt, filter CLIP (cosine, or a quantile: of "
        "texts of the `same` or an `other` class)"
    )
    min_change_read: Share = Field(
        description="least probability with which the filter CLIP reads the change of an edit, "
        "against the best other change of its kind, in the target and not yet in the input "
        "(fraction)"
    )
    max_copy_rate: Share = Field(
        description="largest share of the subject's pixels that the target repeats in place "
        "(fraction)"
    )
    min_mask_area: Share = Field(
        description="least area of the subject's mask (fraction of the image)"
    )
    max_mask_area: Share = Field(
        description="largest area of the subject's mask (fraction of the image)"
    )
    min_mask_connectedness: Share = Field(
        description="least share of the mask in its largest connected part (fraction)"
    )

    @property
    def is_calibrated(self) -> bool:
        """Whether a threshold is a quantile."""
        return any(isinstance(value, str) for value in self.model_dump().values())

    @model_validator(mode="after")
    def _areas_are_ordered(self) -> "Filter":
        if self.min_mask_area > self.max_mask_area:
            raise ValueError("expected min_mask_area to be at most max_mask_area")
        return self
