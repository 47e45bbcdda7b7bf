"""Draws of subjects and scenes: the same from a seed, and the splits never meet."""

import itertools

import pytest

from toffee.data.world.geometry import SHAPE_RANGES
from toffee.data.world.subject import draw_scene, draw_subject, heldout_prompt, split_of
from toffee.data.world.vocabulary import BACKGROUNDS, CLASSES, COLOURS, TEXTURES


def combination(subject) -> tuple[str, ...]:
    second = "" if subject.texture == "plain" else subject.second_colour
    return (subject.class_word, subject.colour, second, subject.texture)


def test_a_seed_gives_one_subject_and_one_scene() -> None:
    assert draw_subject(5, "train") == draw_subject(5, "train")
    assert draw_scene(5) == draw_scene(5)
    assert draw_subject(5, "train") != draw_subject(6, "train")
    assert draw_scene(5) != draw_scene(6)


def test_splits_share_no_combination() -> None:
    train = {combination(draw_subject(seed, "train")) for seed in range(3000)}
    heldout = {combination(draw_subject(seed, "heldout")) for seed in range(3000)}
    assert not train & heldout


def test_about_one_combination_in_eight_is_held_out() -> None:
    shares = [
        split_of(word, first, second, texture) == "heldout"
        for word, texture in itertools.product(CLASSES, TEXTURES)
        for first, second in itertools.permutations(COLOURS, 2)
    ]
    assert 0.10 < sum(shares) / len(shares) < 0.14


def test_the_second_colour_of_a_plain_subject_does_not_move_it_to_another_split() -> None:
    for word, first in itertools.product(CLASSES, COLOURS):
        assert len({split_of(word, first, second, "plain") for second in COLOURS}) == 1


def test_about_one_prompt_in_ten_is_held_out() -> None:
    triples = list(itertools.product(CLASSES, COLOURS, BACKGROUNDS))
    held = [triple for triple in triples if heldout_prompt(*triple)]
    assert 0.07 < len(held) / len(triples) < 0.13
    assert {word for word, _, _ in held} == set(CLASSES)
    assert {place for _, _, place in held} == set(BACKGROUNDS)


def test_shapes_stay_in_their_ranges_and_what_is_given_is_kept() -> None:
    for seed in range(200):
        subject = draw_subject(seed, "heldout", texture="dotted")
        assert subject.texture == "dotted" and subject.colour != subject.second_colour
        for value, (low, high) in zip(subject.shape, SHAPE_RANGES[subject.class_word], strict=True):
            assert low <= value <= high


def test_overrides_leave_the_rest_of_a_scene_as_drawn() -> None:
    drawn, moved = draw_scene(3), draw_scene(3, azimuth=10.0)
    assert moved.azimuth == 10.0
    assert moved.background_seed == drawn.background_seed
    assert moved.elevation == drawn.elevation


def test_nights_are_lit_by_themselves() -> None:
    assert {draw_scene(seed, background="night").light for seed in range(40)} == {"day"}


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="split 'test'"):
        draw_subject(0, "test")
