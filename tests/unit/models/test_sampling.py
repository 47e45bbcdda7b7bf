"""Sampling against closed forms, for both kinds of prediction and all solvers."""

import pytest
import torch
from closeness import close, differ

from toffee.config.base import SOLVERS
from toffee.config.settings import Sampling
from toffee.models.sampling import guided, hold_outside, sample

from .schedules import draws, perfect, scheduler_of


@pytest.mark.parametrize("kind", ["v_prediction", "epsilon"])
@pytest.mark.parametrize("steps", [2, 12])
@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_perfect_model_recovers_the_clean_latents(kind, steps, strength, solver):
    scheduler, (clean, noise, start) = scheduler_of(kind), draws(0, 1, 2)
    sampling = Sampling(steps, 3.0, solver=solver)
    drawn = sample(perfect(scheduler, clean), scheduler, noise, sampling, start, strength)
    assert torch.allclose(drawn, clean, atol=2e-3)


@pytest.mark.parametrize(("strength", "expected"), [(1.0, 10), (0.9, 9), (0.5, 5), (0.01, 1)])
def test_strength_is_the_share_of_the_steps_that_run(strength, expected):
    scheduler, (noise, start) = scheduler_of("v_prediction"), draws(0, 1)
    seen = []

    def predict(latents, times, guide):
        seen.append(int(times[0]))
        return torch.zeros_like(latents)

    sample(predict, scheduler, noise, Sampling(10, 3.0), start, strength)
    assert len(seen) == expected and seen == sorted(seen, reverse=True)


def test_full_strength_ignores_the_start_and_less_does_not():
    scheduler, (noise, a, b) = scheduler_of("v_prediction"), draws(0, 1, 2)
    zero = lambda latents, times, guide: torch.zeros_like(latents)  # noqa: E731
    full = [sample(zero, scheduler, noise, Sampling(4, 3.0), start) for start in (None, a, b)]
    assert torch.equal(full[0], full[1]) and torch.equal(full[1], full[2])
    half = [sample(zero, scheduler, noise, Sampling(4, 3.0), start, 0.5) for start in (a, b)]
    assert differ(*half)


def test_a_sample_is_the_same_alone_and_in_a_batch():
    scheduler, (noise, start) = scheduler_of("v_prediction"), draws(0, 1)
    predict = lambda latents, times, guide: latents.tanh()  # noqa: E731
    whole = sample(predict, scheduler, noise, Sampling(5, 3.0), start, 0.6)
    alone = [
        sample(predict, scheduler, noise[i : i + 1], Sampling(5, 3.0), start[i : i + 1], 0.6)
        for i in range(3)
    ]
    assert close(torch.cat(alone), whole)


def test_keep_is_asked_before_every_step():
    scheduler, (noise, held) = scheduler_of("v_prediction"), draws(0, 1)
    entered = []
    sample(
        lambda latents, times, guide: entered.append(latents) or torch.zeros_like(latents),
        scheduler,
        noise,
        Sampling(3, 3.0),
        keep=lambda latents, time: held,
    )
    assert len(entered) == 3 and all(torch.equal(latents, held) for latents in entered)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_held_places_are_the_picture_noised_as_the_step_has_it(strength):
    scheduler, (clean, other, noise) = scheduler_of("v_prediction"), draws(0, 1, 2)
    change = torch.zeros(3, 1, 4, 4, dtype=torch.bool)
    change[:, :, :2] = True
    entered = []

    def predict(latents, times, guide):
        entered.append((latents, times))
        return perfect(scheduler, other)(latents, times)

    keep = hold_outside(change, clean, noise, scheduler)
    drawn = sample(predict, scheduler, noise, Sampling(10, 3.0), clean, strength, keep)
    for latents, times in entered:
        expected = scheduler.add_noise(clean, noise, times)
        assert torch.equal(latents[:, :, 2:], expected[:, :, 2:])
    assert torch.allclose(drawn[:, :, :2], other[:, :, :2], atol=2e-3)


@pytest.mark.parametrize("kind", ["v_prediction", "epsilon"])
def test_dpm_solver_needs_fewer_steps(kind):
    """Of data drawn from N(0, s²) the best prediction and the end of the way are known."""
    scheduler, (noise,), spread = scheduler_of(kind), draws(0), 0.5

    def predict(latents, times, guide):
        kept = scheduler.alphas_cumprod[times][:, None, None, None]
        clean = latents * kept.sqrt() * spread**2 / (kept * spread**2 + 1 - kept)
        return perfect(scheduler, clean)(latents, times)

    first = scheduler.alphas_cumprod[-1]
    exact = noise * spread / (first * spread**2 + 1 - first).sqrt()

    def error(solver: str, steps: int) -> float:
        sampling = Sampling(steps, 1.0, solver=solver)
        return float((sample(predict, scheduler, noise, sampling) - exact).abs().mean())

    assert error("dpmpp_2m", 16) < error("ddim", 16) / 3
    assert error("dpmpp_2m", 16) < error("dpmpp_2m", 8) / 2


def test_a_solver_keeps_nothing_from_the_last_batch():
    scheduler, (noise, other) = scheduler_of("v_prediction"), draws(0, 1)
    predict = lambda latents, times, guide: latents.tanh()  # noqa: E731
    sampling = Sampling(6, 3.0, solver="dpmpp_2m")
    alone = sample(predict, scheduler, noise, sampling)
    sample(predict, scheduler, other, sampling, other, 0.5)
    assert torch.equal(sample(predict, scheduler, noise, sampling), alone)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 1.0, [0, 1, 2, 3, 4]), (0.25, 0.75, [1, 2, 3]), (0.5, 1.0, [0, 1, 2]), (0.0, 0.0, [])],
)
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_guidance_is_on_in_its_part_of_the_schedule(low, high, expected, strength):
    """The steps count from the start of a full run, also where only its end is run."""
    scheduler, (noise,) = scheduler_of("v_prediction"), draws(0)
    seen = []

    def predict(latents, times, guide):
        seen.append(guide)
        return latents

    sampling = Sampling(5, 3.0, guidance_low=low, guidance_high=high)
    sample(predict, scheduler, noise, sampling, noise, strength)
    skipped = 5 - len(seen)
    assert [skipped + place for place, guide in enumerate(seen) if guide] == [
        step for step in expected if step >= skipped
    ]


def test_guidance_of_one_is_the_condition_and_of_zero_is_none():
    a, b = draws(0, 1)
    assert torch.allclose(guided(a, b, 1.0), a, atol=1e-6)
    assert torch.equal(guided(a, b, 0.0), b)
    assert torch.allclose(guided(a, b, 3.0) - b, 3 * (a - b), atol=1e-5)
