"""How fast the world renders: `python -m toffee.data.world.benchmark [--size 64]` (images/s)."""

from __future__ import annotations

import argparse
import time

import torch

from toffee.data.world.render import render
from toffee.data.world.subject import draw_scene, draw_subject


def images_per_second(count: int, size: int, runs: int) -> float:
    """Best of `runs` timings of rendering `count` mixed images on one thread."""
    torch.set_num_threads(1)
    subjects = [draw_subject(seed, "train") for seed in range(count)]
    scenes = [draw_scene(seed) for seed in range(count)]
    render(subjects[:8], scenes[:8], size)  # paints the floors once
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        render(subjects, scenes, size)
        best = min(best, time.perf_counter() - start)
    return count / best


def main() -> None:
    """Print images per second at one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=512, help="images a run")
    parser.add_argument("--size", type=int, default=64, help="side of an image, pixels")
    parser.add_argument("--runs", type=int, default=5, help="runs, of which the best counts")
    given = parser.parse_args()
    rate = images_per_second(given.count, given.size, given.runs)
    print(f"{rate:.0f} images/s at {given.size} px on one thread, best of {given.runs} runs")


if __name__ == "__main__":
    main()
