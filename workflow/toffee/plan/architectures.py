"""The networks of a run without their weights, from their configs alone.

A config is read from the downloaded model (`results/<scale>/models/<role>`), else from the zoo,
else from the folder `architectures` beside this file, which has those of the hub's checkpoints that
config/models.yaml names. Nothing is downloaded.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from toffee.config.models import HubSource, ZooSource
from toffee.provenance.digests import read_json
from toffee.runtime.errors import ToffeeError

BUILT_IN = Path(__file__).with_name("architectures")
TEXT_TO_IMAGE = ("unet", "vae", "text_encoder")
"""Parts of a text-to-image model (roles text_to_image and few_step); others are one network."""


class Architectures:
    """Configs of the base models by role and part, and the networks that they describe."""

    def __init__(
        self, sources: Mapping[str, ZooSource | HubSource], zoo: str | Path, models: str | Path
    ) -> None:
        """Look nothing up yet.

        Args:
            sources: role → source, from the catalogue.
            zoo: folder of the zoo.
            models: folder of the models that were downloaded.
        """
        self.sources, self.zoo, self.models = sources, Path(zoo), Path(models)
        self._built: dict[tuple[str, str], Any] = {}

    @cached_property
    def _built_in(self) -> dict[str, dict[str, Any]]:
        """Repository → what is known of it."""
        entries = [read_json(path) for path in sorted(BUILT_IN.glob("*.json"))]
        return {repo: entry for entry in entries for repo in entry["repos"]}

    def _file(self, role: str, name: str) -> dict[str, Any] | None:
        """A file of the model; None where only its architecture is known."""
        source = self.sources[role]
        places = [self.models / role]
        places += [self.zoo / source.zoo] if isinstance(source, ZooSource) else []
        return next((read_json(p / name) for p in places if (p / name).is_file()), None)

    def config(self, role: str, part: str = "") -> dict[str, Any]:
        """The config of a network.

        Raises:
            ToffeeError: it is not there.
        """
        found = self._file(role, f"{part}/config.json".lstrip("/"))
        return self._known(role)["configs"][part] if found is None else found

    def input_side(self, role: str) -> int:
        """Side of the square that an encoder sees (pixels), from its preprocessor's config."""
        found = self._file(role, "preprocessor_config.json")
        config = self._known(role)["preprocessor"] if found is None else found
        cropped = config.get("do_center_crop", "crop_size" in config) and "crop_size" in config
        size = config["crop_size"] if cropped else config["size"]
        return int(size) if isinstance(size, int) else int(max(size.values()))

    def build(self, role: str, part: str = "") -> Any:
        """The network on the meta device, shapes and no numbers; the same one at every call."""
        if (role, part) not in self._built:
            self._built[role, part] = self._build(role, part)
        return self._built[role, part]

    def _build(self, role: str, part: str) -> Any:
        config = dict(self.config(role, part))
        with shapes_alone():
            if "_class_name" in config:
                import diffusers

                return getattr(diffusers, config["_class_name"]).from_config(config)
            import transformers

            (name,) = config.pop("architectures")
            settings = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
            return getattr(transformers, name)(settings).eval().requires_grad_(False)

    def parameters(self, role: str) -> int:
        """Parameters of a role's networks, all parts together."""
        parts = TEXT_TO_IMAGE if role in ("text_to_image", "few_step") else ("",)
        return sum(parameters(self.build(role, part)) for part in parts)

    def _known(self, role: str) -> dict[str, Any]:
        source = self.sources[role]
        repo = source.repo if isinstance(source, HubSource) else f"zoo/{source.zoo}"
        if repo not in self._built_in:
            raise ToffeeError(
                f"the architecture of {repo} (role {role}) is not known before it is downloaded: "
                f"run snakemake models first, expected {self.models / role}"
            )
        return self._built_in[repo]


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Networks that are built have shapes and no numbers, and nothing draws initial ones."""
    import torch
    from torch.overrides import TorchFunctionMode

    class WithoutValues(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            given = kwargs or {}
            if getattr(func, "__module__", "") == "torch.nn.init":
                return args[0] if args else given["tensor"]
            return func(*args, **given)

    with torch.device("meta"), WithoutValues():
        yield


def parameters(network: Any) -> int:
    """Parameters of a network, which is not changed any more: each is counted once."""
    if network not in _COUNTED:
        _COUNTED[network] = sum(parameter.numel() for parameter in network.parameters())
    return _COUNTED[network]


_COUNTED: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


def import_libraries() -> None:
    """Import what networks are built with."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel
    from transformers import CLIPModel, CLIPTextModel

    del torch, ControlNetModel, UNet2DConditionModel, CLIPModel, CLIPTextModel
