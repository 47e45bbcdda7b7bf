"""Formats that real repositories have their weights in.

Torch's pickles alone, halves beside the whole, parts with an index, timm's names, and the names of
attention before diffusers 0.15.
"""

import json
import re
from pathlib import Path

LEGACY_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
TIMM = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention.output.dense": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "encoder.layer": "blocks",
    "layernorm": "norm",
}


def weights_in(folder: Path) -> list[Path]:
    """The safetensors of a checkpoint."""
    return sorted(folder.rglob("*.safetensors"))


def torch_name(path: Path) -> Path:
    """What torch's file of some safetensors is called."""
    stem = "pytorch_model" if path.stem == "model" else path.stem
    return path.with_name(f"{stem}.bin")


def as_torch(folder: Path, precision: str | None = None) -> None:
    """Only torch's files, which many repositories had before safetensors; in another precision."""
    import torch
    from safetensors.torch import load_file

    for path in weights_in(folder):
        tensors = load_file(path)
        tensors = {k: getattr(v, precision)() for k, v in tensors.items()} if precision else tensors
        torch.save(tensors, torch_name(path))
        path.unlink()


def add_halves(folder: Path) -> None:
    """`<name>.fp16.safetensors` beside each file, as Stable Diffusion's repositories have it."""
    from safetensors.torch import load_file, save_file

    for path in weights_in(folder):
        tensors = {k: v.half() if v.is_floating_point() else v for k, v in load_file(path).items()}
        save_file(tensors, path.with_name(f"{path.stem}.fp16.safetensors"), {"format": "pt"})


def as_parts(folder: Path) -> None:
    """Weights in two parts with their index, as the hub has large models."""
    from safetensors.torch import load_file, save_file

    for path in weights_in(folder):
        tensors = load_file(path)
        names = sorted(tensors)
        where = {}
        for part, some in enumerate((names[::2], names[1::2]), start=1):
            file = f"{path.stem}-{part:05d}-of-00002.safetensors"
            save_file(
                {name: tensors[name] for name in some}, path.with_name(file), {"format": "pt"}
            )
            where |= dict.fromkeys(some, file)
        index = {"metadata": {"total_size": path.stat().st_size}, "weight_map": where}
        path.with_name(f"{path.name}.index.json").write_text(json.dumps(index))
        path.unlink()


def with_legacy_attention(folder: Path) -> None:
    """The autoencoder's attention under the names that SD 1.5 and 2.1 have it."""
    from safetensors.torch import load_file, save_file

    (path,) = weights_in(folder)
    tensors = load_file(path)
    for new, old in LEGACY_ATTENTION.items():
        name = re.compile(rf"(mid_block\.attentions\.0)\.{re.escape(new)}\.")
        tensors = {name.sub(rf"\1.{old}.", key): value for key, value in tensors.items()}
    assert any(".proj_attn." in name for name in tensors)
    save_file(tensors, path, {"format": "pt"})


def as_timm(folder: Path) -> None:
    """A ViT as timm has it: queries, keys and values in one, no config for transformers."""
    import torch
    from safetensors.torch import load_file, save_file

    (path,) = weights_in(folder)
    tensors = load_file(path)
    layers = {}
    for name in [name for name in tensors if ".attention.attention." in name]:
        before, part, kind = re.match(r"(.*)\.attention\.attention\.(\w+)\.(\w+)$", name).groups()
        layers.setdefault((before, kind), {})[part] = tensors.pop(name)
    for (before, kind), parts in layers.items():
        joined = torch.cat([parts["query"], parts["key"], parts["value"]])
        tensors[f"{before}.attn.qkv.{kind}"] = joined
    renamed = {}
    for name, value in tensors.items():
        for new, old in TIMM.items():
            name = name.replace(new, old)
        renamed[name] = value.contiguous()
    save_file(renamed, path, {"format": "pt"})
    for file in folder.glob("*.json"):
        file.unlink()
    (folder / "config.json").write_text('{"architecture": "vit_small_patch16_224"}')
