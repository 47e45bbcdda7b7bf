"""The closed vocabulary: captions word for word, and colours that can be told apart."""

import itertools

import pytest

from toffee.data.world.vocabulary import (
    ALL_WORDS,
    BACKGROUNDS,
    CLASSES,
    COLOURS,
    LIGHTS,
    STYLES,
    TEXTURES,
    Attributes,
    caption,
)


def test_the_world_is_as_wide_as_promised() -> None:
    assert (len(CLASSES), len(COLOURS), len(TEXTURES), len(BACKGROUNDS)) == (8, 10, 6, 8)


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (("crate",), "a crate"),
        (("crate", None, None, "grass"), "a crate on the grass"),
        (
            ("crate", "red", "striped", "grass", "sunset", "photo"),
            "a red striped crate on the grass at sunset",
        ),
        (("crate", "red", "plain", "snow", "day"), "a red crate in the snow"),
        (
            ("crate", "red", "striped", "snow", "day", "sketch"),
            "a sketch of a red striped crate in the snow",
        ),
        (("mug", "orange", "dotted", "night"), "an orange dotted mug at night"),
    ],
)
def test_captions(attributes: tuple, text: str) -> None:
    assert caption(Attributes(*attributes)) == text


def test_caption_with_a_unique_token() -> None:
    assert caption(Attributes("mug", "orange"), token="sks") == "a sks orange mug"


def test_every_caption_is_made_of_known_words() -> None:
    spoken = set()
    for values in itertools.product(CLASSES, COLOURS, TEXTURES, BACKGROUNDS, LIGHTS, STYLES):
        spoken.update(caption(Attributes(*values)).split())
    assert spoken == set(ALL_WORDS)


def test_an_unknown_attribute_is_refused() -> None:
    with pytest.raises(ValueError, match="colour 'beige'"):
        Attributes("mug", "beige")


def test_colours_are_well_separated() -> None:
    for (one, a), (other, b) in itertools.combinations(COLOURS.items(), 2):
        gap = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5
        assert gap > 80, (one, other)
