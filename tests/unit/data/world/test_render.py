"""Renders against closed forms of the camera, and under every change that must not matter."""

import dataclasses
import hashlib
import itertools
import os
import subprocess
import sys

import pytest
import torch

from toffee.data.world import render as renderer
from toffee.data.world.camera import camera_of
from toffee.data.world.geometry import bounds, canonical_parts, parts_of
from toffee.data.world.render import DEPTH_RANGE, render
from toffee.data.world.subject import draw_scene, draw_subject
from toffee.data.world.vocabulary import BACKGROUNDS, CLASSES, STYLES, TEXTURES

DIGEST = """
import hashlib, torch
from toffee.data.world.render import render
from toffee.data.world.subject import draw_scene, draw_subject
torch.set_num_threads(1)
order = {order}
drawn = render([draw_subject(i, "train") for i in order], [draw_scene(i) for i in order])
i = order.index(5)
print(hashlib.sha256(b"".join(x[i].numpy().tobytes() for x in drawn)).hexdigest())
"""


def draws(seeds, **scene):
    return [draw_subject(seed, "train") for seed in seeds], [
        draw_scene(seed, **scene) for seed in seeds
    ]


@pytest.fixture(scope="module")
def mixed():
    """48 images of all classes in all styles."""
    seeds = range(48)
    subjects = [draw_subject(seed, "train", class_word=CLASSES[seed % 8]) for seed in seeds]
    scenes = [draw_scene(seed, style=list(STYLES)[seed % 3]) for seed in seeds]
    return subjects, scenes, render(subjects, scenes)


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_types_and_ranges(mixed) -> None:
    drawn = mixed[2]
    assert drawn.rgb.shape == (48, 64, 64, 3) and drawn.rgb.dtype == torch.uint8
    assert drawn.depth.shape == (48, 64, 64) and drawn.depth.dtype == torch.float32
    assert drawn.mask.shape == (48, 64, 64) and drawn.mask.dtype == torch.bool
    assert drawn.points.shape == (48, 64, 64, 3) and drawn.points.dtype == torch.float32
    assert drawn.depth.min() >= 0 and drawn.depth.max() <= 1
    assert drawn.points.abs().max() <= 1.001


def test_an_image_does_not_depend_on_the_images_beside_it(mixed) -> None:
    subjects, scenes, drawn = mixed
    order = torch.randperm(48, generator=torch.Generator().manual_seed(0)).tolist()
    shuffled = render([subjects[i] for i in order], [scenes[i] for i in order])
    assert same([x[order] for x in drawn], shuffled)
    for i in (3, 20, 41):
        assert same([x[i : i + 1] for x in drawn], render([subjects[i]], [scenes[i]]))


def test_chunks_do_not_matter(mixed, monkeypatch) -> None:
    subjects, scenes, drawn = mixed
    monkeypatch.setattr(renderer, "_CHUNK_RAYS", 2 * 4 * 64 * 64)
    assert same([x[:24] for x in drawn], render(subjects[:24], scenes[:24]))


def test_another_process_agrees() -> None:
    script = DIGEST.format(order=[9, 2, 5, 13, 21])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment
    )
    here = render(*draws([5]))
    expected = hashlib.sha256(b"".join(x[0].numpy().tobytes() for x in here)).hexdigest()
    assert done.stdout.strip() == expected


def test_depth_and_points_are_there_exactly_on_the_mask(mixed) -> None:
    drawn = mixed[2]
    assert torch.equal(drawn.depth > 0, drawn.mask)
    assert drawn.depth[drawn.mask].min() >= 0.2
    assert (drawn.points[~drawn.mask] == 0).all()


def test_the_subject_is_whole_in_the_picture_and_fills_it(mixed) -> None:
    mask = mixed[2].mask
    border = torch.cat([mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]], 1)
    assert not border.any()
    wide, tall = mask.any(1).sum(1) / 64, mask.any(2).sum(1) / 64
    largest = torch.maximum(wide, tall)
    assert largest.min() > 0.4 and largest.max() < 0.95
    assert 0.55 < largest.mean() < 0.8


