"""What draws: a pipeline, and beside it the base model. Each picture's metadata say what it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from toffee import __version__
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.use.model import load_pipeline, said_by, warnings_of

MADE = "Made by a model (ToffeeNet, a reproduction of arXiv 2406.09305) from a text{photo}."

BY_BASE = "Made by a model (the base model that ToffeeNet was trained from) from a text."

WATCH: list[Callable[[int, int], None]] = []
"""Called with the denoising steps that are done and all of them (see `toffee.app`)."""


@dataclass(frozen=True)
class Sampling:
    """How a picture is drawn.

    Attributes:
        subject_scale: the paper's λ; None is what the pipeline was exported with, as below.
        steps: denoising steps.
        guidance: weight of text and subject; of the text alone where they are guided apart.
        subject_guidance: weight of the subject, apart from the text's.
        device: of torch.
        dtype: precision of the model.
    """

    subject_scale: float | None = None
    steps: int | None = None
    guidance: float | None = None
    subject_guidance: float | None = None
    device: str = "cpu"
    dtype: str = "float32"


@dataclass(frozen=True)
class ModelCard:
    """What a picture says of the model that drew it: name, SHA-256 of its folder, licence."""

    name: str
    sha256: str
    licence: str


class Artist:
    """A pipeline that writes its pictures, with what they were drawn from in their metadata."""

    def __init__(
        self,
        folder: str,
        sampling: Sampling,
        card: ModelCard,
        prompts: Iterable[str],
        editing: bool = False,
    ) -> None:
        """
        folder: of the pipeline.
        editing: whether it is to edit pictures, whose guidance is another.

        Raises:
            ToffeeError: the folder's code is of an earlier version.
        """
        self.pipe = load_pipeline(folder, sampling.device, sampling.dtype)
        if not hasattr(self.pipe, "defaults"):  # the code lies in the folder
            raise ToffeeError(
                f"{folder}: a pipeline of an earlier version, whose edits have no guidance of "
                "their own; export it again (target pipeline)"
            )
        own = self.pipe.defaults(editing)
        self.card = card
        given = {
            "subject_scale": sampling.subject_scale,
            "num_inference_steps": sampling.steps,
            "guidance_scale": sampling.guidance,
            "subject_guidance_scale": sampling.subject_guidance,
        }
        self.values: dict[str, Any] = {
            key: own[key] if one is None else one for key, one in given.items()
        }
        self.done, self.all = 0, 0
        for line in warnings_of(self.pipe.tokenizer, prompts):
            _warn(line)

    def expect(self, pictures: int) -> None:
        """Say how many pictures there will be, for the progress."""
        self.all = pictures * self.values["num_inference_steps"]
        self.pipe.set_progress_bar_config(disable=bool(WATCH) or not sys.stderr.isatty())

    def draw(self, path: str, prompt: str, seed: int, **given: Any) -> None:
        """Draw and write one picture.

        Raises:
            ToffeeError: the pipeline refuses what it is given.
        """
        watched = self._watched if WATCH else type(self.pipe).progress_bar.__get__(self.pipe)
        self.pipe.progress_bar = watched
        try:
            with said_by(self.pipe, _warn):
                picture = self.pipe(prompt, seed=seed, **self.values, **given).images[0]
        except ValueError as error:
            raise ToffeeError(str(error)) from error
        finally:
            del self.pipe.progress_bar
        save(path, picture, _as_info(self._said(prompt, seed, "subject" in given)))

    def draw_base(self, path: str, base: str, prompt: str, seed: int) -> None:
        """Draw and write the base model's picture.

        Raises:
            ToffeeError: the model cannot be loaded.
        """
        from toffee.use.base import draw_base

        steps, guidance = self.values["num_inference_steps"], self.values["guidance_scale"]
        side = self.pipe.config.resolution
        said = self._said(prompt, seed, photo=False)
        said = {key: value for key, value in said.items() if not key.startswith("subject_")}
        said |= {"Comment": BY_BASE, "model": f"base model of {said['model']}"}
        picture = draw_base(base, prompt, seed, side, steps, guidance)
        save(path, picture, _as_info(said))

    def _watched(self, iterable: Iterable[Any]) -> Iterator[Any]:
        for item in iterable:
            yield item
            self.done += 1
            for call in WATCH:
                call(self.done, self.all)

    def _said(self, prompt: str, seed: int, photo: bool) -> dict[str, str]:
        """The metadata of a picture. Nothing that changes from run to run: bytes stay equal."""
        return {
            "Software": f"toffee {__version__}",
            "Comment": MADE.format(photo=" and a photo of the subject" if photo else ""),
            "prompt": prompt,
            "seed": str(seed),
            **{key: f"{value:g}" for key, value in self.values.items() if value is not None},
            "model": f"{self.card.name} sha256:{self.card.sha256}",
            "licence": self.card.licence,
        }


def _as_info(said: Mapping[str, str]) -> PngInfo:
    text = PngInfo()
    for key, value in said.items():
        text.add_text(key, value)
    return text


def save(path: str, picture: Image.Image, text: PngInfo | None = None) -> None:
    """Write a picture as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG", pnginfo=text)


def _warn(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr)
