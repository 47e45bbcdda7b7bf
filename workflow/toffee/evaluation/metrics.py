"""The metrics of the evaluation: similarity to a subject, and alignment with a text.

Every metric is a similarity of two feature vectors, so that images are encoded once and compared at
will. `dino` and `clip_i` follow DreamBench (DreamBooth, arXiv 2208.12242): final CLS token of a
DINO, and image embedding of a CLIP, cosine; `clip_t` is the cosine of CLIP's image and text
embeddings. Two metrics were not trained by this project: `efficientnet` (EfficientNet-Lite0 with
ImageNet weights, pooled last features, cosine) and `histogram` (intersection of colour histograms,
training-free). Their `_masked` variants see the subject only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from toffee.evaluation.efficientnet import efficientnet_preprocessing, load_efficientnet
from toffee.evaluation.names import IMAGE_METRICS, SIMILARITIES
from toffee.models.clip import load_clip, picture_features
from toffee.models.load import load_model
from toffee.models.preprocess import Preprocessing
from toffee.runtime.device import device as own_device
from toffee.runtime.errors import ToffeeError

HISTOGRAM_BINS = 4
"""Bins per channel of the joint RGB histogram: 64 colours."""

BATCH = 64

Images = Tensor | Sequence[Tensor]


class ClipMetric:
    """The metric CLIP: image and text embeddings of length 1.

    folder: a CLIP (see `load_clip`) with tokenizer and preprocessor_config.json, in hub layout,
    safetensors; batch: images or texts encoded at once; device: where it runs (embeddings come
    back on the CPU).
    Raises ToffeeError where the folder does not hold such a model.
    """

    def __init__(
        self, folder: Path, batch: int = BATCH, device: str | torch.device | None = None
    ) -> None:
        self.batch = batch
        self.device = own_device() if device is None else torch.device(device)
        self.preprocessing = Preprocessing.read(folder)
        self.model = load_clip(folder).to(self.device)
        self.tokenizer = _tokenizer(folder)
        self._texts: dict[str, Tensor] = {}

    @property
    def scale(self) -> float:
        """Of cosines, to logits."""
        return float(self.model.logit_scale.exp())

    @torch.no_grad()
    def image_features(self, images: Images) -> Tensor:
        """Image embeddings [B, D] of images [B, 3, H, W] in [0, 1], or of a list of any sizes."""
        parts = [
            self.encode(self.preprocessing.whole(images[i : i + self.batch]).to(self.device))
            for i in range(0, len(images), self.batch)
        ]
        return F.normalize(torch.cat(parts).float(), dim=-1).cpu()

    @torch.no_grad()
    def text_features(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings [B, D] of prompts; a repeated prompt is encoded once."""
        fresh = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._texts]
        for some in (fresh[i : i + self.batch] for i in range(0, len(fresh), self.batch)):
            tokens = self.tokenizer(
                some,
                padding="max_length",  # so that a prompt's neighbours do not change its length
                truncation=True,
                max_length=self.model.config.text_config.max_position_embeddings,
                return_tensors="pt",
            ).to(self.device)
            embedded = self.model.get_text_features(
                input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
            )
            unit = F.normalize(_pooled(embedded).float(), dim=-1).cpu()
            self._texts.update(zip(some, unit, strict=True))
        return torch.stack([self._texts[prompt] for prompt in prompts])

    def encode(self, batch: Tensor) -> Tensor:
        """Image embeddings [B, D], not normalised, of preprocessed images on the device."""
        return picture_features(self.model, batch)


class Encoder(NamedTuple):
    """A metric encoder.

    Attributes:
        preprocessing: of some pictures.
        encode: preprocessed pictures on the device → features [B, D], not normalised.
        width: D.
    """

    preprocessing: Callable[[Images], Preprocessing]
    encode: Callable[[Tensor], Tensor]
    width: int


