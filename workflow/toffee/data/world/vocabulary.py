"""Words of the procedural world: attributes, their appearance and the captions made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

CLASSES: tuple[str, ...] = ("ball", "crate", "mug", "tree", "house", "snowman", "table", "car")

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (218, 32, 36),
    "orange": (248, 128, 16),
    "yellow": (248, 220, 40),
    "green": (36, 150, 48),
    "cyan": (44, 208, 222),
    "blue": (32, 66, 222),
    "purple": (128, 40, 176),
    "pink": (252, 130, 192),
    "white": (244, 244, 244),
    "black": (34, 34, 38),
}
"""Colour name to sRGB in 0..255."""

PLAIN = "plain"
TEXTURES: tuple[str, ...] = (PLAIN, "striped", "dotted", "checkered", "zigzag", "faded")
NAMED_TEXTURES = TEXTURES[1:]
"""Textures that have a word in captions."""

BACKGROUNDS: dict[str, str] = {
    "grass": "on the grass",
    "sand": "on the sand",
    "snow": "in the snow",
    "brick": "on a brick floor",
    "wood": "on a wooden floor",
    "night": "at night",
    "water": "on the water",
    "rug": "on a rug",
}
"""Background name to the phrase that a caption ends with."""

LIGHTS: dict[str, str] = {"day": "", "sunset": "at sunset", "dusk": "at dusk"}
STYLES: dict[str, str] = {"photo": "", "sketch": "a sketch of", "cartoon": "a cartoon of"}


@dataclass(frozen=True)
class Attributes:
    """What a caption may say about an image; None drops the attribute from the caption.

    `colour` is the first (dominant) colour. `texture` is named only when it is not plain.
    """

    class_word: str
    colour: str | None = None
    texture: str | None = None
    background: str | None = None
    light: str | None = None
    style: str | None = None

    def __post_init__(self) -> None:
        for key, value, known in (
            ("class_word", self.class_word, CLASSES),
            ("colour", self.colour, COLOURS),
            ("texture", self.texture, TEXTURES),
            ("background", self.background, BACKGROUNDS),
            ("light", self.light, LIGHTS),
            ("style", self.style, STYLES),
        ):
            if value is None and key != "class_word":
                continue
            if value not in known:
                raise ValueError(f"{key} {value!r} is not one of {', '.join(known)}")


def caption(attributes: Attributes, token: str = "") -> str:
    """Say `attributes` in words: "a sketch of a red striped crate in the snow at sunset".

    `token` is a word put before the noun phrase's first adjective ("a sks red crate").
    """
    style = STYLES[attributes.style] if attributes.style else ""
    texture = attributes.texture if attributes.texture in NAMED_TEXTURES else ""
    words = [token, attributes.colour or "", texture, attributes.class_word]
    noun = " ".join(word for word in words if word)
    article = "an" if noun[0] in "aeiou" else "a"
    place = BACKGROUNDS[attributes.background] if attributes.background else ""
    light = LIGHTS[attributes.light] if attributes.light else ""
    return " ".join(part for part in (style, article, noun, place, light) if part)


def _all_words() -> tuple[str, ...]:
    """Every word that `caption` can say, sorted."""
    phrases = [*BACKGROUNDS.values(), *LIGHTS.values(), *STYLES.values(), "a an"]
    words = {word for phrase in phrases for word in re.findall("[a-z]+", phrase)}
    return tuple(sorted(words | set(CLASSES) | set(COLOURS) | set(NAMED_TEXTURES)))


ALL_WORDS: tuple[str, ...] = _all_words()
