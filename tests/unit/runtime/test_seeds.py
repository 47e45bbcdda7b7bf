"""Seeds and noise depend on what is drawn, not on what is drawn beside it."""

import itertools

import torch

from toffee.runtime.seeds import noise, seed_of


def test_every_part_counts():
    parts = itertools.product([0, 1], ["initial", "edit"], ["", "a"], ["", "a"], [0, 1])
    seeds = [seed_of(*part) for part in parts]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_parts_do_not_run_together():
    assert seed_of(0, "s", "ab", "c") != seed_of(0, "s", "a", "bc")
    assert seed_of(0, "s", 'a", "b', "c") != seed_of(0, "s", "a", 'b", "c')


def test_seed_is_pinned():
    # A change of the recipe changes every dataset: it should be a decision.
    assert seed_of(0, "initial", "subject", "a ball", 0) == 8283679623218601770


def test_noise_of_a_sample_ignores_the_batch():
    seeds = [seed_of(0, "initial", str(n)) for n in range(6)]
    whole = noise(seeds, (4, 8, 8))
    parts = torch.cat([noise(seeds[:1], (4, 8, 8)), noise(seeds[1:], (4, 8, 8))])
    assert torch.equal(whole, parts)
    assert torch.equal(noise(seeds[::-1], (4, 8, 8)), whole.flip(0))
    assert whole.dtype == torch.float32


def test_noise_is_standard_normal_and_uncorrelated():
    drawn = noise([seed_of(0, "check", str(n)) for n in range(64)], (1000,))
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02
    correlation = torch.corrcoef(drawn).fill_diagonal_(0)
    assert correlation.abs().max() < 0.16  # 5 standard errors of 1 / sqrt(1000)


def test_no_seeds_no_noise():
    assert noise([], (4, 8)).shape == (0, 4, 8)
