"""The benchmark (DreamBench's layout) as the evaluation uses it: its files and its images."""

from dataclasses import dataclass
from pathlib import Path

from toffee.data.loaders.dreambench import Benchmark, BenchmarkSubject, Prompt, load_benchmark
from toffee.data.loaders.references import kept_photos
from toffee.runtime.seeds import seed_of

CONTEXTS = 20
"""Of a subject's 25 prompts the first ones put it in a context; the rest change a property."""


@dataclass(frozen=True)
class BenchmarkFiles:
    """The benchmark's folder, and the file that says which photo of each subject is kept (see
    `toffee.data.loaders.references`). Inputs of a rule with these names."""

    benchmark: Path
    references: Path

    def load(self) -> tuple[Benchmark, dict[str, int]]:
        """The benchmark, and the place of each subject's kept photo among its photos."""
        benchmark = load_benchmark(self.benchmark)
        return benchmark, kept_photos(self.references, benchmark)


def living_subjects(benchmark: Path) -> set[str]:
    """Names of a benchmark's living subjects, which have their own list of prompts."""
    return {one.subject for one in load_benchmark(benchmark).subjects if one.live}


def changing_prompts(benchmark: Path) -> set[tuple[str, str]]:
    """Subject and text of a benchmark's prompts that ask for another look of the subject."""
    return {
        (subject.subject, prompt.text)
        for subject in load_benchmark(benchmark).subjects
        for prompt in subject.prompts
        if prompt.changes_subject
    }


@dataclass(frozen=True)
class BenchmarkImage:
    """One image to draw for the benchmark.

    Attributes:
        subject: its subject.
        place: of its prompt in the subject's list.
        draw: the generation seed, from 0.
        scale: the value of λ.
    """

    subject: BenchmarkSubject
    place: int
    draw: int
    scale: float = 1.0

    @property
    def prompt(self) -> Prompt:
        """Its prompt."""
        return self.subject.prompts[self.place]

    @property
    def prompt_kind(self) -> str:
        """`context` or `property`: what the prompt changes."""
        return "context" if self.place < CONTEXTS else "property"

    def seed(self, run: int) -> int:
        """Seed of its noise: the same for every method and every λ."""
        return seed_of(run, "benchmark", self.subject.subject, self.prompt.text, self.draw)
