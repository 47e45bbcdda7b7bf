"""Section `report`."""

from typing import Literal

from pydantic import Field

from toffee.config.base import Section


class Report(Section):
    """What the report says of a run."""

    scope: Literal["core", "whole"] = Field(
        description="tables and figures that ledger, crate, verdict and page wait for: those of "
        "target `all`, or every one"
    )
