"""The most memory that a call holds at once, counted on the meta device.

Every tensor that the call makes counts from its making until nothing refers to it, what autograd
keeps for the way back included. What was there before (weights, gradients, inputs) does not count,
and neither does what a kernel needs inside of itself.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from toffee.plan.meter import Meter, tensors

HALF = {F.linear, F.conv2d, torch.matmul, torch.bmm, torch.baddbmm, torch.Tensor.matmul}
HALF |= {torch.Tensor.__matmul__, torch.Tensor.bmm, torch.addmm, F.conv_transpose2d}
WHOLE = {F.group_norm, F.layer_norm, F.softmax, torch.softmax, torch.Tensor.softmax, F.mse_loss}
"""What autocast computes in half precision on a GPU, and what in float32."""


def peak_bytes(
    run: Callable[[], Any], back: bool = False, mixed: bool = False, fused: bool = True
) -> int:
    """The most bytes that a call holds at once beyond what was there.

    Args:
        run: the call.
        back: whether it computes gradients.
        mixed: as under autocast to bfloat16 on a GPU; the call then is one pass forward, with
            `backward` at its end.
        fused: whether attention is.
    """
    with torch.set_grad_enabled(back), _Living() as living, _AsOnGpu(mixed, fused):
        run()
    return living.peak


class _Living(Meter):
    """Bytes of the storages that operations made, now and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: dict[int, Any] = {}

    def made(self, given: Any, made: Any) -> None:
        """See what was there and what is new."""
        for tensor in tensors(given):
            self._see(tensor, 0)
        for tensor in tensors(made):
            self._see(tensor, 1)

    def _see(self, tensor: torch.Tensor, counts: int) -> None:
        storage = tensor.untyped_storage()
        key = id(storage)  # the same object as long as the storage lives
        if key not in self.known:
            size = counts * storage.nbytes()
            self.known[key] = weakref.ref(storage, lambda _: self._gone(key, size))
            self.now += size
            self.peak = max(self.peak, self.now)

    def _gone(self, key: int, size: int) -> None:
        self.now -= size
        self.known.pop(key, None)


class _AsOnGpu(TorchFunctionMode):
    """Casts as autocast does on a GPU, and attention as a fused kernel that keeps no matrix of
    weights: on the meta device torch has neither."""

    def __init__(self, mixed: bool, fused: bool) -> None:
        super().__init__()
        self.mixed, self.fused = mixed, fused
        self.forward, self.weights = True, dict[int, torch.Tensor]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        attention = func is F.scaled_dot_product_attention
        if func is torch.Tensor.backward:
            return self._back(args[0])
        if self.mixed and (func in HALF or attention):
            args, kwargs = tree_map_only(torch.Tensor, self._half, (args, kwargs))
        elif self.mixed and func in WHOLE:
            args, kwargs = tree_map_only(torch.Tensor, torch.Tensor.float, (args, kwargs))
        if self.fused and attention:
            return torch.ops.aten._scaled_dot_product_flash_attention(*args[:3])[0]
        return func(*args, **kwargs)

    def _back(self, loss: torch.Tensor) -> None:
        """The pass back. The copies of the weights go before it; activations that are computed
        again make them anew, and see this mode, which torch takes away from `backward`."""
        self.forward = False
        self.weights.clear()
        engine = torch.autograd.Variable._execution_engine
        with self:
            engine.run_backward(
                (loss,), (torch.ones_like(loss),), False, False, (), True, accumulate_grad=True
            )

    def _half(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dtype != torch.float32:
            return tensor
        if not (self.forward and isinstance(tensor, torch.nn.Parameter)):
            return tensor.bfloat16()
        if id(tensor) not in self.weights:
            self.weights[id(tensor)] = tensor.bfloat16()
        return self.weights[id(tensor)]
