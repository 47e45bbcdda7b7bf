"""The mean distance of pictures of one subject and prompt."""

import torch

from toffee.evaluation.score.diversity import distances


def test_diversity_is_the_mean_distance_of_all_pairs():
    random = torch.Generator().manual_seed(0)
    features = torch.nn.functional.normalize(torch.randn(7, 5, generator=random), dim=1)
    keys = [("a", "x"), ("b", "x"), ("a", "x"), ("b", "y"), ("b", "x"), ("a", "x"), ("a", "y")]
    found = distances(keys, list(features)).set_index(["subject", "prompt"])["value"]
    assert set(found.index) == {("a", "x"), ("b", "x")}  # the others have one picture
    pairs = [(0, 2), (0, 5), (2, 5)]
    expected = sum(1 - float(features[i] @ features[j]) for i, j in pairs) / 3
    assert abs(found["a", "x"] - expected) < 1e-6
    same = distances([("a", "x")] * 3, [features[0]] * 3)
    assert abs(same["value"][0]) < 1e-6
