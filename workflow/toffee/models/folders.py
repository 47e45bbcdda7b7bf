"""The model folders that a function reads, as its rule's inputs name them.

An argument of one of these types takes the inputs with the names of its fields
(see `toffee.launch.call`).
"""

from dataclasses import astuple, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    """Folders of models by role."""

    def paths(self) -> list[Path]:
        """All folders that are there, in the order of the fields."""
        return [path for path in astuple(self) if path is not None]


@dataclass(frozen=True)
class BaseModels(Folders):
    """The base model that draws initial images and edits, with its depth ControlNet, and what
    estimates depth."""

    drawer: Path
    controlnet_depth: Path
    depth_estimator: Path


@dataclass(frozen=True)
class SegmenterModels(Folders):
    """The segmenter, and the detector for a segmenter that is prompted with boxes."""

    segmenter: Path
    detector: Path | None = None


@dataclass(frozen=True)
class RefinerModels(Folders):
    """The Refiner and what it draws with."""

    refiner: Path
    text_to_image: Path
    subject_encoder: Path


@dataclass(frozen=True)
class ViewModels(Folders):
    """The View Generator and what it draws with."""

    view_generator: Path
    text_to_image: Path
    subject_encoder: Path
    depth_estimator: Path


@dataclass(frozen=True)
class MetricModels(Folders):
    """The metric encoders, which no generator is conditioned on, and the segmenter."""

    metric_dino: Path
    metric_clip: Path
    segmenter: Path
    detector: Path | None = None


@dataclass(frozen=True)
class ToffeeNetModels(Folders):
    """ToffeeNet and what it draws with."""

    toffeenet: Path
    text_to_image: Path
    subject_encoder: Path


@dataclass(frozen=True)
class BenchmarkModels(Folders):
    """What a method of the benchmark draws with.

    The base model alone; or over a depth map, with the ControlNet and the depth estimator; or
    ToffeeNet, with the subject encoder and the segmenter.
    """

    text_to_image: Path
    controlnet_depth: Path | None = None
    depth_estimator: Path | None = None
    toffeenet: Path | None = None
    subject_encoder: Path | None = None
    segmenter: Path | None = None
    detector: Path | None = None


@dataclass(frozen=True)
class FilterModels(Folders):
    """What the dataset's filter scores pairs with."""

    subject_encoder: Path
    clip: Path
    segmenter: Path
    detector: Path | None = None