def world_points(subject, points):
    """Undo the canonical frame of a class of one part: points [N,3] in the subject's frame."""
    ((middle, extent),) = canonical_parts(subject.class_word)
    (part,) = parts_of(subject.class_word, subject.shape)
    local = (points - torch.tensor(middle)) / torch.tensor(extent)
    return local, torch.tensor(part.centre) + local * torch.tensor(part.half)


def project(camera, world, size):
    """Column and row in pixels, and the distance along the viewing direction."""
    away = world - torch.tensor(camera.position)
    ahead = away @ torch.tensor(camera.forward)
    x = camera.focal * (away @ torch.tensor(camera.right)) / ahead + camera.principal[0]
    y = -camera.focal * (away @ torch.tensor(camera.up)) / ahead + camera.principal[1]
    return (x + 1) / 2 * size, (y + 1) / 2 * size, ahead


@pytest.mark.parametrize("word", ["ball", "crate"])
def test_points_lie_on_the_surface_and_project_into_their_own_pixels(word) -> None:
    subjects = [draw_subject(seed, "train", class_word=word) for seed in range(6)]
    scenes = [draw_scene(seed) for seed in range(6)]
    drawn = render(subjects, scenes)
    for i, (subject, scene) in enumerate(zip(subjects, scenes, strict=True)):
        row, column = drawn.mask[i].nonzero().T
        local, world = world_points(subject, drawn.points[i, row, column])
        surface = local.norm(dim=1) if word == "ball" else local.abs().amax(1)
        assert (surface - 1).abs().max() < 1e-3
        camera = camera_of(subject, scene)
        x, y, ahead = project(camera, world, 64)
        # A pixel's point is seen by one of its four rays, a quarter of a pixel off its middle.
        assert ((x - column - 0.5).abs() - 0.25).abs().max() < 0.01
        assert ((y - row - 0.5).abs() - 0.25).abs().max() < 0.01
        depth = (0.6 + (camera.reach - ahead) * 0.4 / DEPTH_RANGE).clamp(0.2, 1.0)
        assert (depth - drawn.depth[i, row, column]).abs().max() < 1e-4


def test_two_views_give_a_place_the_same_coordinates() -> None:
    subject = draw_subject(4, "train", class_word="crate")
    scenes = [draw_scene(4, azimuth=20.0, elevation=25.0), draw_scene(9, azimuth=50.0)]
    drawn = render([subject, subject], scenes)
    first = drawn.points[0][drawn.mask[0]]
    _, world = world_points(subject, first)
    camera = camera_of(subject, scenes[1])
    x, y, ahead = project(camera, world, 64)
    row, column = y.long().clamp(0, 63), x.long().clamp(0, 63)
    depth = 0.6 + (camera.reach - ahead) * 0.4 / DEPTH_RANGE
    visible = (depth - drawn.depth[1, row, column]).abs() < 0.01
    assert visible.float().mean() > 0.4
    gap = (first - drawn.points[1, row, column]).norm(dim=1)[visible]
    assert gap.median() < 0.05 and gap.quantile(0.95) < 0.12


def test_the_same_part_of_two_shapes_has_the_same_coordinates() -> None:
    subjects = [draw_subject(seed, "train", class_word="snowman") for seed in range(8)]
    drawn = render(subjects, [draw_scene(seed, elevation=15.0) for seed in range(8)])
    heights = [bounds(parts_of(s.class_word, s.shape))[1][1] for s in subjects]
    assert max(heights) - min(heights) > 0.1
    # Up to what one pixel covers, every hat ends at 1; a foot is round and hides its end (-1).
    tops = torch.stack([drawn.points[i, ..., 1][drawn.mask[i]].max() for i in range(8)])
    lows = torch.stack([drawn.points[i, ..., 1][drawn.mask[i]].min() for i in range(8)])
    assert (tops - 1).abs().max() < 0.03
    assert (lows + 1).abs().max() < 0.2


