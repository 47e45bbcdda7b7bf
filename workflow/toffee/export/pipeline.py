"""ToffeeNet as a diffusers pipeline: a folder that stands alone.

    <out>/model_index.json, pipeline.py       what `DiffusionPipeline.from_pretrained` reads first
    <out>/inputs.py, pictures.py              how a call's pictures and masks are understood
    <out>/unet/                               ToffeeNet, with the code of its class
    <out>/vae, text_encoder, tokenizer/       the base model's, linked and not copied
    <out>/scheduler/                          its noise schedule, for deterministic sampling
    <out>/subject_encoder/                    E
    <out>/README.md                           model card

Its code needs diffusers, transformers and torch, and nothing of this package.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import diffusers
from diffusers import AutoModel
from transformers import AutoConfig
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from toffee.config.licences import combined, parts_of
from toffee.config.models import ALLOWED_SUFFIXES
from toffee.config.settings import CANVAS, Sampling
from toffee.data import pictures
from toffee.export.card import licence_header, table
from toffee.export.diffusers_code import inputs as inputs_code
from toffee.export.diffusers_code import pipeline as pipeline_code
from toffee.export.diffusers_code import toffeenet_unet as unet_code
from toffee.export.release import PAPER
from toffee.method.toffeenet import CONFIG, WEIGHTS
from toffee.models.diffusion import load_scheduler
from toffee.models.sampling import load_solver
from toffee.models.subject_encoder import subject_preprocessing
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, link_or_copy

CARD = """# {name}

ToffeeNet draws a given subject into a new picture, and edits pictures, from a text, without any
training for the subject: a reproduction of [arXiv 2406.09305]({paper}), not the authors' model.

```python
{lines}
```

Needs `diffusers` (made with {version}), `transformers` and `torch`. `trust_remote_code` runs four
files of this folder, `pipeline.py`, `inputs.py`, `pictures.py` and `unet/toffeenet_unet.py`: read
them first. Weights are safetensors. Half precision:
`from_pretrained(..., dtype=torch.bfloat16).to("cuda")`.

