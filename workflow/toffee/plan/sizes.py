"""How many pictures there are of what a run reads."""

import os
from collections.abc import Sequence
from pathlib import Path

from toffee.config import Config
from toffee.plan.dag import Job

BENCHMARK_SUBJECTS, BENCHMARK_PHOTOS, BENCHMARK_PROMPTS = 30, 158, 25
"""Of DreamBench."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Sizes:
    """Counts of a run's data.

    Attributes:
        frames, sequences: of the multi-view sequences for training.
        heldout: held-out sequences.
        subjects: training subjects.
        benchmark, photos: subjects of the benchmark, and their photos.
        samples, editing: pairs of a shard, and those of them that are edits.
        notes: what could not be counted, a line each.
    """

    def __init__(self, config: Config, jobs: Sequence[Job], project: Path) -> None:
        """Take them from the configuration, or count pictures in the folders that jobs read."""
        data, self.notes = config.data, []
        self.samples = config.synthesis.samples_per_shard
        self.editing = round(self.samples * (1 - config.synthesis.kinds.generation))
        self.benchmark, self.photos = BENCHMARK_SUBJECTS, BENCHMARK_PHOTOS
        if data.source == "world":
            self.frames = data.sequences * data.views
            self.sequences, self.subjects = data.sequences, data.subjects
            self.heldout, self.benchmark = data.heldout_sequences, data.benchmark_subjects
            return
        read = {name: path for job in jobs for name, path in job.input.items()}

        def count(name: str) -> tuple[int, int]:
            return pictures(project / read[name]) if name in read else (0, 0)

        self.frames, self.sequences = count("multiview")
        self.heldout, self.subjects = count("multiview_heldout")[1], count("subjects")[0]
        if config.plan.frames is not None:
            self.frames = config.plan.frames
        elif "multiview" in read and not self.frames:
            self.notes.append(
                f"no pictures in {read['multiview']}: their encoding is not counted; config "
                "plan.frames says how many there will be"
            )


def pictures(folder: Path) -> tuple[int, int]:
    """Pictures below a folder, masks left out, and the folders that they lie in."""
    found = places = 0
    for _, below, files in os.walk(folder, followlinks=True):
        below[:] = [name for name in below if name != "masks"]
        here = sum(name.lower().endswith(SUFFIXES) for name in files)
        found, places = found + here, places + bool(here)
    return found, places
