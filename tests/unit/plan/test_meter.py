"""Counts from memory are those of torch's counter, and results share memory where torch's do."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from toffee.plan.meter import Meter, tensors
from toffee.plan.peak import peak_bytes


def network() -> torch.nn.Module:
    with torch.device("meta"):
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3), torch.nn.GroupNorm(2, 8), torch.nn.SiLU(),
            torch.nn.Flatten(2), torch.nn.Linear(36, 5), torch.nn.Softmax(-1),
        )  # fmt: skip


def step(net: torch.nn.Module, rows: int) -> torch.Tensor:
    drawn = net(torch.empty(rows, 3, 8, 8, device="meta"))
    drawn.sum().backward()
    return drawn


def test_counts_are_torchs_the_first_time_and_from_memory():
    for rows in (2, 3, 2):
        net = network()
        with FlopCounterMode(display=False) as torchs:
            expected = step(net, rows)
        with Meter() as meter:
            drawn = step(net, rows)
        assert meter.flops == torchs.get_total_flops() > 0
        assert (drawn.shape, drawn.stride()) == (expected.shape, expected.stride())


def test_real_tensors_are_computed():
    given = torch.arange(6.0).reshape(2, 3)
    for _ in range(2):
        with Meter() as meter:
            assert torch.equal(given @ given.T, torch.tensor([[5.0, 14.0], [14.0, 50.0]]))
        assert meter.flops == 2 * 2 * 2 * 3


def test_the_type_of_a_number_is_a_part_of_what_is_remembered():
    with Meter():
        whole = torch.empty(2, dtype=torch.int64, device="meta")
        assert [(whole + one).dtype for one in (1, 1.0, 1)] == [
            torch.int64, torch.float32, torch.int64
        ]  # fmt: skip


def test_views_and_changes_in_place_make_nothing():
    given = torch.empty(4, 6, device="meta")

    def run() -> None:
        for one in (given.view(24), given.T, torch.ops.aten._unsafe_view(given, [3, 8])):
            assert one.untyped_storage()._cdata == given.untyped_storage()._cdata
        given.add_(1)

    assert peak_bytes(run) == peak_bytes(run) == 0
    assert peak_bytes(lambda: given + 1) == 96


def test_tensors_are_found_at_any_depth():
    one, two = torch.empty(1), torch.empty(2)
    assert list(tensors(([one, None], {"a": (two, 3)}))) == [one, two]
