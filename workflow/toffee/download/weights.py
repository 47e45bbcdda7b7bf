"""Weights of another format or naming, written as the safetensors that transformers reads.

A torch file is a pickle, which can run code when it is read. torch's reader of weights reads it
(`weights_only=True`: tensors and plain containers, nothing else), in a process of its own that has
no network, no variables of the environment and starts no program.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from toffee.config.models import TORCH_SUFFIX, HubPlace
from toffee.download.hub import Lacking
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import link_or_copy

if TYPE_CHECKING:
    from torch import Tensor

TORCH_NAMES = {"pytorch_model": "model"}
"""Names of torch's files whose safetensors are called otherwise."""

QKV = re.compile(r"^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$")
TIMM_VIT = (
    (r"^cls_token$", "embeddings.cls_token"),
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^norm\.", "layernorm."),
    (r"^blocks\.(\d+)\.norm1\.", r"encoder.layer.\1.layernorm_before."),
    (r"^blocks\.(\d+)\.norm2\.", r"encoder.layer.\1.layernorm_after."),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc1\.", r"encoder.layer.\1.intermediate.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc2\.", r"encoder.layer.\1.output.dense."),
)
"""timm's and DINO's own names of a vision transformer → those of transformers' ViTModel."""


def is_rewritten(name: str, source: HubPlace) -> bool:
    """Whether a file of a repository is weights that another file of the model is written of."""
    return name.endswith(TORCH_SUFFIX) or (
        source.keys is not None and name.endswith(".safetensors")
    )


def build_model(source: HubPlace, files: Path, folder: Path) -> list[str]:
    """Put a model together from fetched files.

    Args:
        source: where they are from, and what is made of them.
        files: the fetched files of the model.
        folder: empty folder to fill: files as they are (hard links), and those that are written.

    Returns:
        The files that were written, by path in the model.

    Raises:
        Lacking: a torch file holds more than weights, or weights do not have the names that
            `source.keys` says.
    """
    written = []
    for path in sorted(path for path in files.rglob("*") if path.is_file()):
        name = path.relative_to(files)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if is_rewritten(name.as_posix(), source):
            stem = TORCH_NAMES.get(name.stem, name.stem)
            name = name.with_name(f"{stem}.safetensors")
            rewrite(path, folder / name, source.keys)
            written.append(name.as_posix())
        else:
            link_or_copy(path, folder / name)
    for file, content in source.json_files.items():
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        (folder / file).write_text(text, encoding="utf-8")
        written.append(file)
    return written


def rewrite(path: Path, out: Path, keys: str | None) -> None:
    """Write weights as safetensors, in a process without network (see `rewrite_alone`).

    Raises:
        Lacking: they cannot be read as weights, or have other names than `keys` says.
        ToffeeError: the process ends otherwise, for example for lack of memory.
    """
    function = rewrite_alone
    code = f"from {function.__module__} import {function.__name__} as run; run()"
    packages = [entry for entry in sys.path if entry]
    command = [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {packages!r}; {code}"]
    done = subprocess.run(
        [*command, str(path), str(out), keys or ""], capture_output=True, text=True, env={}
    )
    if done.returncode == REFUSED:
        raise Lacking(f"{path.name}: {done.stdout.strip().splitlines()[-1]}")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ToffeeError(f"{path}: cannot be written as safetensors: {last}")


REFUSED = 3
"""Exit code of `rewrite_alone` where a file is not what it should be."""

LEAVES = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.")
"""Events of Python's audit with which code would leave the process."""


def rewrite_alone() -> None:
    """Read weights and write them as safetensors: arguments path, result and naming ("" is none).

    Called in a process of its own. From the first line on it has no network: its own, empty network
    namespace where the kernel gives one, and in any case no socket and no other program.
    """
    import torch
    from safetensors.torch import load_file, save_file

    path, out, keys = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    _leave_the_network()
    try:
        if path.suffix == TORCH_SUFFIX:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=False)
        else:
            content = load_file(path)
        tensors = weights_of(content)
        tensors = timm_vit(tensors) if keys else tensors
    except Exception as error:  # whatever a file leads a reader to
        print(f"expected weights and nothing else ({str(error).strip().splitlines()[0]})")
        sys.exit(REFUSED)
    # Sorted and cloned: the bytes depend on the numbers alone, and no two tensors share memory.
    save_file({k: tensors[k].contiguous().clone() for k in sorted(tensors)}, out, {"format": "pt"})


def _leave_the_network() -> None:
    """Close the way to the network, and to other programs, for the rest of this process."""
    import ctypes

    user_and_network = 0x10000000 | 0x40000000  # CLONE_NEWUSER | CLONE_NEWNET
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    if unshare is not None:
        unshare(user_and_network)  # refused on some machines; then the hook alone remains

    def refuse(event: str, arguments: object) -> None:
        if event.startswith(LEAVES):
            raise PermissionError(f"the file asks for {event}")

    sys.addaudithook(refuse)


def weights_of(content: object) -> dict[str, "Tensor"]:
    """The tensors of a state dict, which older checkpoints wrap once. Raises ValueError for what is
    no state dict."""
    import torch

    if isinstance(content, Mapping) and len(content) == 1:
        (only,) = content.values()
        content = only if isinstance(only, Mapping) else content
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"a {type(content).__name__}, expected names of weights")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ValueError(f"{name!r} is no tensor")
    return dict(content)


def timm_vit(tensors: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Weights of a vision transformer under transformers' names. Raises ValueError where a name is
    none of timm's."""
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        found = QKV.match(name)
        if found:
            layer, kind = found.groups()
            for part, value in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                named[f"encoder.layer.{layer}.attention.attention.{part}.{kind}"] = value
            continue
        new = next((re.sub(old, new, name) for old, new in TIMM_VIT if re.match(old, name)), None)
        if new is None:
            raise ValueError(f"weight {name} is none of timm's vision transformer")
        named[new] = tensor
    return named
