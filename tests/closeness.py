"""When the numbers of two computations count as equal, and when as different.

They are equal to the last bit only where the project promises it: the same rule on the same machine
with the same threads (docs/determinism.md). Another batch size, another number of threads or
processes, or another address in memory can select a kernel that adds in another order.
"""

import torch

Weights = dict[str, torch.Tensor]

ROUNDING = 1e-5
"""Share of the largest value that rounding may change in a network's output.

One float32 operation rounds by a share of 6e-8. A forward pass of the tests' networks was measured
to differ by up to 2e-6 between kernels.
"""


def close(found: torch.Tensor, expected: torch.Tensor, share: float = ROUNDING) -> bool:
    """Whether two tensors are equal but for rounding."""
    assert found.shape == expected.shape
    return bool((found - expected).abs().max() <= share * expected.abs().max())


def differ(found: torch.Tensor, other: torch.Tensor, share: float = 1e-3) -> bool:
    """Whether two tensors differ by much more than rounding explains."""
    return bool((found - other).abs().max() > share * other.abs().max())


def learned_alike(found: Weights, expected: Weights, start: Weights, share: float = 0.01) -> bool:
    """Whether two trainings moved the weights alike, in the sum over all weights.

    Adam divides a gradient by its own size. Where a gradient is zero but for rounding, a single
    weight moves by a whole step in a direction that rounding decides.
    """
    assert found.keys() == expected.keys()
    apart = sum(float((found[name] - expected[name]).abs().sum()) for name in start)
    moved = sum(float((expected[name] - start[name]).abs().sum()) for name in start)
    return apart <= share * moved and moved > 0
