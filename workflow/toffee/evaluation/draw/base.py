"""Draw held-out prompts with the base model, beside real renders of the same content."""

from pathlib import Path

import torch

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.images import to_arrays
from toffee.data.world.render import render
from toffee.data.world.subject import Scene, Subject, draw_scene, draw_subject, heldout_prompt
from toffee.data.world.vocabulary import Attributes, caption
from toffee.evaluation.image_set import write_image_set
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.folders import BaseModels
from toffee.models.text_to_image import TextToImage
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of


def generate_base(
    *,
    models: BaseModels,
    out: str | Path,
    base_prompts: int,
    drawing: Drawing,
    sampling: Sampling,
    seed: int,
) -> None:
    """Draw prompts that name a class, a colour and a place in a combination held out of training,
    the light, and the texture of a subject that is not plain.

    Each prompt describes a render of a held-out subject, which is the row of method `real`; `text`
    draws the prompt alone, `depth` draws it over the render's estimated depth.

    Writes one row per method and prompt: columns subject (name of the content), method, prompt,
    class_word, colour, background, light (empty at night, which has its own), texture; image
    `image`.
    """
    contents = heldout_contents(base_prompts, seed)
    renders = render(
        [subject for subject, _ in contents], [scene for _, scene in contents], drawing.resolution
    )
    real = renders.rgb.permute(0, 3, 1, 2).float() / 255
    prompts = [prompt_of(*content) for content in contents]
    model = TextToImage(models.drawer, models.controlnet_depth)
    estimate = DepthEstimator(models.depth_estimator)
    seeds = [seed_of(seed, "evaluate base", str(place)) for place in range(base_prompts)]
    noises = noise(seeds, model.autoencoder.latent_shape(drawing.resolution))
    drawn: dict[str, list[torch.Tensor]] = {"real": [real], "text": [], "depth": []}
    spans = batches(base_prompts, drawing.batch)
    for span in progress(spans, desc="base evaluation", unit="batch"):
        arguments = (prompts[span], noises[span], sampling)
        drawn["text"].append(model.draw(*arguments))
        drawn["depth"].append(model.draw(*arguments, estimate(real[span])))
    methods = list(drawn)
    write_image_set(
        out,
        columns={
            "subject": [f"{place:05d}" for place in range(base_prompts)] * len(methods),
            "method": [method for method in methods for _ in prompts],
            "prompt": prompts * len(methods),
            "class_word": [s.class_word for s, _ in contents] * len(methods),
            "colour": [s.colour for s, _ in contents] * len(methods),
            "background": [scene.background for _, scene in contents] * len(methods),
            "light": [light_of(scene) for _, scene in contents] * len(methods),
            "texture": [s.texture for s, _ in contents] * len(methods),
        },
        images={"image": to_arrays(torch.cat([torch.cat(drawn[m]) for m in methods]))},
        quality=drawing.quality,
    )


def heldout_contents(count: int, seed: int) -> list[tuple[Subject, Scene]]:
    """Held-out subjects in places where no training picture has their class and colour."""
    contents: list[tuple[Subject, Scene]] = []
    place = 0
    while len(contents) < count:
        subject = draw_subject(seed_of(seed, "base subject", str(place)), "heldout")
        scene = draw_scene(seed_of(seed, "base scene", str(place)))
        if heldout_prompt(subject.class_word, subject.colour, scene.background):
            contents.append((subject, scene))
        place += 1
    return contents


def prompt_of(subject: Subject, scene: Scene) -> str:
    """What a render shows, in words."""
    return caption(
        Attributes(
            subject.class_word, subject.colour, subject.texture, scene.background, scene.light
        )
    )


def light_of(scene: Scene) -> str:
    """The light that a prompt claims, daylight by silence; none at night."""
    return "" if scene.background == "night" else scene.light
