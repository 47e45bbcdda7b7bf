"""Token matching against a slow reference, and what no rule may do."""

import math

import pytest
import torch

from toffee.config.sections.refiner import MATCHING_RULES
from toffee.config.settings import Matching
from toffee.method.matching import match_tokens, may_change, within_silhouette
from toffee.runtime.errors import ToffeeError

SIDE, WIDTH = 4, 6
COUNT = SIDE * SIDE


def tokens(seed: int, batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, COUNT, WIDTH, generator=torch.Generator().manual_seed(seed))


def masks(seed: int, batch: int = 3) -> torch.Tensor:
    drawn = torch.rand(batch, COUNT, generator=torch.Generator().manual_seed(seed)) < 0.5
    drawn[:, 0] = True
    return drawn


def places(foreground: list[bool]) -> list[tuple[float, float]]:
    inside = [divmod(i, SIDE) for i in range(COUNT) if foreground[i]]
    low = [min(place[axis] for place in inside) for axis in (0, 1)]
    high = [max(place[axis] for place in inside) for axis in (0, 1)]
    span = [max(1, b - a) for a, b in zip(low, high, strict=True)]
    return [
        tuple((value - a) / s for value, a, s in zip(divmod(i, SIDE), low, span, strict=True))
        for i in range(COUNT)
    ]


def reference(a, b, a_inside, b_inside, rule, threshold, weight):
    """One sample, token by token: (tokens, which were replaced)."""
    cosine = lambda x, y: float(x @ y / (x.norm() * y.norm()))  # noqa: E731
    out, replaced = a.clone(), []
    for i in range(COUNT):
        best, best_score = None, -math.inf
        for j in range(COUNT):
            if rule != "cosine" and not b_inside[j]:
                continue
            score = cosine(a[i], b[j])
            if rule == "silhouette+position":
                (y, x), (v, u) = places(a_inside)[i], places(b_inside)[j]
                score -= weight * ((y - v) ** 2 + (x - u) ** 2)
            if score > best_score:
                best, best_score = j, score
        good = best is not None and cosine(a[i], b[best]) >= threshold
        replaced.append(good and (rule == "cosine" or bool(a_inside[i])))
        if replaced[-1]:
            out[i] = b[best]
    return out, torch.tensor(replaced)


@pytest.mark.parametrize("rule", MATCHING_RULES)
@pytest.mark.parametrize("threshold", [-1.0, 0.4])
def test_every_rule_is_its_slow_reference(rule, threshold):
    a, b, inside = tokens(0), tokens(1), (masks(2), masks(3))
    mixed = match_tokens(a, b, *inside, Matching(rule, threshold, 0.7))
    for k in range(len(a)):
        given = (a[k], b[k], inside[0][k].tolist(), inside[1][k].tolist())
        expected, replaced = reference(*given, rule, threshold, 0.7)
        assert torch.equal(mixed.replaced[k], replaced)
        assert torch.equal(mixed.tokens[k], expected)
    assert 0 < mixed.replaced.sum() < mixed.replaced.numel() or rule == "cosine"


@pytest.mark.parametrize("rule", MATCHING_RULES)
def test_a_picture_matched_to_itself_stays_as_it_is(rule):
    a, inside = tokens(0), masks(1)
    mixed = match_tokens(a, a, inside, inside, Matching(rule, 0.9, 0.5))
    assert torch.equal(mixed.tokens, a)
    wanted = torch.ones_like(inside) if rule == "cosine" else inside
    assert torch.equal(mixed.replaced, wanted)
    assert torch.equal(mixed.source[wanted], torch.arange(COUNT).expand(3, -1)[wanted])


@pytest.mark.parametrize("rule", MATCHING_RULES)
def test_the_threshold_is_the_least_cosine_of_a_replacement(rule):
    a, b, inside = tokens(0), tokens(1), (masks(2), masks(3))
    before = None
    for threshold in (-1.0, 0.0, 0.3, 0.6, 1.01):
        mixed = match_tokens(a, b, *inside, Matching(rule, threshold, 0.5))
        matched = b.gather(1, mixed.source[..., None].expand(-1, -1, WIDTH))
        cosine = torch.cosine_similarity(a, matched, dim=2)
        assert (cosine[mixed.replaced] >= threshold - 1e-5).all()
        assert torch.equal(mixed.tokens[~mixed.replaced], a[~mixed.replaced])
        assert torch.equal(mixed.tokens[mixed.replaced], matched[mixed.replaced])
        if before is not None:
            assert (mixed.replaced <= before).all()
        before = mixed.replaced
    assert not before.any()


@pytest.mark.parametrize("rule", MATCHING_RULES[1:])
def test_silhouette_rules_never_touch_the_background_nor_take_from_it(rule):
    a, b, inside = tokens(0), tokens(1), (masks(2), masks(3))
    mixed = match_tokens(a, b, *inside, Matching(rule, -1.0, 0.5))
    assert not (mixed.replaced & ~inside[0]).any()
    assert inside[1].gather(1, mixed.source)[mixed.replaced].all()


def test_a_strong_position_prior_puts_every_token_in_its_own_place():
    a, b, inside = tokens(0), tokens(1), masks(2)
    mixed = match_tokens(a, b, inside, inside, Matching("silhouette+position", -1.0, 1e6))
    assert torch.equal(mixed.source[inside], torch.arange(COUNT).expand(3, -1)[inside])
    assert torch.equal(mixed.tokens, torch.where(inside[..., None], b, a))


@pytest.mark.parametrize("rule", MATCHING_RULES[1:])
@pytest.mark.parametrize("empty", [0, 1])
def test_an_empty_silhouette_replaces_nothing(rule, empty):
    a, b, inside = tokens(0), tokens(1), [masks(2), masks(3)]
    inside[empty][1] = False
    mixed = match_tokens(a, b, *inside, Matching(rule, -1.0, 0.5))
    assert torch.equal(mixed.tokens[1], a[1]) and not mixed.replaced[1].any()
    assert torch.isfinite(mixed.tokens).all() and mixed.replaced[0].any()


def test_places_are_measured_within_the_silhouette():
    inside = torch.zeros(1, COUNT, dtype=torch.bool)
    inside[0, [5, 6, 9, 10, 13, 14]] = True  # rows 1 to 3, columns 1 to 2
    found = within_silhouette(inside)[0]
    assert found[5].tolist() == [0, 0] and found[14].tolist() == [1, 1]
    assert found[9].tolist() == [0.5, 0]


def test_an_unknown_rule_is_one_line():
    with pytest.raises(ToffeeError, match="refiner.matching: unknown rule 'best'; expected cosine"):
        match_tokens(tokens(0), tokens(1), masks(2), masks(3), Matching("best", 0.5))


def test_a_rule_may_change_what_it_may_replace():
    foreground = torch.zeros(2, 8, 8, dtype=torch.bool)
    foreground[0, 2:5, 3:6] = True
    assert may_change("cosine", foreground) is None
    for rule in ("silhouette", "silhouette+position"):
        assert torch.equal(may_change(rule, foreground), foreground[:, None])