- Pictures of {side} by {side} pixels. Defaults: {steps} steps, guidance {guidance}; of edits
  {edit_guidance}; `subject_scale` {scale:g} (the paper's λ).
- {segmented}
- {depth}
- Masks are white where the subject is, and where a picture to edit may change; outside of it the
  picture comes back to the bit.
- Trained on {pairs} synthetic pairs ({kinds}). It repeats their faults and the base model's, and
  knows the subjects that these know. Say so where its pictures are shown.

## Licences

Parts of this folder, all of whose licences apply; ToffeeNet's weights started from `text_to_image`.

{parts}

The pairs that it was trained on were drawn with these models too:

{drawn}
"""

LINES = """import diffusers
pipe = diffusers.DiffusionPipeline.from_pretrained("{folder}", trust_remote_code=True)
photo, mask = (diffusers.utils.load_image(path) for path in ("photo.jpg", "mask.png"))
drawn = pipe("{drawn}", subject=photo, subject_mask=mask, seed=0).images[0]
edited = pipe("{edited}", photo, mask, image=photo, mask=mask, seed=0).images[0]"""

PROMPTS = {"drawn": "a ball in the snow", "edited": "a striped ball"}
SEGMENTED = {
    True: "Trained on subjects cut out by their masks: give `subject_mask`.",
    False: "Trained on whole pictures of subjects: no `subject_mask` is needed.",
}
DEPTH = {
    True: "Takes a depth map (`depth`), and draws without one as well as it can.",
    False: "Takes no depth map.",
}
IN_FOLDER = ("text_to_image", "subject_encoder")


def export_pipeline(
    toffeenet: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    out: str | Path,
    name: str,
    resolution: int,
    subject_scale: float,
    sampling: Sampling,
    subject_guidance: float | None,
    edit_guidance: float,
    edit_subject_guidance: float | None,
    models: Mapping[str, str],
    model_licences: Mapping[str, str],
) -> None:
    """Write the pipeline's folder.

    Args:
        toffeenet, text_to_image, subject_encoder: folders of the models.
        out: folder to write; one that exists is replaced as a whole.
        name: name of the model.
        resolution: side of its pictures in pixels.
        subject_scale, sampling, subject_guidance: what a call uses that gives none.
        edit_guidance, edit_subject_guidance: the same, of a call that edits a picture.
        models, model_licences: where each base model is from and its licence, by role.

    Raises:
        ToffeeError: a part is missing.
    """
    net, base, encoder = Path(toffeenet), Path(text_to_image), Path(subject_encoder)
    settings = json.loads((net / CONFIG).read_text())
    solver = load_solver(load_scheduler(base / "scheduler"), sampling.solver)
    index = {
        **_components(base, encoder),
        "scheduler": ["diffusers", type(solver).__name__],
        "subject_preprocessing": _preprocessing(encoder),
        "segmented": settings["segmented"],
        "depth": settings["depth"],
        "reference": settings["reference"],
        "resolution": resolution,
        "subject_scale": subject_scale,
        "num_inference_steps": sampling.steps,
        "guidance_scale": sampling.guidance,
        "guidance_interval": [sampling.guidance_low, sampling.guidance_high],
        "subject_guidance_scale": subject_guidance,
        "edit_guidance_scale": edit_guidance,
        "edit_subject_guidance_scale": edit_subject_guidance,
    }
    card = _card(name, settings, index, Path(out).name, models, model_licences)
    with atomic_path(out) as folder:
        folder.mkdir()
        for part in ("vae", "text_encoder", "tokenizer"):
            _link_files(base / part, folder / part)
        _link_files(encoder, folder / "subject_encoder")
        solver.save_pretrained(folder / "scheduler")
        _write_unet(net, settings, folder / "unet")
        shutil.copyfile(pipeline_code.__file__, folder / "pipeline.py")
        shutil.copyfile(inputs_code.__file__, folder / "inputs.py")
        shutil.copyfile(pictures.__file__, folder / "pictures.py")
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
        (folder / "README.md").write_text(card, encoding="utf-8")


def _components(base: Path, encoder: Path) -> dict[str, object]:
    """The classes of the parts, as model_index.json names them."""
    vae = AutoModel.load_config(base / "vae")["_class_name"]
    kind = MODEL_MAPPING[type(AutoConfig.from_pretrained(encoder))].__name__
    code = Path(unet_code.__file__).stem
    return {
        "_class_name": ["pipeline", pipeline_code.ToffeeNetPipeline.__name__],
        "_diffusers_version": diffusers.__version__,
        "vae": ["diffusers", vae],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": [code, unet_code.ToffeeNetUNet.__name__],
        "subject_encoder": ["transformers", kind],
    }


def _preprocessing(encoder: Path) -> dict[str, object]:
    """What the pipeline does with a subject's picture: nothing of it is cut off."""
    found = subject_preprocessing(encoder)
    return {"size": found.crop, "mean": found.mean, "std": found.std, "mode": found.mode}


def _write_unet(net: Path, settings: Mapping, folder: Path) -> None:
    """ToffeeNet's weights, under the class that reads them without this package."""
    folder.mkdir()
    link_or_copy(net / WEIGHTS, folder / WEIGHTS)
    config = json.loads((net / "config.json").read_text()) | {
        "_class_name": unet_code.ToffeeNetUNet.__name__,
        "subject_width": settings["token_width"],
        "subject_tokens": settings["tokens"],
        "canvas": settings["reference"] == CANVAS,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.copyfile(unet_code.__file__, folder / Path(unet_code.__file__).name)


def _link_files(source: Path, target: Path) -> None:
    """Give the files of a model their second names; what no model needs is left out."""
    files = list(_files(source))
    if not files:
        raise ToffeeError(f"{source}: no files, expected a part of the base model")
    for path in files:
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(path, place)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and path.suffix in ALLOWED_SUFFIXES and not hidden:
            yield path


def _guidance(both: float, subject: float | None) -> str:
    """The weights of guidance in words."""
    alone = "" if subject is None else f" by the text and {subject:g} by the subject"
    return f"{both:g}{alone}"


def _card(
    name: str,
    settings: Mapping,
    index: Mapping,
    out: str,
    models: Mapping[str, str],
    licences: Mapping[str, str],
) -> str:
    from huggingface_hub import ModelCardData

    header = ModelCardData(
        library_name="diffusers",
        pipeline_tag="text-to-image",
        tags=["image-to-image", "subject-driven-generation"],
        **licence_header(parts_of(combined(licences[role] for role in IN_FOLDER))),
    )
    rows = [(role, source, licences[role]) for role, source in models.items()]
    head = ("model", "source", "licence")
    text = CARD.format(
        name=name,
        paper=PAPER,
        lines=LINES.format(folder=f"path/of/{out}", **PROMPTS),
        version=diffusers.__version__,
        side=index["resolution"],
        steps=index["num_inference_steps"],
        guidance=_guidance(index["guidance_scale"], index["subject_guidance_scale"]),
        edit_guidance=_guidance(index["edit_guidance_scale"], index["edit_subject_guidance_scale"]),
        scale=index["subject_scale"],
        segmented=SEGMENTED[settings["segmented"]],
        depth=DEPTH[settings["depth"]],
        pairs=settings["pairs"],
        kinds={"both": "generation and editing"}.get(settings["kinds"], settings["kinds"]),
        parts=table(head, [row for row in rows if row[0] in IN_FOLDER]),
        drawn=table(head, [row for row in rows if row[0] not in IN_FOLDER]),
    )
    return f"---\n{header.to_yaml()}\n---\n\n{text}"
