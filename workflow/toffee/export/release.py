"""What card and Croissant metadata tell: the numbers of the run, and what is to be said of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toffee.config.licences import parts_of
from toffee.export.columns import Columns
from toffee.export.shard import Summary

PAPER = "https://arxiv.org/abs/2406.09305"
CITATION = (
    "Toffee: Efficient Million-Scale Dataset Construction for Subject-Driven Text-to-Image "
    "Generation. arXiv:2406.09305, 2024."
)
WORLD = "world"
_WORLD = (
    "renders of this project's procedural world, eight classes of objects drawn from a seed; no "
    "photograph is among them"
)
SUBJECTS = {
    WORLD: _WORLD,
    "folder": "pictures from a folder that the run was given",
    "images": "pictures from a folder that the run was given",
    "hub": "pictures of a data set of the Hugging Face hub",
    "subjects200k": "pictures of Subjects200K, drawn by a model",
    "drawn": "pictures that the base model drew from class words; no photograph is among them",
}
VIEWS = {
    WORLD: _WORLD,
    "folder": "multi-view photographs from a folder that the run was given",
    "mvimgnet": "multi-view photographs of MVImgNet",
    "uco3d": "multi-view photographs of uCO3D",
    "syncd": "pictures of SynCD, drawn by a model",
}


@dataclass(frozen=True)
class Release:
    """One export of the dataset.

    Attributes:
        name: its name.
        subjects, views: where pictures of subjects and multi-view sequences come from: `world`, or
            the kind in config `data.real`.
        resolution: side of the pictures in pixels.
        seed: the run's seed.
        models: what drew the samples, by role: where from.
        model_licences: and under which licence.
        thresholds: the filter's, by name.
        funnel: filter → samples of all kinds that were left after it, in order.
        allowed: licences that may be shared; None where everything may.
        files: name in the repository → summary of its shard; shards without rows have none.
        empty: shards without rows.
    """

    name: str
    subjects: str
    views: str
    resolution: int
    seed: int
    models: Mapping[str, str]
    model_licences: Mapping[str, str]
    thresholds: Mapping[str, float]
    funnel: Mapping[str, int]
    allowed: Sequence[str] | None
    files: Mapping[str, Summary]
    empty: Sequence[Summary]

    @property
    def summaries(self) -> list[Summary]:
        """Of all shards, those without rows last."""
        return [*self.files.values(), *self.empty]

    @property
    def columns(self) -> Columns:
        """Columns of every file."""
        return self.summaries[0].columns

    @property
    def rows(self) -> int:
        """Samples in all."""
        return sum(one.rows for one in self.summaries)

    def count(self, what: str) -> dict[str, int]:
        """Samples of all shards by kind (`candidates`, `accepted`, `exported`) or by licence
        (`licences`, `left_out`)."""
        total: Counter[str] = Counter()
        for one in self.summaries:
            total.update(getattr(one, what))
        return dict(sorted(total.items()))

    def total(self, what: str) -> int:
        """The same of all kinds or licences."""
        return sum(self.count(what).values())

    def mean(self, score: str) -> float:
        """Mean of a score over the exported samples."""
        return sum(one.scores[score] for one in self.summaries) / self.rows

    @property
    def licence_parts(self) -> list[str]:
        """Every licence that some sample is under."""
        return sorted({part for licence in self.count("licences") for part in parts_of(licence)})

    def origins(self) -> str:
        """Where subjects and poses come from."""
        return f"Subjects: {SUBJECTS[self.subjects]}. Poses: {VIEWS[self.views]}."

    def statements(self) -> dict[str, str | list[str]]:
        """What responsible use has to know, by property of Croissant's RAI vocabulary 1.0.

        Source: https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html
        """
        accepted, candidates = self.total("accepted"), self.total("candidates")
        people = (
            "Personal data: the subjects are objects, but nobody looked through the photographs or "
            "the pictures: people, plates or writing in the background may have been drawn again. "
            "No names or other data about people were collected."
        )
        if self.subjects == self.views == WORLD:
            people = "No personal data: the procedural world holds no people, names or places."
        return {
            "dataCollection": "Nothing was collected from people. All pictures are synthetic: "
            "models drew them from pictures of subjects, multi-view sequences and texts that were "
            "put together from lists of words.",
            "dataCollectionType": ["Others: synthesized by diffusion models"],
            "dataCollectionRawData": self.origins(),
            "dataCollectionMissingData": "`input`, `source_prompt` and `seed_edits` are given for "
            "editing pairs only. Nothing else is missing.",
            "dataPreprocessingProtocol": [
                f"A square of each photograph, {self.resolution} by {self.resolution} pixels: the "
                "centre one, or where photographs were imported with masks one that holds the "
                "whole object, with edges repeated where the object is longer than the short side."
            ],
            "dataManipulationProtocol": "Initial image: the text drawn over the subject's depth. "
            "Refined: the subject's patch tokens put back where they match. View: the subject in "
            "another pose. Edit: one thing changed inside a mask. Then a filter by scores: of "
            f"{candidates} candidates {accepted} were accepted. JPEG of quality 95 or better; "
            "masks, and targets of edits, without loss.",
            "dataAnnotationProtocol": [
                "Masks and scores are computed by models; no person has checked them."
            ],
            "machineAnnotationTools": [f"{role}: {name}" for role, name in self.models.items()],
            "dataBiases": [
                "What the base models prefer or cannot draw shows in the pictures, and the filter "
                "keeps what its own encoders score high: unusual looks of a subject are rarer here "
                "than in photographs.",
                "Texts follow a few patterns in English.",
            ],
            "dataLimitations": [
                "A target may lose or change details of its subject; the scores of each pair tell "
                "how far, by the encoders that filtered it.",
                "Targets are synthetic, so a model trained on them learns their faults too.",
                "A reproduction of the paper, not its authors' dataset.",
            ],
            "dataUseCases": [
                "Training and study of subject-driven image generation and editing.",
                "Not for the evaluation of models on real photographs, nor for the recognition of "
                "people.",
            ],
            "dataSocialImpact": "Models trained on such pairs put a given subject into new "
            "pictures, which can also be used to deceive; say so where their pictures are shown.",
            "personalSensitiveInformation": [people],
            "dataReleaseMaintenancePlan": "Made by a workflow: it can be made again from the same "
            "configuration, and a newer run replaces it. Records of every job, with a digest of "
            "every file, go with the run.",
        }
