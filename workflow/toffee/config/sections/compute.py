"""Section `compute`: how models compute."""

from typing import Literal

from pydantic import Field

from toffee.config.base import Section


class Compute(Section):
    """How models compute. What is trained keeps float32 weights, and what measures uses none of it:
    the metric encoders are float32 always."""

    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        description="precision of frozen models; trainings compute in bfloat16 where it says so, "
        "and in float32 otherwise"
    )
    channels_last: bool = Field(
        description="whether convolutions see pictures with their channels last, as GPUs like it"
    )
    compile: bool = Field(
        description="whether frozen models go through torch.compile, which takes minutes a job "
        "and needs a C++ compiler"
    )
    attention: Literal["sdpa", "eager"] = Field(
        description="sdpa: torch's fused kernels; eager: the same attention as plain matrix "
        "products"
    )
    tf32: bool = Field(
        description="whether GPUs of Ampere and newer multiply what stays float32, as the detector "
        "does, in TensorFloat-32"
    )
