"""How models compute: precision, memory layout, compiler, attention kernel.

A job reads the settings from its params (see `toffee.launch.job`), and every model that it draws
or trains with computes as they say. A rule without these params computes in float32, the default of
PyTorch. Rules that measure have none, so that scores do not depend on how images were drawn.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Compute:
    """The settings of config section `compute`; by default those that change no bit.

    Attributes:
        dtype: float32, bfloat16 or float16. Frozen models hold and compute in it. What is trained
            holds float32 and computes in bfloat16 (autocast) if `dtype` is bfloat16; with float16 a
            training stays in float32, because it would need scaled losses.
        channels_last: memory layout of pictures and convolutions.
        compile: whether frozen models go through torch.compile.
        attention: sdpa, torch's fused kernels, or eager, the same as plain matrix products.
        tf32: whether GPUs round the factors of float32 products to TensorFloat-32, which Ampere and
            newer ones compute several times as fast; others take no notice.
    """

    dtype: str = "float32"
    channels_last: bool = False
    compile: bool = False
    attention: str = "sdpa"
    tf32: bool = False

    @property
    def converted(self) -> "Compute":
        """What of it changes a model, and not the process."""
        return replace(self, tf32=False)

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Compute":
        """The settings among a rule's params; those that it lacks are the defaults."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: value for name, value in params.items() if name in names})


EXACT = Compute()
"""Float32, and nothing that changes how it is rounded."""


class _State:
    current = EXACT


def compute() -> Compute:
    """The settings of this process."""
    return _State.current


@contextmanager
def computing(settings: Compute) -> Iterator[None]:
    """Inside, models that are loaded and trainings compute with these settings."""
    before, _State.current = _State.current, settings
    set_float32(settings)
    try:
        yield
    finally:
        _State.current = before
        set_float32(before)


def set_float32(settings: Compute) -> None:
    """Tell torch how a GPU multiplies float32. Its own default is TF32 for convolutions alone.

    Without torch in the process there is nothing to tell: `prepare` does so when it comes.
    """
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "backends"):
        precision = "tf32" if settings.tf32 else "ieee"
        torch.backends.cuda.matmul.fp32_precision = precision
        torch.backends.cudnn.conv.fp32_precision = precision


def prepare(model: Any, *calls: str) -> Any:
    """Put a frozen model on the device, in evaluation mode, with the settings of this process.

    Its calls take and return float32 whatever it computes in.

    Args:
        model: changed in place, and returned.
        calls: the methods that are called from outside, also those of its parts
            (`text_model.forward`); by default `forward`.
    """
    import torch

    from toffee.runtime.device import device

    settings = compute()
    set_float32(settings)
    model = model.eval().to(device())
    if settings.converted == EXACT:
        return model
    model = model.to(getattr(torch, settings.dtype))
    if settings.channels_last:
        model = model.to(memory_format=torch.channels_last)
    for call in calls or ("forward",):
        place, _, name = call.rpartition(".")
        part = model.get_submodule(place)
        setattr(part, name, _converted(getattr(part, name), settings))
    return model


def _converted(call: Callable[..., Any], settings: Compute) -> Callable[..., Any]:
    """A method that converts the tensors of its arguments and of its result."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils._pytree import tree_map_only

    dtype = getattr(torch, settings.dtype)
    fast = torch.compile(call) if settings.compile else call

    def enter(value: "torch.Tensor") -> "torch.Tensor":
        if value.is_floating_point():
            value = value.to(dtype)
        if settings.channels_last and value.dim() == 4:
            value = value.contiguous(memory_format=torch.channels_last)
        return value

    def leave(value: "torch.Tensor") -> "torch.Tensor":
        return value.float() if value.is_floating_point() else value

    @wraps(call)
    def run(*arguments: Any, **keywords: Any) -> Any:
        arguments, keywords = tree_map_only(torch.Tensor, enter, (arguments, keywords))
        with nullcontext() if settings.attention == "sdpa" else sdpa_kernel(SDPBackend.MATH):
            return tree_map_only(torch.Tensor, leave, fast(*arguments, **keywords))

    return run


@contextmanager
def without_denormals() -> Iterator[None]:
    """Inside, numbers below 1e-38 are 0: a processor computes with them several times slower.

    Gradients and their averages come to that. It holds for this thread and for threads that it
    starts inside; threads of torch that are there already, where it has several, keep such numbers.
    GPUs compute with them as fast as with others. Afterwards they are kept, as torch does.
    """
    import torch

    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def mixed() -> AbstractContextManager[Any]:
    """Inside, float32 weights compute in bfloat16, if the settings of this process say so."""
    import torch

    from toffee.runtime.device import device

    if compute().dtype != "bfloat16":
        return nullcontext()
    return torch.autocast(device().type, torch.bfloat16)
