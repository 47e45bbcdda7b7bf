"""Pretrained networks out of local folders: safetensors alone, and every weight there."""

import json
from pathlib import Path
from typing import Any

import diffusers
import torch

from toffee.runtime.errors import ToffeeError

UNUSED = ("pooler.",)
"""Beginnings of weights that a checkpoint may lack: a ViT's class token is used without its pooler,
and DINO's repositories have none."""


def load_model(kind: Any, folder: str | Path) -> Any:
    """A network in float32, frozen, in evaluation mode, on the CPU.

    Nothing is unpickled or fetched.

    Args:
        kind: class of diffusers or transformers, or one of their Auto classes.
        folder: the model in hub layout.

    Raises:
        ToffeeError: there is no such model, its weights have other shapes than its config says, or
            some are missing, which would leave random numbers in their place.
    """
    try:
        if kind is diffusers.AutoModel:  # which tells of no missing weights
            config = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))
            kind = getattr(diffusers, config["_class_name"])
        precision = "torch_dtype" if issubclass(kind, diffusers.ModelMixin) else "dtype"
        model, info = kind.from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **{precision: torch.float32},
        )
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ToffeeError(
            f"{folder}: expected a {kind.__name__} in hub layout ({reason})"
        ) from error
    missing = sorted(name for name in info["missing_keys"] if not name.startswith(UNUSED))
    if missing:
        more = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise ToffeeError(f"{folder}: the weights lack {missing[0]}{more}")
    return model.requires_grad_(False).eval()


def model_type(folder: str | Path) -> str:
    """What kind of model a folder of transformers holds, as its config says.

    Raises:
        ToffeeError: there is no config that says it.
    """
    path = Path(folder) / "config.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToffeeError(f"{path}: expected a model's config with model_type ({error})") from error