@pytest.mark.parametrize("word", CLASSES)
def test_the_first_colour_dominates(word) -> None:
    cases = [(texture, seed) for texture in TEXTURES for seed in range(4)]
    subjects = [
        dataclasses.replace(
            draw_subject(seed, "train", class_word=word, texture=texture),
            colour="red",
            second_colour="blue",
        )
        for texture, seed in cases
    ]
    scenes = [draw_scene(seed, light="day") for _, seed in cases]
    drawn = render(subjects, scenes)
    # The same with the second colour turned into the first: what changes is the second colour.
    other = render([dataclasses.replace(s, second_colour="red") for s in subjects], scenes)
    changed = (drawn.rgb.int() - other.rgb.int()).abs().sum(-1).float()
    lit = other.rgb.int().amax(-1).clamp(min=1)
    # A pixel that turns from red to blue changes by 406 where red's own largest channel is 218.
    share = ((changed / lit / (406 / 218)).clamp(max=1) * drawn.mask).sum((1, 2)) / drawn.mask.sum(
        (1, 2)
    )
    by_texture = share.view(len(TEXTURES), -1).mean(1)
    assert by_texture.max() < 0.4
    assert by_texture[TEXTURES.index("plain")] < 0.1
    assert by_texture[1:].min() > 0.02  # every pattern shows


def test_textures_differ_from_each_other() -> None:
    subject = draw_subject(1, "train", class_word="ball", colour="yellow")
    subject = dataclasses.replace(subject, second_colour="blue", texture_orientation=1)
    drawn = render(
        [dataclasses.replace(subject, texture=texture) for texture in TEXTURES],
        [draw_scene(1, light="day")] * len(TEXTURES),
    )
    assert (drawn.mask == drawn.mask[:1]).all()
    for a, b in itertools.combinations(range(len(TEXTURES)), 2):
        gap = (drawn.rgb[a].int() - drawn.rgb[b].int()).abs().sum(-1)[drawn.mask[0]]
        assert (gap > 150).float().mean() > 0.12, (TEXTURES[a], TEXTURES[b])


def test_backgrounds_differ_from_each_other() -> None:
    subject = draw_subject(2, "train")
    means, spreads = [], []
    for place in BACKGROUNDS:
        drawn = render(
            [subject] * 3, [draw_scene(s, background=place, light="day") for s in (1, 2, 3)]
        )
        floor = drawn.rgb.float()[:, 40:][~drawn.mask[:, 40:]]
        means.append(floor.mean(0))
        spreads.append(floor.std(0).mean())
    for a, b in itertools.combinations(range(len(means)), 2):
        pattern = (spreads[a] - spreads[b]).abs()
        assert (means[a] - means[b]).norm() + pattern > 30, (a, b)


def test_styles_change_the_look_and_not_the_geometry() -> None:
    subject, scene = draw_subject(7, "train"), draw_scene(7)
    drawn = render([subject] * 3, [dataclasses.replace(scene, style=style) for style in STYLES])
    for name in ("depth", "mask", "points"):
        values = getattr(drawn, name)
        assert (values == values[:1]).all()
    sketch = drawn.rgb[list(STYLES).index("sketch")]
    assert (sketch == sketch[..., :1]).all()
    for a, b in itertools.combinations(range(3), 2):
        assert (drawn.rgb[a].float() - drawn.rgb[b].float()).abs().mean() > 10


def test_other_sizes_show_the_same_picture() -> None:
    subjects, scenes = draws(range(6))
    small, large = render(subjects, scenes, 64), render(subjects, scenes, 128)
    assert large.rgb.shape == (6, 128, 128, 3)
    shrunk = torch.nn.functional.avg_pool2d(large.mask.float(), 2) >= 0.5
    overlap = (shrunk & small.mask).sum() / (shrunk | small.mask).sum()
    assert overlap > 0.95
    halved = torch.nn.functional.avg_pool2d(large.rgb.permute(0, 3, 1, 2).float(), 2)
    assert (halved.permute(0, 2, 3, 1) - small.rgb.float()).abs().mean() < 8


def test_unequal_lists_are_refused() -> None:
    subjects, scenes = draws(range(2))
    with pytest.raises(ValueError, match="2 subjects and 1 scenes"):
        render(subjects, scenes[:1])
