"""Subjects and scenes: what is drawn, and where and how it stands before the camera."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Any

from toffee.data.world.geometry import SHAPE_RANGES
from toffee.data.world.vocabulary import (
    BACKGROUNDS,
    CLASSES,
    COLOURS,
    LIGHTS,
    TEXTURES,
    Attributes,
)

HELDOUT_SHARE = 0.12
HELDOUT_PROMPT_SHARE = 0.10
SPLITS = ("train", "heldout")


@dataclass(frozen=True)
class Subject:
    """One individual object; two images of it differ only in their `Scene`.

    `shape` holds the class's geometry parameters (see `geometry.SHAPE_RANGES`). `texture_scale`
    is the pattern's period in world units (an object is about two units wide), `texture_phase`
    its shift in periods along both surface coordinates, `texture_orientation` 0 for horizontal,
    1 for vertical and 2 for diagonal stripes.
    """

    name: str
    class_word: str
    colour: str
    second_colour: str
    texture: str
    shape: tuple[float, ...]
    texture_scale: float
    texture_phase: tuple[float, float]
    texture_orientation: int

    def attributes(self, scene: Scene | None = None) -> Attributes:
        """The words for this subject, with those of `scene` where one is given."""
        if scene is None:
            return Attributes(self.class_word, self.colour, self.texture)
        return Attributes(
            self.class_word,
            self.colour,
            self.texture,
            scene.background,
            scene.light,
            scene.style,
        )


@dataclass(frozen=True)
class Scene:
    """Surroundings and camera of one image.

    Angles are degrees: `azimuth` turns the camera around the subject (0 looks at its front),
    `elevation` lifts it over the floor, `light_azimuth` is the light's direction in the subject's
    frame (so it stays put when the camera turns). `distance` multiplies the standard camera
    distance; `offset` shifts the subject right and down in fractions of the picture and is
    limited so that the subject stays in view. `background_seed` shifts and turns the floor.
    """

    background: str
    light: str = "day"
    style: str = "photo"
    azimuth: float = 30.0
    elevation: float = 22.0
    distance: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)
    light_azimuth: float = -30.0
    background_seed: int = 0


def _share(*parts: str) -> float:
    """A number in [0,1) that is a hash of `parts`."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of(class_word: str, colour: str, second_colour: str, texture: str) -> str:
    """The split that a combination belongs to; a plain subject's second colour does not count."""
    second = "" if texture == "plain" else second_colour
    share = _share("subject", class_word, colour, second, texture)
    return "heldout" if share < HELDOUT_SHARE else "train"


def heldout_prompt(class_word: str, colour: str, background: str) -> bool:
    """Whether base models must never see this triple in training (about 10 % of all)."""
    return _share("prompt", class_word, colour, background) < HELDOUT_PROMPT_SHARE


def draw_subject(
    seed: int,
    split: str,
    *,
    class_word: str | None = None,
    colour: str | None = None,
    texture: str | None = None,
) -> Subject:
    """Draw a subject of `split` ("train" or "heldout"); attributes that are given stay fixed.

    Raises ValueError if the fixed attributes leave no combination in the split.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    rng = random.Random(f"subject/{split}/{seed}")
    for _ in range(2000):
        word = class_word or rng.choice(CLASSES)
        first = colour or rng.choice(list(COLOURS))
        second = rng.choice([name for name in COLOURS if name != first])
        pattern = texture or rng.choice(TEXTURES)
        if split_of(word, first, second, pattern) == split:
            break
    else:
        raise ValueError(f"no {split} subject is a {colour} {texture} {class_word}")
    return Subject(
        name=f"{word}_{split}_{seed:06d}",
        class_word=word,
        colour=first,
        second_colour=second,
        texture=pattern,
        shape=tuple(rng.uniform(low, high) for low, high in SHAPE_RANGES[word]),
        texture_scale=rng.uniform(0.66, 0.84),
        texture_phase=(rng.random(), rng.random()),
        texture_orientation=rng.randrange(3),
    )


def draw_scene(seed: int, **given: Any) -> Scene:
    """Draw a scene. Style is "photo" unless given.

    Six in ten scenes are by day; the night background always is (its own darkness is its light).

    Args:
        seed: of the draw.
        given: fields of `Scene` that replace what is drawn; None replaces nothing.
    """
    rng = random.Random(f"scene/{seed}")
    drawn = Scene(
        background=rng.choice(list(BACKGROUNDS)),
        light=rng.choices(list(LIGHTS), weights=(6, 2, 2))[0],
        azimuth=rng.uniform(0.0, 360.0),
        elevation=rng.uniform(10.0, 40.0),
        distance=rng.uniform(0.97, 1.12),
        offset=(rng.uniform(-0.08, 0.08), rng.uniform(-0.05, 0.05)),
        light_azimuth=rng.uniform(0.0, 360.0),
        background_seed=rng.randrange(2**31),
    )
    scene = replace(drawn, **{name: value for name, value in given.items() if value is not None})
    if scene.background == "night" and given.get("light") is None:
        return replace(scene, light="day")
    return scene
