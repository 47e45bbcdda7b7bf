"""What the models of a zoo do on renders, subjects and prompts that no training saw.

python -m toffee_zoo.measure workflow/zoo
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from toffee.config.settings import Sampling
from toffee.data.world.render import render
from toffee.data.world.subject import Scene, Subject
from toffee.data.world.vocabulary import NAMED_TEXTURES
from toffee.evaluation.draw.base import heldout_contents, light_of, prompt_of
from toffee.evaluation.metrics import ClipMetric
from toffee.evaluation.score.base import READ, attribute_embeddings
from toffee.models.depth import DepthEstimator, normalise
from toffee.models.diffusion import Autoencoder, batches
from toffee.models.semantic_segmenter import SemanticSegmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.text_to_image import TextToImage
from toffee.runtime.errors import ToffeeError
from toffee.runtime.seeds import noise, seed_of
from toffee_zoo.autoencoder import laplacian
from toffee_zoo.renders import Renders, draw_zoo_renders

SUBJECTS, VIEWS, SEED = 250, 4, 2  # of the held-out renders
PROMPTS = 256  # that the base model draws
SAMPLING = Sampling(steps=12, guidance=3.0)

Figures = dict[str, float]


def measure_zoo(zoo: Path) -> dict[str, Figures]:
    """Held-out figures of every part, and of the autoencoder inside of the base model.

    zoo: folder of a zoo, or of trained parts.
    """
    with tempfile.TemporaryDirectory() as folder:
        renders = Path(folder) / "renders"
        draw_zoo_renders(renders, SUBJECTS, VIEWS, seed=SEED, split="heldout")
        data = Renders(renders)
        figures = {
            "decoder": measure_autoencoder(zoo / "text_to_image" / "vae", data),
            "segmenter": measure_segmenter(zoo / "segmenter", data),
            "depth": measure_depth(zoo / "depth", data),
        }
        for part in ("subject_encoder", "metric_dino"):
            figures[part] = measure_encoder(zoo / part, data)
    for part, more in measure_pictures(zoo).items():
        figures[part] = figures.get(part, {}) | more
    return figures


def measure_autoencoder(folder: Path, data: Renders) -> Figures:
    """Of photos that are encoded and decoded: `psnr`, dB of their mean squared error; `laplacian`,
    the mean |Laplacian| as a share of that of the photos; milliseconds of one picture, on this
    machine as it was used then."""
    photos = data.images(np.flatnonzero(data.attributes["style"] == "photo"))
    model = Autoencoder(folder)
    start = time.process_time()
    latents = model.encode(photos)
    middle = time.process_time()
    drawn = model.decode(latents)
    end = time.process_time()
    return {
        "psnr": psnr(drawn, photos),
        "laplacian": sharpness(drawn, photos),
        "encode_ms": round((middle - start) / len(photos) * 1000, 2),
        "decode_ms": round((end - middle) / len(photos) * 1000, 2),
    }


def psnr(drawn: torch.Tensor, real: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures [B,3,H,W] in [0,1], all as one."""
    return round(-10 * F.mse_loss(drawn, real).log10().item(), 2)


def sharpness(drawn: torch.Tensor, real: torch.Tensor) -> float:
    """Mean |Laplacian| of pictures as a share of that of real ones."""
    return round((laplacian(drawn).abs().mean() / laplacian(real).abs().mean()).item(), 3)


def measure_segmenter(folder: Path, data: Renders) -> Figures:
    """Intersection over union with the true masks."""
    rows = np.arange(len(data))
    words = data.attributes["class_word"].tolist()
    found = SemanticSegmenter(folder).segment(data.images(rows), words)
    return {"iou": overlap(found, data.array("mask", rows))}


def overlap(found: torch.Tensor, masks: torch.Tensor) -> float:
    """Mean intersection over union of masks [B,H,W]; 0 where nothing was found."""
    both, either = (found & masks).flatten(1).sum(1), (found | masks).flatten(1).sum(1)
    return round((both / either.clamp(min=1)).mean().item(), 3)


def measure_depth(folder: Path, data: Renders) -> Figures:
    """Mean absolute error of normalised depth, over the whole picture and over the subject."""
    rows = np.arange(len(data))
    error = (DepthEstimator(folder)(data.images(rows)) - normalise(data.array("depth", rows))).abs()
    inside = error[data.array("mask", rows)]
    return {"error": round(error.mean().item(), 4), "inside": round(inside.mean().item(), 4)}


