"""Sections `plan` and `budget`, of `toffee plan`."""

from typing import Annotated

from pydantic import Field

from toffee.config.base import Count, Section


class Plan(Section):
    """What `toffee plan` reckons with where nothing was measured or counted; no result depends on
    it."""

    sustained_tflops: Annotated[float, Field(gt=0)] = Field(
        description="speed of the device that GPU hours are reckoned with, an assumption until "
        "`make bench` has measured it (TFLOP/s)"
    )
    frames: Count | None = Field(
        description="frames of the multi-view sequences for training, where the real source has "
        "not been imported and data.sequences is no number; none: they are counted (images)"
    )


class Budget(Section):
    """What `toffee plan` refuses to go beyond; none is no limit, and no result depends on it."""

    gpu_hours: Annotated[float, Field(ge=0)] | None = Field(
        description="most GPU hours of a run (hours)"
    )
    gpu_memory_gib: Annotated[float, Field(ge=0)] | None = Field(
        description="most memory of a GPU that a job may need, CUDA's own (about 1 GiB) left out "
        "(GiB)"
    )
    storage_gib: Annotated[float, Field(ge=0)] | None = Field(
        description="most room that a run may take, trainings' own data included (GiB)"
    )
    download_gib: Annotated[float, Field(ge=0)] | None = Field(
        description="most that a run may download (GiB)"
    )
