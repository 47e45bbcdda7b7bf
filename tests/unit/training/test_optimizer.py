"""Muon for matrices and convolutions, AdamW for the rest."""

import copy

import pytest
import torch
from torch import nn

from toffee.training.optimizer import BETAS, make_optimizer

RATE, DECAY = 0.01, 0.1


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, (3, 2)), nn.GroupNorm(2, 8), nn.Conv2d(8, 4, 1), nn.Flatten(),
        nn.Linear(24, 5),
    )  # fmt: skip


def step(model: nn.Module, optimizer, number: int) -> None:
    """One step on pictures and answers that `number` draws."""
    generator = torch.Generator().manual_seed(number)
    pictures, answers = (torch.randn(6, *size, generator=generator) for size in ((3, 4, 4), (5,)))
    optimizer.zero_grad()
    (model(pictures) - answers).square().mean().backward()
    optimizer.step()


def muon_of(model: nn.Module):
    return make_optimizer("muon", list(model.parameters()), RATE, DECAY, fused=False)


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_each_weight_follows_the_optimizer_that_it_is_for():
    """With the gradients of the first step given to torch's own: convolutions as matrices."""
    model = network()
    start, optimizer = values(model), muon_of(model)
    step(model, optimizer, 0)
    for name, parameter in model.named_parameters():
        gradient, given = parameter.grad, start[name]
        if parameter.ndim > 1:
            gradient, given = gradient.flatten(1), given.flatten(1)
        alone = nn.Parameter(given.clone())
        alone.grad = gradient.clone()
        if parameter.ndim > 1:
            kind = torch.optim.Muon([alone], RATE, DECAY, adjust_lr_fn="match_rms_adamw")
        else:
            kind = torch.optim.AdamW([alone], RATE, BETAS, weight_decay=DECAY)
        kind.step()
        moved = alone.detach().view_as(parameter)
        assert torch.equal(moved, parameter.detach()), name
        assert not torch.equal(moved, start[name]), name


def test_a_step_is_about_as_large_as_one_of_adamw():
    """So that both take the same rate: the root of the mean square of a step is 0.2 of it."""
    model = nn.Linear(300, 100, bias=False)
    before = model.weight.detach().clone()
    optimizer = make_optimizer("muon", list(model.parameters()), RATE, 0.0, fused=False)
    model.weight.grad = torch.randn(100, 300, generator=torch.Generator().manual_seed(1))
    optimizer.step()
    size = (model.weight.detach() - before).square().mean().sqrt().item()
    assert 0.5 < size / (0.2 * RATE) < 1.5


def test_the_layout_of_the_memory_changes_nothing_but_rounding():
    plain, last = network(), network().to(memory_format=torch.channels_last)
    assert not last[0].weight.is_contiguous()
    optimizers = muon_of(plain), muon_of(last)
    for number in range(3):
        for model, optimizer in zip((plain, last), optimizers, strict=True):
            step(model, optimizer, number)
    assert not last[0].weight.is_contiguous()  # still the memory that the optimizer writes
    # Muon computes in bfloat16, of two to three digits.
    for one, other in zip(plain.parameters(), last.parameters(), strict=True):
        assert torch.allclose(one, other, atol=3 * RATE * 0.1)


def test_a_gradient_of_another_layout_is_read_in_the_weights_order():
    plain, last = network(), network().to(memory_format=torch.channels_last)
    gradient = torch.randn(plain[0].weight.shape, generator=torch.Generator().manual_seed(5))
    for model in (plain, last):
        model[0].weight.grad = gradient.clone()  # contiguous in both
        muon_of(model).step()
    assert torch.allclose(plain[0].weight, last[0].weight, atol=3 * RATE * 0.1)


def test_a_weight_whose_memory_it_does_not_see_is_no_silent_loss():
    model = nn.Conv2d(4, 3, 2)
    model.weight = nn.Parameter(torch.randn(4, 3, 2, 2).permute(1, 0, 2, 3))  # flattened by a copy
    optimizer = muon_of(model)
    model.weight.grad = torch.ones(3, 4, 2, 2)
    with pytest.raises(RuntimeError, match=r"memory of a weight \[3, 4, 2, 2\]"):
        optimizer.step()
    moved = network()
    optimizer = muon_of(moved)
    moved.to(memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="memory of a weight"):
        step(moved, optimizer, 0)


def test_it_goes_on_from_its_state_to_the_bit():
    whole = network()
    optimizer = muon_of(whole)
    for number in range(4):
        step(whole, optimizer, number)
        if number == 1:
            kept, state = values(whole), copy.deepcopy(optimizer.state_dict())
    resumed = network()
    resumed.load_state_dict(kept)
    other = muon_of(resumed)
    other.load_state_dict(other.state_dict() | {"state": state["state"]})
    for number in (2, 3):
        step(resumed, other, number)
    assert equal(values(resumed), values(whole))
    forgetful = network()
    forgetful.load_state_dict(kept)
    new = muon_of(forgetful)
    for number in (2, 3):
        step(forgetful, new, number)
    assert not equal(values(forgetful), values(whole))


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_a_rate_set_in_all_groups_is_that_of_all_parameters(kind):
    model = network()
    optimizer = make_optimizer(kind, list(model.parameters()), RATE, DECAY, fused=True)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = values(model)
    step(model, optimizer, 0)
    assert equal(values(model), before)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_matrices_alone_and_none(name):
    model = nn.Linear(3, 2)
    parameter = model.get_parameter(name)
    before = parameter.detach().clone()
    optimizer = make_optimizer("muon", [parameter], RATE, DECAY, fused=False)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert not torch.equal(parameter, before)
    optimizer.zero_grad()
    assert parameter.grad is None