class Metrics:
    """The metric encoders, loaded once.

    metric_dino: folder of a ViTModel or Dinov2Model; metric_clip: as ClipMetric has it. batch:
    images encoded at once; names: the metrics wanted; device: where the encoders run (features come
    back on the CPU). Raises ToffeeError where a folder does not hold such a model.
    """

    def __init__(
        self,
        metric_dino: Path,
        metric_clip: Path,
        batch: int = BATCH,
        names: Sequence[str] = SIMILARITIES,
        device: str | torch.device | None = None,
    ) -> None:
        self.batch, self.names = batch, tuple(names)
        self.device = own_device() if device is None else torch.device(device)
        self.dino = load_model(AutoModel, metric_dino).to(self.device)
        self.clip = ClipMetric(metric_clip, batch, device)
        self.efficientnet = load_efficientnet().to(self.device)
        dino_preprocessing = Preprocessing.read(metric_dino).dreambench()
        self._encoders = {
            "dino": Encoder(
                lambda images: dino_preprocessing, self._encode_dino, self.dino.config.hidden_size
            ),
            "clip_i": Encoder(
                lambda images: self.clip.preprocessing,
                self.clip.encode,
                self.clip.model.config.projection_dim,
            ),
            "efficientnet": Encoder(
                efficientnet_preprocessing,
                self._encode_efficientnet,
                self.efficientnet._fc.in_features,
            ),
        }

    @torch.no_grad()
    def features(
        self,
        images: Images,
        masks: Images | None = None,
        names: Sequence[str] | None = None,
    ) -> dict[str, Tensor]:
        """Features by metric name, float32 [B, D] on the CPU, of images [B, 3, H, W] in [0, 1] RGB
        (or a list of [3, H, W] of any sizes).

        masks: bool [B, H, W] (or a list of [H, W]), True on the subject; without them the masked
        metrics are left out. The rows of an empty mask are zero: similarity 0 to everything, itself
        included, so that a missed detection counts. names: the metrics wanted, else those that it
        was made with. Raises ToffeeError on shapes that do not fit each other.
        """
        _check(images, masks)
        names = self.names if names is None else names
        features: dict[str, Tensor] = {}
        for name in IMAGE_METRICS:
            if name in names:
                features[name] = self._whole(name, images)
            if masks is not None and f"{name}_masked" in names:
                features[f"{name}_masked"] = self._masked(name, images, masks)
        return features

    def similarity(self, name: str, a: Tensor, b: Tensor) -> Tensor:
        """Similarity of features a [..., D] and b [..., D] of metric `name`; the leading dimensions
        broadcast.

        Histograms: intersection, [0, 1]. Others: cosine, [-1, 1]. 1 for equal images, 0 where a
        mask was empty.
        """
        if name not in SIMILARITIES:
            raise ToffeeError(f"metric {name!r}: expected one of {', '.join(SIMILARITIES)}")
        if name.startswith("histogram"):
            return torch.minimum(a, b).sum(-1)
        return (a * b).sum(-1)

    def text_features(self, prompts: Sequence[str]) -> Tensor:
        """CLIP's text embeddings of prompts, float32 [B, D], of length 1."""
        return self.clip.text_features(prompts)

    def text_alignment(self, images: Images, prompts: Sequence[str]) -> Tensor:
        """CLIP-T [B]: cosine of each image with its own prompt. images as in `features`."""
        if len(images) != len(prompts):
            raise ToffeeError(f"text alignment: {len(images)} images but {len(prompts)} prompts")
        return (self.clip.image_features(images) * self.clip.text_features(prompts)).sum(-1)

    def _whole(self, name: str, images: Images) -> Tensor:
        if name == "histogram":
            return torch.stack([histogram(image) for image in images])
        encoder = self._encoders[name]
        preprocessing = encoder.preprocessing(images)
        parts = [
            self._unit(encoder, preprocessing.whole(images[i : i + self.batch]))
            for i in range(0, len(images), self.batch)
        ]
        return torch.cat(parts)

    def _masked(self, name: str, images: Images, masks: Images) -> Tensor:
        if name == "histogram":
            return torch.stack([histogram(x, m) for x, m in zip(images, masks, strict=True)])
        encoder = self._encoders[name]
        preprocessing = encoder.preprocessing(images)
        features = torch.zeros(len(images), encoder.width)
        found = [row for row, mask in enumerate(masks) if mask.any()]
        for rows in (found[i : i + self.batch] for i in range(0, len(found), self.batch)):
            crops = preprocessing.subject([images[r] for r in rows], [masks[r] for r in rows])
            features[rows] = self._unit(encoder, crops)
        return features

    def _unit(self, encoder: Encoder, batch: Tensor) -> Tensor:
        return F.normalize(encoder.encode(batch.to(self.device)).float(), dim=-1).cpu()

    def _encode_dino(self, batch: Tensor) -> Tensor:
        return self.dino(pixel_values=batch).last_hidden_state[:, 0]

    def _encode_efficientnet(self, batch: Tensor) -> Tensor:
        batch = batch.contiguous(memory_format=torch.channels_last)
        # its activations are large: in a CPU's caches few images at once take a quarter of the time
        parts = batch.split(4) if batch.device.type == "cpu" else (batch,)
        return torch.cat([self.efficientnet.extract_features(x).mean((-2, -1)) for x in parts])


def histogram(image: Tensor, mask: Tensor | None = None) -> Tensor:
    """Joint RGB histogram [64] of an image [3, H, W] in [0, 1], summing to 1; over the pixels of a
    mask [H, W] where one is given (all zero where it is empty).
    """
    bins = (image * HISTOGRAM_BINS).long().clamp(0, HISTOGRAM_BINS - 1)
    colours = (bins[0] * HISTOGRAM_BINS + bins[1]) * HISTOGRAM_BINS + bins[2]
    colours = colours.flatten() if mask is None else colours[mask]
    counts = torch.bincount(colours, minlength=HISTOGRAM_BINS**3).float()
    return counts / counts.sum().clamp(min=1)


def _tokenizer(folder: Path) -> Any:
    """A tokenizer of transformers from a local folder."""
    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ToffeeError(f"{folder}: expected a tokenizer in hub layout ({reason})") from error


def _pooled(output: Any) -> Tensor:
    """CLIP's projected embedding: transformers 5 wraps it, transformers 4 returned the tensor."""
    return output if isinstance(output, Tensor) else output.pooler_output


def _check(images: Images, masks: Images | None) -> None:
    for row, image in enumerate(images):
        if image.ndim != 3 or image.shape[0] != 3:
            raise ToffeeError(f"image {row}: expected [3, H, W], got {list(image.shape)}")
    if masks is None:
        return
    if len(masks) != len(images):
        raise ToffeeError(f"masks: expected {len(images)}, one per image, got {len(masks)}")
    for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
        if mask.dtype != torch.bool or mask.shape != image.shape[1:]:
            size, given = list(image.shape[1:]), list(mask.shape)
            raise ToffeeError(f"mask {row}: expected bool {size}, got {mask.dtype} {given}")
