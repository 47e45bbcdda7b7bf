"""Section `filter`: the thresholds."""

from typing import Annotated

from pydantic import Field, model_validator

from toffee.config.base import Section, Share


class Filter(Section):
    """Thresholds that a candidate must meet; synthesis never looks at them."""

    min_subject_similarity: Annotated[float, Field(ge=-1, le=1)] = Field(
        description="least similarity of target and subject, subject encoder inside the masks "
        "(cosine)"
    )
    min_text_alignment: Annotated[float, Field(ge=-1, le=1)] = Field(
        description="least alignment of target and prompt, filter CLIP (cosine)"
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

    @model_validator(mode="after")
    def _areas_are_ordered(self) -> "Filter":
        if self.min_mask_area > self.max_mask_area:
            raise ValueError("expected min_mask_area to be at most max_mask_area")
        return self