def measure_encoder(folder: Path, data: Renders) -> Figures:
    """Share of pictures whose nearest picture, by class token, among one view of each held-out
    subject shows the same subject."""
    encoder = SubjectEncoder(folder)
    first, second = (
        F.normalize(encoder.encode(data.images(np.arange(view, len(data), data.views)))[0], dim=-1)
        for view in (0, 1)
    )
    nearest = (first @ second.T).argmax(1)
    return {"found": round((nearest == torch.arange(len(first))).float().mean().item(), 3)}


def measure_pictures(zoo: Path) -> dict[str, Figures]:
    """What both CLIPs read in held-out renders, and what the metric CLIP reads in pictures that the
    base model draws of the same contents, with and without the ControlNet; see `read`.

    The pictures also have `laplacian`, of real renders of their contents, and those of the
    ControlNet `depth`, the mean absolute difference of their depth from the depth they were given.
    The segmenter has `drawn`: the overlap of what it finds in these with the object whose depth it
    was.
    """
    contents = [
        (subject, scene)
        for subject, scene in heldout_contents(2 * PROMPTS, SEED)
        if subject.texture in NAMED_TEXTURES
    ][:PROMPTS]
    real, masks = _render(contents)
    model = TextToImage(zoo / "text_to_image", zoo / "controlnet_depth")
    estimate = DepthEstimator(zoo / "depth")
    depth = estimate(real)
    text = draw(model, contents)
    controlled = draw(model, contents, depth)
    metric = ClipMetric(zoo / "metric_clip")
    words = [subject.class_word for subject, _ in contents]
    found = SemanticSegmenter(zoo / "segmenter").segment(controlled, words)
    given = round((estimate(controlled) - depth).abs().mean().item(), 4)
    return {
        "segmenter": {"drawn": overlap(found, masks)},
        "clip": read(ClipMetric(zoo / "clip"), real, contents),
        "metric_clip": read(metric, real, contents),
        "text_to_image": {**read(metric, text, contents), "laplacian": sharpness(text, real)},
        "controlnet_depth": {
            **read(metric, controlled, contents),
            "laplacian": sharpness(controlled, real),
            "depth": given,
        },
    }


def _render(contents: list[tuple[Subject, Scene]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures [B,3,H,W] in [0,1] and masks [B,H,W] of subjects in scenes."""
    renders = render([subject for subject, _ in contents], [scene for _, scene in contents])
    return renders.rgb.permute(0, 3, 1, 2).float() / 255, renders.mask.bool()


def draw(
    model: TextToImage, contents: list[tuple[Subject, Scene]], depth: torch.Tensor | None = None
) -> torch.Tensor:
    """The base model's pictures of captions that name class, colour, texture, place and light."""
    prompts = [prompt_of(*content) for content in contents]
    resolution = model.unet.config.sample_size * model.autoencoder.factor
    seeds = [seed_of(SEED, "measure base", str(place)) for place in range(len(contents))]
    noises = noise(seeds, model.autoencoder.latent_shape(resolution))
    return torch.cat(
        [
            model.draw(
                prompts[span], noises[span], SAMPLING, None if depth is None else depth[span]
            )
            for span in batches(len(prompts), 64)
        ]
    )


def read(
    metric: ClipMetric, pictures: torch.Tensor, contents: list[tuple[Subject, Scene]]
) -> Figures:
    """Share of pictures of which a CLIP reads class, colour, background, light and texture right.

    A value is read if its text (see `attribute_embeddings`) is nearest to the picture.
    """
    seen = metric.image_features(pictures)
    embeddings = attribute_embeddings(metric)
    truth = {
        "class": [subject.class_word for subject, _ in contents],
        "colour": [subject.colour for subject, _ in contents],
        "background": [scene.background for _, scene in contents],
        "light": [light_of(scene) for _, scene in contents],
        "texture": [subject.texture for subject, _ in contents],
    }
    return {name: _share_right(seen @ embeddings[name].T, READ[name], truth[name]) for name in READ}


def _share_right(likeness: torch.Tensor, values: Sequence[str], truth: list[str]) -> float:
    """Share of rows whose most likely value is the true one, of those that have one."""
    pairs = zip(likeness.argmax(1).tolist(), truth, strict=True)
    return round(float(np.mean([values[place] == true for place, true in pairs if true])), 3)


def main() -> None:
    """Print the figures of a zoo as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zoo", type=Path, help="folder of a zoo")
    try:
        print(json.dumps(measure_zoo(parser.parse_args().zoo), indent=2))
    except ToffeeError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
