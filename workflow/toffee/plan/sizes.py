"""How many pictures there are of what a run reads."""

import os
from pathlib import Path

from toffee.config import Config

BENCHMARK_SUBJECTS, BENCHMARK_PHOTOS, BENCHMARK_PROMPTS = 30, 158, 25
"""Of DreamBench."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Sizes:
    """Counts of a run's data. Attributes:

    frames: frames of the multi-view sequences for training.
    sequences: their sequences. subjects: training subjects. heldout: held-out sequences.
    benchmark: subjects of the benchmark. photos: their photos.
    samples, editing: pairs of a shard, and those of them that are edits.
    notes: what could not be counted, a line each.
    """

    def __init__(self, config: Config, project: Path) -> None:
        """Count; folders of real data are walked where the configuration does not say."""
        data, self.notes = config.data, []
        self.samples = config.synthesis.samples_per_shard
        self.editing = round(self.samples * (1 - config.synthesis.kinds.generation))
        self.benchmark, self.photos = BENCHMARK_SUBJECTS, BENCHMARK_PHOTOS
        if data.source == "world":
            self.frames = data.sequences * data.views
            self.sequences, self.subjects = data.sequences, data.subjects
            self.heldout, self.benchmark = data.heldout_sequences, data.benchmark_subjects
            return
        folders = data.folders
        self.frames = config.plan.frames
        if self.frames is None:
            self.frames, self.sequences = self._count(project, folders.multiview)
        else:
            self.sequences = self._count(project, folders.multiview)[1]
        self.heldout = self._count(project, folders.multiview_heldout)[1]
        self.subjects = self._count(project, folders.subjects)[0]

    def _count(self, project: Path, folder: str | None) -> tuple[int, int]:
        """Pictures below a folder, masks left out, and the folders that they lie in."""
        pictures = places = 0
        for where, below, files in os.walk(project / (folder or ""), followlinks=True):
            below[:] = [name for name in below if name != "masks"]
            found = sum(name.lower().endswith(SUFFIXES) for name in files)
            pictures, places = pictures + found, places + bool(found)
        if not pictures:
            self.notes.append(f"no pictures found in {folder}: what is made of them is not counted")
        return pictures, places
