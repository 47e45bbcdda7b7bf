"""Sections `plan` and `budget`, of `toffee plan`."""

from typing import Annotated

from pydantic import Field

from toffee.config.base import Count, Section

Speed = Annotated[float, Field(gt=0)]


class Tflops(Section):
    """What a device sustains by precision, an assumption until `make bench` has measured it."""

    float32: Speed = Field(description="float32, of what measures (TFLOP/s)")
    tf32: Speed = Field(description="float32 with compute.tf32, of what draws (TFLOP/s)")
    bfloat16: Speed = Field(description="bfloat16 (TFLOP/s)")
    float16: Speed = Field(description="float16 (TFLOP/s)")


class Plan(Section):
    """What `toffee plan` reckons with where nothing was measured or counted; no result depends on
    it."""

    sustained_tflops: Tflops = Field(
        description="speed of the device by precision, which hours are reckoned with"
    )
    frames: Count | None = Field(
        description="frames of the multi-view sequences for training, where the real source has "
        "not been imported and data.sequences is no number; none: they are counted (images)"
    )


class Budget(Section):
    """What `toffee plan` refuses to go beyond; none is no limit, and no result depends on it."""

    gpu_hours: Annotated[float, Field(ge=0)] | None = Field(
        description="most GPU hours of a run whose rules ask for GPUs (hours)"
    )
    cpu_hours: Annotated[float, Field(ge=0)] | None = Field(
        description="most CPU hours of any other run (hours)"
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
