"""One small model a section of the configuration.

No field has a default: the values of the tiny scale stand in `config/config.yaml`, in one place,
and the files of other scales are laid over it. A number may come as text, because that is how
Snakemake hands on `--config 'refiner={steps: 500}'`.
"""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from toffee.config import settings
from toffee.config.base import Section
from toffee.config.sections.compute import Compute
from toffee.config.sections.data import Data
from toffee.config.sections.dreambooth import DreamBooth
from toffee.config.sections.evaluation import Evaluation
from toffee.config.sections.export import Export
from toffee.config.sections.filter import Filter
from toffee.config.sections.models import Models
from toffee.config.sections.plan import Budget, Plan
from toffee.config.sections.refiner import Refiner
from toffee.config.sections.report import Report
from toffee.config.sections.sampler import Sampler
from toffee.config.sections.synthesis import Synthesis
from toffee.config.sections.toffeenet import ToffeeNet, Variant, VariantName
from toffee.config.sections.training import Training
from toffee.config.sections.view_generator import ViewGenerator
from toffee.runtime.seeds import seed_of


class Config(Section):
    """Configuration of one run of the workflow."""

    scale: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] = Field(
        description="name of the run's folder below results/ (lower-case letters, digits, - and _)"
    )
    seed: Annotated[int, Field(ge=0)] = Field(
        description="seed that every random draw outside the evaluation is derived from (number)"
    )
    models: Models = Field(description="where the base models come from")
    data: Data = Field(description="photographs to train on and to evaluate with")
    compute: Compute = Field(description="precision and kernels of what draws and is trained")
    training: Training = Field(description="memory and noise levels of all trainings")
    sampler: Sampler = Field(description="sampling with the base model, and the batch of sampling")
    refiner: Refiner = Field(description="training and use of the Refiner")
    view_generator: ViewGenerator = Field(description="training and use of the View Generator")
    synthesis: Synthesis = Field(description="the dataset of pairs")
    filter: Filter = Field(description="thresholds between candidates and the dataset")
    export: Export = Field(description="what of the dataset may leave the project")
    toffeenet: ToffeeNet = Field(description="training and use of ToffeeNet")
    variants: dict[VariantName, Variant] = Field(
        description="models that differ from `toffeenet` in the keys named here, and their rows: "
        "table reconstruction has those that set reconstruction, segmentation those that set "
        "segmented, reference those that set reference, own_photo, reference_photos or "
        "subject_guidance, editing those that set depth, scaling those that set pairs or "
        "subjects, variants all others"
    )
    dreambooth: DreamBooth = Field(description="the baseline: fine-tuning for each subject")
    evaluation: Evaluation = Field(description="how much is generated and scored")
    report: Report = Field(description="what the report says of a run")
    plan: Plan = Field(description="what `toffee plan` reckons with")
    budget: Budget = Field(description="what `toffee plan` refuses to go beyond")

    @property
    def drawing(self) -> settings.Drawing:
        """How pictures are drawn and stored."""
        return settings.Drawing(self.data.resolution, self.sampler.batch, self.synthesis.quality)

    @property
    def controlled_sampling(self) -> settings.Sampling:
        """How the base model samples over a depth map."""
        return replace(self.sampler.sampling, control_scale=self.synthesis.control_scale)

    @property
    def benchmark_seed(self) -> int:
        """Seed of the world's benchmark subjects; those for development are drawn from another."""
        split = self.data.benchmark_split
        return self.seed if split == "benchmark" else seed_of(self.seed, split)

    def variant(self, name: str) -> ToffeeNet:
        """The settings of a variant: `toffeenet` with its overrides; of `toffeenet` itself.

        name: may end in the number of a training. Raises pydantic's ValidationError where the two
        do not go together.
        """
        name = name.partition("-")[0]
        if name not in self.variants:
            return self.toffeenet
        changes = self.variants[name].model_dump(exclude_unset=True)
        return ToffeeNet.model_validate(self.toffeenet.model_dump() | changes)
