"""The training loop: rates, averaged weights, and what it does with a loss that is no number."""

import pytest
import torch
from torch import nn

from toffee.errors import ToffeeError
from toffee.training import Fit, Schedule, fit


class Point(nn.Module):
    """Two numbers, one of them frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor([5.0]))
        self.fixed = nn.Parameter(torch.tensor([7.0]), requires_grad=False)


def run(schedule: Schedule) -> tuple[Point, list[float], Fit]:
    """Minimise (place − 1)²; the place after every step."""
    model, places = Point(), []

    def loss() -> torch.Tensor:
        places.append(model.place.item())
        return (model.place - 1).square().sum()

    result = fit([model], dict, loss, schedule, "point")
    return model, places, result


def test_the_rate_rises_linearly_and_falls_to_nothing():
    schedule = Schedule(steps=100, batch=1, learning_rate=1.0, warmup=0.1)
    rates = [schedule.rate(step) for step in range(101)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == max(rates) == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0)
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))


def test_averaged_weights_are_the_mean_of_the_path_that_training_took():
    steps, ema = 40, 0.8
    plain, places, result = run(Schedule(steps, 1, 0.1))
    path = [*places[1:], plain.place.item()]  # after each step
    expected = places[0]
    for step, place in enumerate(path):
        decay = min(ema, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * place
    averaged, same_places, _ = run(Schedule(steps, 1, 0.1, ema=ema))
    assert same_places == places  # averaging does not disturb the training
    assert averaged.place.item() == pytest.approx(expected, rel=1e-5)
    assert averaged.place.item() != plain.place.item()
    assert len(result.losses) == steps and result.losses[-1] < result.losses[0]


def test_frozen_parameters_stay_and_the_model_ends_in_evaluation_mode():
    model, _, _ = run(Schedule(5, 1, 0.1, ema=0.9))
    assert model.fixed.item() == 7.0 and not model.training


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_with_one_line(bad):
    model, factors = Point(), iter([1.0, 1.0, 1.0, bad])

    def loss() -> torch.Tensor:
        return (model.place * next(factors)).sum()

    with pytest.raises(ToffeeError, match=r"point: the loss is (nan|inf) at step 3$") as error:
        fit([model], dict, loss, Schedule(10, 1, 0.1), "point")
    assert "\n" not in str(error.value)


def test_the_final_loss_is_the_mean_of_the_last_twentieth():
    assert Fit([9.0] * 38 + [1.0, 3.0]).final_loss == 2.0
    assert Fit([4.0]).final_loss == 4.0
