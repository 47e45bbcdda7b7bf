"""The training loop: rates, averaged weights, a loss that is no number, stopping and going on."""

import os
import random
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from toffee.runtime.errors import ToffeeError
from toffee.runtime.signals import Interrupted, defer_sigterm, raise_on_sigterm
from toffee.training import loop
from toffee.training.checkpoint import Checkpoint
from toffee.training.loop import Fit, Schedule, fit, own_part


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


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="needs a processor that can")
def test_numbers_that_are_slow_to_compute_with_are_nothing_in_a_training():
    model, products = Point(), []

    def product() -> float:
        return (torch.tensor([1e-30]) * 1e-10).item()

    def loss() -> torch.Tensor:
        products.append(product())
        return (model.place - 1).square().sum()

    fit([model], dict, loss, Schedule(2, 1, 0.1), "point")
    assert products == [0.0, 0.0]
    assert product() > 0  # and as before after it


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


STEPS = 11
SEED = random.randrange(10**6)


class Killed(Exception):
    """Stands for the end of the process."""


def learn(folder: Path, at: int | None = None, how: str = "") -> tuple[list[float], nn.Module]:
    """Losses and model of a small training with checkpoints; in step `at` of the attempt it is
    killed or asked to stop."""
    torch.manual_seed(1)
    model, generator = nn.Linear(3, 3), torch.Generator().manual_seed(2)
    begun = []

    def draw() -> dict[str, torch.Tensor]:
        begun.append(None)
        drawn = {"x": torch.randn(4, 3, generator=generator)}
        if len(begun) - 1 == at and how == "kill":
            raise Killed
        if len(begun) - 1 == at:
            os.kill(os.getpid(), signal.SIGTERM)
        return drawn

    def loss(x: torch.Tensor) -> torch.Tensor:
        return (model(x) - x.flip(1)).square().mean()

    checkpoint = Checkpoint(folder, generator)
    with raise_on_sigterm(), defer_sigterm():
        schedule = Schedule(STEPS, 4, 0.05, ema=0.7)
        return fit([model], draw, loss, schedule, "flip", checkpoint).losses, model


@pytest.fixture
def every(monkeypatch):
    monkeypatch.setenv("TOFFEE_CHECKPOINT_EVERY", "3")


def equal(a: tuple[list[float], nn.Module], b: tuple[list[float], nn.Module]) -> bool:
    return a[0] == b[0] and torch.equal(a[1].weight, b[1].weight)


def test_a_killed_training_goes_on_from_its_last_checkpoint_as_if_nothing_had_been(
    every, tmp_path, capsys
):
    step = random.Random(SEED).randrange(STEPS)
    with pytest.raises(Killed):
        learn(tmp_path / "a", step, "kill")
    assert equal(learn(tmp_path / "a"), learn(tmp_path / "b")), f"seed {SEED}"
    last = step // 3 * 3
    said = f"flip: goes on from step {last} of {STEPS}\n"
    assert (said in capsys.readouterr().err) == (last > 0), f"seed {SEED}"


def test_sigterm_loses_no_step(every, tmp_path, capsys):
    step = random.Random(SEED).randrange(STEPS - 1)
    kept = f"flip: step {step + 1} of {STEPS} is kept in {tmp_path}/a/checkpoint.safetensors"
    with pytest.raises(Interrupted, match=f"^{kept}$"):
        learn(tmp_path / "a", step, "stop")
    assert equal(learn(tmp_path / "a"), learn(tmp_path / "b")), f"seed {SEED}"
    assert f"flip: goes on from step {step + 1} of {STEPS}\n" in capsys.readouterr().err


