"""How many pictures there are of what a run reads."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toffee.config import Config
from toffee.config.sources import DrawnSubjects, ImageSubjects
from toffee.data.loaders.classes import classes_of_sequences, read_classes
from toffee.launch.dag import Job

BENCHMARK_SUBJECTS, BENCHMARK_PHOTOS, BENCHMARK_PROMPTS = 30, 158, 25
"""Of DreamBench."""

CLASSES = {"mvimgnet": 238, "uco3d": 1070}
"""Classes of the releases, as their authors count them (arXiv 2303.06042, 2501.07574)."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Sizes:
    """Counts of a run's data.

    Attributes:
        frames, sequences: of the multi-view sequences for training.
        heldout: held-out sequences.
        subjects: training subjects.
        masks_given: whether all of these come with masks.
        benchmark, photos: subjects of the benchmark, and their photos.
        samples, editing: pairs of a shard, and those of them that are edits.
        notes: what could not be counted, a line each.
    """

    def __init__(self, config: Config, jobs: Sequence[Job], project: Path) -> None:
        """Take them from the configuration, or count pictures in the folders that jobs read."""
        data, source = config.data, config.data.real.subjects
        # Others may have masks too, which is seen when they are there.
        self.masks_given = data.is_world("subjects") or isinstance(source, DrawnSubjects)
        self.notes: list[str] = []
        self.samples = config.synthesis.samples_per_shard
        self.editing = round(self.samples * (1 - config.synthesis.kinds.generation))
        self.benchmark, self.photos = BENCHMARK_SUBJECTS, BENCHMARK_PHOTOS
        if data.is_world("benchmark"):
            self.benchmark = data.benchmark_subjects
        # A configuration with the world has all of these numbers.
        self.sequences, self.heldout = data.sequences or 0, data.heldout_sequences or 0
        self.frames, self.subjects = self.sequences * data.views, data.subjects or 0
        read = {name: path for job in jobs for name, path in job.input.items()}
        if not data.is_world("subjects"):
            self._count_subjects(config, project, read)
        if not data.is_world("multiview"):
            self._count_sequences(config, project, read)

    def _count_subjects(self, config: Config, project: Path, read: Mapping[str, Any]) -> None:
        place = read.get("subjects", "")
        found = pictures(project / place)[0] if place else 0
        self.subjects = found or self._configured_subjects(config, project)
        if place and not self.subjects:
            self.notes.append(
                f"no pictures in {place}: their import and the look for leakage are "
                "not counted; config data.subjects says how many there will be at most"
            )

    def _count_sequences(self, config: Config, project: Path, read: Mapping[str, Any]) -> None:
        def count(name: str) -> tuple[int, int]:
            return pictures(project / read[name]) if name in read else (0, 0)

        data = config.data
        self.frames, self.sequences = count("multiview")
        self.heldout = count("multiview_heldout")[1] or data.heldout_sequences or 0
        if "multiview" in read and not self.frames:
            # Before the import, the configured number counts.
            frames = data.sequences * data.views if data.sequences else config.plan.frames
            self.frames, self.sequences = frames or 0, (frames or 0) // data.views
            if frames is None:
                self.notes.append(
                    f"no pictures in {read['multiview']}: their import and encoding are not "
                    "counted; config plan.frames says how many there will be"
                )

    @staticmethod
    def _configured_subjects(config: Config, project: Path) -> int:
        """Subjects that a source will give: those of the class list, or as many as are wanted."""
        source, most = config.data.real.subjects, config.data.subjects
        if isinstance(source, ImageSubjects) and Path(source.path).is_dir():
            found = pictures(Path(source.path))[0]
            return min(found, most) if most else found
        if not isinstance(source, DrawnSubjects):
            return most or 0
        found = _class_count(config, project) * source.per_class
        return min(found, most) if most else found


def _class_count(config: Config, project: Path) -> int:
    """Classes of drawn subjects: those of the lists, or as many as the multi-view source has."""
    source, real = config.data.real.subjects, config.data.real
    assert isinstance(source, DrawnSubjects)
    if source.classes is None:
        count = CLASSES.get(real.kind("multiview"), 0)
        folder = real.given("multiview")
        count = len(classes_of_sequences(project / folder)) if folder else count
    else:
        count = len(read_classes(project / source.classes))
    return count + (len(read_classes(project / source.living)) if source.living else 0)


def pictures(folder: Path) -> tuple[int, int]:
    """Pictures below a folder, masks left out, and the folders that they lie in."""
    found = places = 0
    for _, below, files in os.walk(folder, followlinks=True):
        below[:] = [name for name in below if name != "masks"]
        here = sum(name.lower().endswith(SUFFIXES) for name in files)
        found, places = found + here, places + bool(here)
    return found, places
