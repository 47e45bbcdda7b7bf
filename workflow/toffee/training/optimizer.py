"""Optimizers: AdamW, or Muon for matrices and AdamW for the rest."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import nn

BETAS = (0.9, 0.98)
"""Of AdamW's two averages."""


class Optimizer(Protocol):
    """What the training loop and a checkpoint need of an optimizer of torch."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Parameters by rate and the like."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def step(self) -> Any:
        """Change the parameters."""

    def state_dict(self) -> dict[str, Any]:
        """`state`, tensors by number of a parameter, and `param_groups`."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Go on from there."""


def make_optimizer(
    kind: str, parameters: Sequence[nn.Parameter], rate: float, decay: float, fused: bool
) -> Optimizer:
    """An optimizer of a kind that key `optimizer` of a model's section has.

    Args:
        kind: adamw or muon.
        parameters: what it changes.
        rate: learning rate.
        decay: decoupled weight decay.
        fused: whether AdamW is one kernel; otherwise as torch thinks best for the device.
    """
    if kind == "muon":
        return MuonAndAdamW(parameters, rate, decay, fused)
    return _adamw(parameters, rate, decay, fused)


def _adamw(
    parameters: Sequence[nn.Parameter], rate: float, decay: float, fused: bool
) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        parameters, lr=rate, weight_decay=decay, betas=BETAS, fused=fused or None
    )


class MuonAndAdamW:
    """Muon for weights of two and more dimensions, AdamW for biases and norms, at one rate.

    Muon makes the averaged gradient of a matrix orthogonal, so that a step changes the matrix by as
    much in every direction (Jordan, kellerjordan.github.io/posts/muon). Its steps are scaled to be
    as large as AdamW's, so that both can take the same rate (Liu et al., arXiv 2502.16982). A
    convolution is a matrix with a row for each output channel. Embeddings are matrices here too
    (our choice; its author leaves them to AdamW). torch's Muon takes nothing but matrices: it sees
    the memory of the weights as such, so nobody may give them other memory later.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], rate: float, decay: float, fused: bool
    ) -> None:
        """See `make_optimizer`."""
        self.parameters = list(parameters)
        self.weights = [p for p in self.parameters if p.ndim > 1]
        self.matrices = [_matrix(p.detach()) for p in self.weights]
        rest = [p for p in self.parameters if p.ndim <= 1]
        # Neither takes an empty list.
        self.parts: list[torch.optim.Optimizer] = []
        if self.matrices:
            muon = torch.optim.Muon(
                self.matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"
            )
            self.parts.append(muon)
        if rest:
            self.parts.append(_adamw(rest, rate, decay, fused))

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Of both."""
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Change the parameters.

        Raises:
            RuntimeError: a matrix is not, or is not any more, the memory of its weight.
        """
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            if matrix.data_ptr() != weight.data_ptr():
                raise RuntimeError(f"Muon does not see the memory of a weight {list(weight.shape)}")
            matrix.grad = None if weight.grad is None else _matrix(weight.grad, weight)
        for part in self.parts:
            part.step()
        for matrix in self.matrices:
            matrix.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Of both: the tensors of Muon's matrices by their number, then those of the rest."""
        state: dict[int, Any] = {}
        for first, part in self._numbered():
            state |= {first + place: s for place, s in part.state_dict()["state"].items()}
        return {"state": state, "param_groups": self.param_groups}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """Go on from a state; the groups stay as they are."""
        for first, part in self._numbered():
            count = _count(part)
            mine = {
                place - first: state
                for place, state in state_dict["state"].items()
                if first <= place < first + count
            }
            part.load_state_dict(part.state_dict() | {"state": mine})

    def _numbered(self) -> list[tuple[int, torch.optim.Optimizer]]:
        """Both, with the number of the first parameter of each."""
        firsts = [0] + [_count(part) for part in self.parts[:-1]]
        return list(zip(firsts, self.parts, strict=True))


def _count(part: torch.optim.Optimizer) -> int:
    return sum(len(group["params"]) for group in part.param_groups)


def _matrix(weight: torch.Tensor, like: torch.Tensor | None = None) -> torch.Tensor:
    """A weight [out, in, ...] as a matrix [out, n], in the order of the memory of `like`.

    So the matrix of a weight is that weight's memory, whichever layout it has. The order of the
    columns changes nothing for Muon.
    """
    like = weight if like is None else like
    order = sorted(range(1, like.ndim), key=like.stride, reverse=True)
    return weight.permute(0, *order).flatten(1)
