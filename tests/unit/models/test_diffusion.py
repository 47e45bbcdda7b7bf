"""Diffusion: latents and loss against closed forms, for both kinds of prediction."""

from pathlib import Path

import pytest
import torch
import yaml
from closeness import close
from diffusers import DDIMScheduler

from toffee.models.diffusion import (
    Autoencoder,
    batches,
    diffusion_loss,
    draw_noising,
    draw_times,
    min_snr_weight,
    pictures_at_once,
)
from toffee.runtime.errors import ToffeeError
from toffee_zoo.text_to_image import build_scheduler

from .schedules import draws, perfect, scheduler_of


@pytest.mark.parametrize("kind", ["v_prediction", "epsilon"])
def test_the_loss_is_against_what_the_schedule_says(kind):
    scheduler, (clean,) = scheduler_of(kind), draws(0)
    drawn = draw_noising(clean.shape, scheduler, torch.Generator().manual_seed(3))
    loss = lambda predict, weight=None: diffusion_loss(  # noqa: E731
        predict, clean, scheduler, **drawn, weight=weight
    ).item()
    assert loss(perfect(scheduler, clean)) == pytest.approx(0, abs=1e-4)
    # The target from its definition.
    share = scheduler.alphas_cumprod[drawn["times"]][:, None, None, None]
    noise = drawn["noise"]
    target = noise if kind == "epsilon" else share.sqrt() * noise - (1 - share).sqrt() * clean
    zero = lambda latents, times: torch.zeros_like(latents)  # noqa: E731
    assert loss(zero) == pytest.approx(target.square().mean().item(), rel=1e-5)
    weight = torch.zeros(3, 1, 1, 1)
    weight[1] = 2.0
    expected = 2 / 3 * target[1].square().mean().item()
    assert loss(zero, weight) == pytest.approx(expected, rel=1e-5)


def test_an_unknown_kind_of_prediction_is_one_line():
    scheduler = DDIMScheduler(prediction_type="sample")
    drawn = draw_noising(draws(0)[0].shape, scheduler, torch.Generator())
    with pytest.raises(ToffeeError, match="prediction_type 'sample'; expected v_prediction or eps"):
        diffusion_loss(lambda latents, times: latents, *draws(0), scheduler, **drawn)


def test_training_times_are_of_the_schedule_and_mostly_in_its_middle():
    scheduler = build_scheduler()
    times = draw_times(4000, scheduler, torch.Generator().manual_seed(0))
    assert times.min() >= 0 and times.max() <= scheduler.config.num_train_timesteps - 1
    # Of a logit-normal draw erf(ln 3 / √2) ≈ 72.8 % lie in the middle half.
    assert ((times > 250) & (times < 749)).float().mean() == pytest.approx(0.728, abs=0.03)


def test_batches_cover_everything_once():
    for count, size in ((0, 4), (3, 4), (8, 4), (9, 4)):
        parts = batches(count, size)
        assert [row for part in parts for row in range(count)[part]] == list(range(count))
        assert all(part.stop - part.start <= size for part in parts)


def test_the_autoencoder_scales_its_latents_and_ignores_the_batch(random_zoo):
    autoencoder = Autoencoder(random_zoo / "text_to_image" / "vae")
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    latents = autoencoder.encode(images)
    side = 64 // autoencoder.factor
    assert latents.shape == (3, autoencoder.channels, side, side)
    alone = torch.cat([autoencoder.encode(image[None]) for image in images])
    assert close(alone, latents)
    autoencoder.scale *= 2
    assert close(autoencoder.encode(images), 2 * latents)
    drawn = autoencoder.decode(2 * latents)
    assert drawn.shape == images.shape and drawn.min() >= 0 and drawn.max() <= 1
    autoencoder.scale /= 2
    assert close(autoencoder.decode(latents), drawn)


def test_large_pictures_are_coded_a_few_at_once():
    """Some GB of a GPU's memory, whatever the size."""
    counts = {side: pictures_at_once((side, side)) for side in (64, 128, 512, 1024, 4096)}
    assert counts == {64: 64, 128: 64, 512: 4, 1024: 1, 4096: 1}


@pytest.mark.parametrize(
    ("kind", "share"), [("logit_normal", 0.0033), ("uniform", 0.062), ("mixed", 0.0327)]
)
def test_large_scales_train_the_levels_where_sampling_starts(kind, share):
    """Stable Diffusion's first level of 30 sampling steps is above 937 of 999."""
    scheduler = DDIMScheduler()
    times = draw_times(400_000, scheduler, torch.Generator().manual_seed(0), kind)
    assert times.min() >= 0 and times.max() <= 999
    assert (times > 937).float().mean().item() == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_the_large_scales_draw_every_level(scale):
    root = Path(__file__).parents[3]
    names = ("config.yaml", f"{scale}.yaml")
    tiny, large = (yaml.safe_load((root / "config" / name).read_text()) for name in names)
    kind = (tiny["training"] | large["training"])["times"]
    times = draw_times(100_000, DDIMScheduler(), torch.Generator().manual_seed(0), kind)
    levels = torch.bincount(times * 50 // 1000, minlength=50)  # of 50 sampling steps
    assert levels.min() > 0.004 * len(times)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_min_snr_weighs_as_its_authors_do(kind):
    scheduler = DDIMScheduler(prediction_type=kind, rescale_betas_zero_snr=True)
    times = torch.arange(1000)
    kept = scheduler.alphas_cumprod.double()
    snr = kept / (1 - kept)
    found = min_snr_weight(scheduler, times, 5.0)
    below = snr if kind == "epsilon" else snr + 1
    expected = snr.clamp(max=5) / below
    assert torch.allclose(found[:-1].double(), expected[:-1], rtol=1e-3)
    assert found.isfinite().all() and found[-1] == (1 if kind == "epsilon" else 0)  # no signal
    clean, noise = torch.randn(2, 8, 1, 2, 2)
    at = torch.arange(8) * 124
    weighted = diffusion_loss(lambda x, t: x * 0, clean, scheduler, at, noise, gamma=5.0)
    each = [
        diffusion_loss(lambda x, t: x * 0, clean[i : i + 1], scheduler, at[i : i + 1],
                       noise[i : i + 1]) * found[at[i]]
        for i in range(8)
    ]  # fmt: skip
    assert weighted.item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-4)
