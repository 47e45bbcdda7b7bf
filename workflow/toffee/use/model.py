"""The model that draws: an exported pipeline, the segmenter beside it, and its words."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from toffee.runtime.environment import quieten_libraries
from toffee.runtime.errors import ToffeeError

PIPELINE, MODELS = "pipeline", "models"
"""Where a results folder has the exported pipeline and the models."""

SMALL_VOCABULARY = 5_000
"""Tokens. Below, a word that is no single token was never seen; large vocabularies spell rare words
that they know."""

LISTED_WORDS = 200
"""Most words that a line lists."""


@dataclass(frozen=True)
class Model:
    """Folders of a model that draws.

    Attributes:
        pipeline: the exported pipeline.
        segmenter, detector: what finds subjects, if it is there.
        base: the base text-to-image model, if it is there.
        segmented: whether subjects have to be cut out.
        licence: of the pipeline, as its card says.
        name: of the pipeline, as its card says.
    """

    pipeline: Path
    segmenter: Path | None
    detector: Path | None
    base: Path | None
    segmented: bool
    licence: str
    name: str


def find_model(results: Path, pipeline: Path | None = None, segmenter: Path | None = None) -> Model:
    """The model of a results folder, or of a folder with an exported pipeline.

    Args:
        results: results of a run; only used where `pipeline` is not given.
        pipeline: an exported pipeline. Where it lies in a results folder, so does its segmenter.
        segmenter: another folder with a segmenter; its detector is beside it.

    Raises:
        ToffeeError: there is no pipeline, or it cannot be read.
    """
    folder = pipeline or results / PIPELINE
    index = folder / "model_index.json"
    if not index.is_file():
        hint = "" if pipeline else f" (snakemake --cores 2 {PIPELINE} makes it; or --pipeline)"
        raise ToffeeError(f"{folder}: no model_index.json, expected an exported pipeline{hint}")
    try:
        segmented = bool(json.loads(index.read_text(encoding="utf-8"))["segmented"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToffeeError(f"{index}: expected the index of a ToffeeNet pipeline") from error
    beside = segmenter or folder.resolve().parent / MODELS / "segmenter"
    detector, base = beside.parent / "detector", folder.resolve().parent / MODELS / "text_to_image"
    if segmenter and not segmenter.is_dir():
        raise ToffeeError(f"{segmenter}: no such folder, expected a segmenter")
    name, licence = _card(folder / "README.md")
    return Model(
        folder,
        beside if beside.is_dir() else None,
        detector if detector.is_dir() else None,
        base if base.is_dir() else None,
        segmented,
        licence,
        name or folder.name,
    )


def _card(path: Path) -> tuple[str, str]:
    """Name and licence that a model card says; "" and `unknown` where it says none."""
    try:
        _, header, text = path.read_text(encoding="utf-8").split("---\n", 2)
        known = yaml.safe_load(header)
        licence = known.get("license") or "unknown"
        names = licence if isinstance(licence, list) else [licence]
        more = [known["license_name"]] if known.get("license_name") else []
        title = re.search(r"^# (.+)$", text, re.M)
        parts = [str(one) for one in (*names, *more) if one != "other" or not more]
        return title[1] if title else "", " AND ".join(parts)
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return "", "unknown"


@lru_cache(maxsize=1)
def load_pipeline(folder: str, device: str, dtype: str) -> Any:
    """The pipeline of a folder, whose code runs. The last one stays loaded.

    Raises:
        ToffeeError: it cannot be loaded.
    """
    import torch
    from diffusers import DiffusionPipeline

    quieten_libraries()  # diffusers, now that it is imported
    try:
        pipe = DiffusionPipeline.from_pretrained(
            folder,
            trust_remote_code=True,
            local_files_only=True,
            use_safetensors=True,
            dtype=getattr(torch, dtype),
        )
        pipe.to(torch.device(device))
    except Exception as error:  # of its own code, of damaged weights, of a device
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ToffeeError(f"{folder}: the pipeline cannot be loaded ({reason[0]})") from error
    return pipe


def usable_device(name: str | None) -> str:
    """A device of torch; without a name the GPU if there is one. Raises ToffeeError where torch
    cannot use it."""
    import torch

    if name is None:
        others = (("cuda", torch.cuda), ("mps", torch.backends.mps))
        return next((device for device, one in others if one.is_available()), "cpu")
    try:
        kind = torch.device(name)
    except RuntimeError:
        raise ToffeeError(f"--device {name}: no such device, expected cpu, cuda or mps") from None
    try:
        torch.zeros(1, device=kind).item()
    except Exception as error:  # of each kind of device its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ToffeeError(f"--device {name}: cannot be used here ({reason})") from error
    return name


def unknown_words(tokenizer: Any, prompt: str) -> list[str]:
    """Words of a prompt that a model with a small vocabulary has never seen."""
    if len(tokenizer) > SMALL_VOCABULARY:
        return []  # the pipeline's own warning is all that can be said
    words = dict.fromkeys(re.findall(r"[^\W\d_]+", prompt))
    return [one for one in words if len(tokenizer(one, add_special_tokens=False).input_ids) > 1]


def known_words(tokenizer: Any) -> list[str]:
    """The words of a small vocabulary, sorted; what is only a part of longer words is left out."""
    if len(tokenizer) > SMALL_VOCABULARY:
        return []
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    ends = {(one.split(" ") if isinstance(one, str) else one)[1] for one in merges}
    whole = (token for token in tokenizer.get_vocab() if token.endswith("</w>"))
    words = (token.removesuffix("</w>") for token in whole if token not in ends)
    return sorted(one for one in words if len(one) > 1 and one.isascii() and one.isalpha())


def warnings_of(tokenizer: Any, prompts: Iterable[str]) -> Iterator[str]:
    """Lines about words that the model has never seen, with those that it knows."""
    words = known_words(tokenizer)
    known = f"; it knows {', '.join(words)}" if 0 < len(words) <= LISTED_WORDS else ""
    for prompt in dict.fromkeys(prompts):
        if unknown := unknown_words(tokenizer, prompt):
            yield f"{prompt!r}: the model has never seen {', '.join(unknown)}{known}"


@contextmanager
def said_by(pipe: Any, say: Callable[[str], None]) -> Iterator[None]:
    """Pass the pipeline's own warnings on; those of unknown words only where the vocabulary is
    large, else `warnings_of` has said more."""
    small = len(pipe.tokenizer) <= SMALL_VOCABULARY
    logger = logging.getLogger(type(pipe).__module__)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not (small and "does not know" in record.getMessage()):
                say(record.getMessage())

    handler, before = Handler(), (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
