"""Random draws whose result depends on what is drawn alone.

A draw's seed is a hash of (run seed, stage, subject, prompt, attempt), and every sample has its own
generator on the CPU. So a sample is the same whatever the number of shards, their order, the batch
size, the device or a crash in between.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SEED_BITS = 63  # torch generators take a signed 64-bit seed


def seed_of(
    run_seed: int, stage: str, subject: str = "", prompt: str = "", attempt: int = 0
) -> int:
    """Seed of one random draw.

    The parts are hashed as a JSON list, so that different parts never give the same text.

    Args:
        run_seed: the run's seed (config `seed`).
        stage: what draws, e.g. `initial`.
        subject: the subject's name, if the draw belongs to one.
        prompt: the text, if the draw belongs to one.
        attempt: counts repeated draws of the same (stage, subject, prompt).

    Returns:
        An integer in [0, 2^63).
    """
    parts = json.dumps([int(run_seed), stage, subject, prompt, int(attempt)], ensure_ascii=True)
    digest = hashlib.sha256(parts.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - SEED_BITS)


def noise(seeds: Sequence[int], shape: Sequence[int]) -> "torch.Tensor":
    """Standard normal noise, one generator per sample.

    Args:
        seeds: one seed per sample (see `seed_of`).
        shape: shape of one sample.

    Returns:
        float32 [len(seeds), *shape] on the CPU, from where the caller moves it.
    """
    import torch

    samples = [
        torch.randn(*shape, generator=torch.Generator("cpu").manual_seed(int(seed)))
        for seed in seeds
    ]
    return torch.stack(samples) if samples else torch.empty(0, *shape)
