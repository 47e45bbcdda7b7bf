"""Section `export`: what leaves the project."""

from typing import Annotated

from pydantic import Field

from toffee.config.base import Section


class Export(Section):
    """What leaves the project in `dataset/hub/`."""

    hub: bool = Field(
        description="whether target all also writes dataset/hub/, which holds the pictures of the "
        "accepted pairs a second time; target dataset always does"
    )
    licences: list[Annotated[str, Field(min_length=1)]] | None = Field(
        description="licences that may be shared (identifiers, e.g. apache-2.0): a pair is "
        "exported where all of its licences are among them, and an unknown one never is; null "
        "exports everything"
    )