def test_in_its_last_step_a_training_that_is_asked_to_stop_finishes(every, tmp_path):
    assert equal(learn(tmp_path / "a", STEPS - 1, "stop"), learn(tmp_path / "b"))


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:5], lambda data: b""]
)
def test_a_damaged_checkpoint_is_discarded_with_one_line(every, tmp_path, capsys, damage):
    with pytest.raises(Killed):
        learn(tmp_path / "a", 7, "kill")
    path = tmp_path / "a" / "checkpoint.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    capsys.readouterr()
    assert equal(learn(tmp_path / "a"), learn(tmp_path / "b"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{path}: damaged (") and "goes on" not in "".join(lines)
    assert len(lines) == 3  # that one, and the progress of both


def test_without_a_checkpoint_nobody_asks_a_training_to_stop():
    with raise_on_sigterm(), defer_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
        run(Schedule(3, 1, 0.1))


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_a_number_of_steps_that_is_none_is_one_line(monkeypatch, tmp_path, text):
    monkeypatch.setenv("TOFFEE_CHECKPOINT_EVERY", text)
    with pytest.raises(ToffeeError, match=f"TOFFEE_CHECKPOINT_EVERY is {text!r}; expected a numb"):
        Checkpoint(tmp_path, torch.Generator())


@pytest.mark.parametrize(("batch", "processes"), [(8, 1), (8, 4), (7, 3), (3, 3)])
def test_processes_share_a_batch_out(monkeypatch, batch, processes):
    rows, shares = [], []
    for place in range(processes):
        one = SimpleNamespace(process_index=place, num_processes=processes, device="cpu")
        monkeypatch.setattr(loop, "team", lambda one=one: one)
        part, share = own_part({"rows": torch.arange(batch)}, batch, "x")
        rows += part["rows"].tolist()
        shares.append(share)
        assert share * batch == pytest.approx(len(part["rows"])) and len(part["rows"]) > 0
    assert rows == list(range(batch)) and sum(shares) == pytest.approx(1)


def test_more_processes_than_samples_are_one_line(monkeypatch):
    many = SimpleNamespace(process_index=0, num_processes=4, device="cpu")
    monkeypatch.setattr(loop, "team", lambda: many)
    with pytest.raises(
        ToffeeError, match="^x: a batch of 3 is too small for 4 processes, expected"
    ):
        own_part({"rows": torch.arange(3)}, 3, "x")


ROWS = torch.randn(20, 3, generator=torch.Generator().manual_seed(7))


def learn_from_rows(
    folder: Path, fatal: int | None = None, reading: bool = True, **settings
) -> tuple[list[float], nn.Module]:
    """A small training on stored rows, read by the thread or by the loss; at step `fatal` of the
    attempt it is killed."""
    torch.manual_seed(1)
    model, generator = nn.Linear(3, 3), torch.Generator().manual_seed(2)
    losses = []

    def draw() -> dict[str, torch.Tensor]:
        rows = torch.randint(len(ROWS), (7,), generator=generator)
        return {"rows": rows, "noise": torch.randn(7, 3, generator=generator)}

    def read(rows: torch.Tensor, **_: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"x": ROWS[rows]}

    def loss(
        rows: torch.Tensor, noise: torch.Tensor, x: torch.Tensor | None = None
    ) -> torch.Tensor:
        if len(losses) == fatal:
            raise Killed
        losses.append(None)
        x = ROWS[rows] if x is None else x
        return (model(x + noise) - x.flip(1)).square().mean()

    given = Schedule(STEPS, 7, 0.05, **{"ema": 0.7} | settings)
    checkpoint = Checkpoint(folder, generator)
    fitted = fit([model], draw, loss, given, "rows", checkpoint, read if reading else None)
    return fitted.losses, model


def close_to(a: tuple[list[float], nn.Module], b: tuple[list[float], nn.Module]) -> bool:
    return a[0] == pytest.approx(b[0], rel=1e-4) and torch.allclose(
        a[1].weight, b[1].weight, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_reading_ahead_changes_no_bit_and_neither_does_a_kill(every, tmp_path, optimizer):
    given = {"optimizer": optimizer}
    plain = learn_from_rows(tmp_path / "a", reading=False, **given)
    assert equal(learn_from_rows(tmp_path / "b", **given), plain)
    step = random.Random(SEED).randrange(STEPS)
    with pytest.raises(Killed):
        learn_from_rows(tmp_path / "c", step, **given)
    assert equal(learn_from_rows(tmp_path / "c", **given), plain), f"seed {SEED}"


def test_the_optimizer_is_the_one_that_is_asked_for(tmp_path):
    muon = learn_from_rows(tmp_path / "a", optimizer="muon")
    assert not close_to(muon, learn_from_rows(tmp_path / "b"))


def test_what_goes_wrong_while_reading_ahead_is_raised():
    def draw() -> dict[str, torch.Tensor]:
        raise ToffeeError("row 7 is broken")

    with pytest.raises(ToffeeError, match="row 7 is broken"):
        fit([Point()], draw, lambda: None, Schedule(3, 1, 0.1), "x", read=lambda: {})


@pytest.mark.parametrize("most", [1, 2, 3, 6, 7, 100])
def test_micro_batches_change_the_result_by_rounding_alone(tmp_path, most):
    whole = learn_from_rows(tmp_path / "a")
    parts = learn_from_rows(tmp_path / "b", micro_batch=most)
    assert close_to(parts, whole)
    assert equal(parts, whole) == (most >= 7)


def test_averages_on_the_cpu_and_the_fused_optimizer_change_rounding_alone(every, tmp_path):
    whole = learn_from_rows(tmp_path / "a")
    assert close_to(learn_from_rows(tmp_path / "b", average_on_cpu=True), whole)
    assert close_to(learn_from_rows(tmp_path / "c", fused=True), whole)
    with pytest.raises(Killed):
        learn_from_rows(tmp_path / "d", 8, average_on_cpu=True, fused=True)
    resumed = learn_from_rows(tmp_path / "d", average_on_cpu=True, fused=True)
    assert close_to(resumed, whole)


def test_checkpointing_keeps_the_result_and_is_off_again():
    from diffusers import UNet2DModel

    def train(checkpointing: bool) -> torch.Tensor:
        torch.manual_seed(0)
        net = UNet2DModel(
            8, 2, 2, block_out_channels=(8, 8), norm_num_groups=4, attention_head_dim=4,
            down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
        )  # fmt: skip
        x, times = torch.randn(2, 2, 8, 8), torch.tensor([3, 7])
        seen = []

        def loss(x: torch.Tensor) -> torch.Tensor:
            seen.append(net.is_gradient_checkpointing)
            return (net(x, times).sample - x).square().mean()

        fit([net], lambda: {"x": x}, loss, Schedule(3, 2, 1e-3, checkpointing=checkpointing), "x")
        assert set(seen) == {checkpointing} and not net.is_gradient_checkpointing
        return torch.cat([p.flatten() for p in net.parameters()])

    assert torch.allclose(train(True), train(False), atol=1e-5)
