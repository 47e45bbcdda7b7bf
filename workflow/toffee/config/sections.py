"""One small model a section of the configuration.

No field has a default: the values of the tiny scale stand in `config/config.yaml`, in one place,
and the files of other scales are laid over it. A number may come as text, because that is how
Snakemake hands on `--config 'refiner={steps: 500}'`.
"""

from copy import copy
from dataclasses import fields, replace
from typing import Annotated, Any, Literal

from pydantic import Field, create_model, model_validator

from toffee.config import settings
from toffee.config.base import Count, Path, Section, Share
from toffee.config.sources import Real

KINDS = ("generation", "background", "colour", "texture", "style")
"""Kinds of pairs: subject-driven generation, and the four kinds of edits."""
MATCHING_RULES = ("cosine", "silhouette", "silhouette+position")

Guidance = Annotated[float, Field(ge=1, le=50)]
SamplerSteps = Annotated[int, Field(ge=1, le=1000)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class Models(Section):
    """Where the base models come from."""

    catalogue: Path = Field(
        description="YAML file that lists the sources of every set of base models (path, relative "
        "to the repository)"
    )
    set: Path = Field(description="set of the catalogue that this run uses (name)")
    zoo: Path = Field(
        description="folder of models that are fetched from disk, with manifest.json (path, "
        "relative to the repository)"
    )
    lock: Path = Field(
        description="YAML file of the SHA-256 of every file that came from a hub, written by the "
        "first download (path, relative to the repository)"
    )


class DreamBenchDownload(Section):
    """Where DreamBench is downloaded from, where `data.real.benchmark` is of that kind."""

    url: Annotated[str, Field(pattern=r"^(https?|ssh|git|file)://\S+$")] = Field(
        description="git repository of the dataset, or a mirror of it (URL)"
    )
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] = Field(
        description="commit (git id, 40 hexadecimal digits); it is a digest of all files"
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        description="SHA-256 of the list of the files' SHA-256 that a download writes, compared on "
        "top of the commit; null compares the commit alone"
    )


class Data(Section):
    """Photographs to train on, to synthesize from and to evaluate with."""

    source: Literal["world", "real"] = Field(
        description="world: write the procedural world; real: photographs, see `data.real`"
    )
    resolution: Annotated[int, Field(ge=32, le=1024, multiple_of=8)] = Field(
        description="side of every square image (pixels)"
    )
    subjects: Count | None = Field(
        description="training subjects that the world writes, or that are imported at most "
        "(subjects); none: all that the real source has"
    )
    sequences: Count | None = Field(
        description="multi-view sequences for training that the world writes, one subject each, or "
        "that are imported at most (sequences); none: all that the real source has"
    )
    views: Annotated[int, Field(ge=2, le=1000)] = Field(
        description="frames of each multi-view sequence, of a real one spread evenly over it "
        "(images)"
    )
    heldout_sequences: Count | None = Field(
        description="multi-view sequences of held-out subjects that the world writes, or that are "
        "imported at most (sequences); none: all that the real source has"
    )
    benchmark_subjects: Count = Field(
        description="held-out benchmark subjects that the world writes (subjects)"
    )
    references: Path = Field(
        description="YAML file that names the one photo kept of each benchmark subject (path, "
        "relative to the repository)"
    )
    real: Real = Field(description="sources of real photographs")
    dreambench: DreamBenchDownload = Field(description="download of the real benchmark")

    @model_validator(mode="after")
    def _source_is_told(self) -> "Data":
        if self.source == "world":
            for name in ("subjects", "sequences", "heldout_sequences"):
                if getattr(self, name) is None:
                    raise ValueError(f"expected a number in {name}, because source is world")
        else:
            for name in type(self.real).model_fields:
                if getattr(self.real, name) is None:
                    raise ValueError(f"expected a section real.{name}, because source is real")
        return self


class Compute(Section):
    """How models compute. What is trained keeps float32 weights, and what measures uses none of it:
    the metric encoders are float32 always."""

    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        description="precision of frozen models; trainings compute in bfloat16 where it says so, "
        "and in float32 otherwise"
    )
    channels_last: bool = Field(
        description="whether convolutions see pictures with their channels last, as GPUs like it"
    )
    compile: bool = Field(
        description="whether frozen models go through torch.compile, which takes minutes a job "
        "and needs a C++ compiler"
    )
    attention: Literal["sdpa", "eager"] = Field(
        description="sdpa: torch's fused kernels; eager: the same attention as plain matrix "
        "products"
    )


class Sampler(Section):
    """Sampling with the base text-to-image model; the batch is everybody's."""

    steps: SamplerSteps = Field(description="denoising steps of the base model (steps)")
    guidance: Guidance = Field(
        description="weight of classifier-free guidance of the base model (1 = off)"
    )
    batch: Count = Field(
        description="samples that are drawn or scored at once (images); memory grows with it"
    )

    @property
    def sampling(self) -> settings.Sampling:
        """How the base model samples from text alone."""
        return settings.Sampling(self.steps, self.guidance)


class Refiner(Section):
    """The Refiner: reconstructs an image from its patch tokens; at inference from mixed tokens."""

    steps: Count = Field(description="optimizer steps of its training (steps)")
    batch: Count = Field(description="images in a training step (images)")
    learning_rate: LearningRate = Field(description="peak learning rate of AdamW (per step)")
    ema: Decay = Field(description="decay of the moving average of the weights (per step)")
    token_grid: bool = Field(
        description="whether the grid of patch tokens is also concatenated to the latents; ours, "
        "off is cross-attention alone"
    )
    token_dropout: Share = Field(
        description="share of patch tokens that a training step hides (fraction)"
    )
    matching: Literal["cosine", "silhouette", "silhouette+position"] = Field(
        description="rule that picks the subject token for each token of the initial image"
    )
    match_threshold: Annotated[float, Field(ge=-1, le=1)] = Field(
        description="least score of a best match that is replaced (cosine similarity)"
    )
    position_weight: Annotated[float, Field(ge=0, le=10)] = Field(
        description="weight of the distance within the silhouette, rule silhouette+position "
        "(cosine similarity per silhouette size)"
    )
    strength: Share = Field(
        description="how far the initial image is noised before it is denoised again (fraction of "
        "the schedule)"
    )
    keep_background: bool = Field(
        description="whether what the matching rule may not touch is held to the initial image "
        "while the rest is redrawn (ours); cosine may touch everything"
    )
    sampler_steps: SamplerSteps = Field(
        description="denoising steps of a whole schedule, of which `strength` is run (steps)"
    )
    guidance: Guidance = Field(description="weight of classifier-free guidance (1 = off)")

    @property
    def training(self) -> settings.Training:
        """How it is trained."""
        return settings.Training(self.steps, self.batch, self.learning_rate, self.ema)

    @property
    def sampling(self) -> settings.Sampling:
        """How it samples."""
        return settings.Sampling(self.sampler_steps, self.guidance)

    @property
    def refining(self) -> settings.Refining:
        """How it redraws an initial image."""
        matching = settings.Matching(self.matching, self.match_threshold, self.position_weight)
        return settings.Refining(matching, self.strength, self.keep_background, self.sampling)


class ViewGenerator(Section):
    """The View Generator: draws another view of a subject from the patch tokens of one view."""

    steps: Count = Field(description="optimizer steps of its training (steps)")
    batch: Count = Field(description="pairs of views in a training step (pairs)")
    learning_rate: LearningRate = Field(description="peak learning rate of AdamW (per step)")
    ema: Decay = Field(description="decay of the moving average of the weights (per step)")
    depth: bool = Field(
        description="whether the depth of the target view is concatenated to the latents; ours, "
        "off leaves the pose to chance"
    )
    sampler_steps: SamplerSteps = Field(description="denoising steps (steps)")
    guidance: Guidance = Field(description="weight of classifier-free guidance (1 = off)")

    @property
    def training(self) -> settings.Training:
        """How it is trained."""
        return settings.Training(self.steps, self.batch, self.learning_rate, self.ema)

    @property
    def sampling(self) -> settings.Sampling:
        """How it samples."""
        return settings.Sampling(self.sampler_steps, self.guidance)


class Kinds(Section):
    """Shares of the kinds of pairs in the plan."""

    generation: Share = Field(description="pairs that put the subject in a new picture (fraction)")
    background: Share = Field(description="editing pairs that change the background (fraction)")
    colour: Share = Field(description="editing pairs that change the subject's colour (fraction)")
    texture: Share = Field(description="editing pairs that change the subject's texture (fraction)")
    style: Share = Field(description="editing pairs that change the picture's style (fraction)")

    @model_validator(mode="after")
    def _add_up(self) -> "Kinds":
        total = sum(self.model_dump().values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"expected shares that add up to 1, got {total:g} in all")
        return self


class Synthesis(Section):
    """The dataset of pairs."""

    shards: Annotated[int, Field(ge=1, le=100_000)] = Field(
        description="shards of the dataset (files); more shards only append samples"
    )
    samples_per_shard: Count = Field(description="candidates that a shard holds (pairs)")
    prompts: Path = Field(
        description="YAML file of contexts, colours, textures and styles that prompts are made of "
        "(path, relative to the repository)"
    )
    kinds: Kinds = Field(description="shares of the kinds of pairs, adding up to 1")
    control_scale: Annotated[float, Field(ge=0, le=2)] = Field(
        description="weight of the depth ControlNet when an initial image is drawn (1 = as trained)"
    )
    edit_strength: Share = Field(
        description="how far an editing pair's masked region is noised before it is drawn anew "
        "(fraction of the schedule)"
    )
    quality: Annotated[int, Field(ge=95, le=100)] = Field(
        description="JPEG quality of stored images (1 to 100, at least 95)"
    )


class Filter(Section):
    """Thresholds that a candidate must meet; synthesis never looks at them."""

    min_subject_similarity: Annotated[float, Field(ge=-1, le=1)] = Field(
        description="least similarity of target and subject, subject encoder inside the masks "
        "(cosine)"
    )
    min_text_alignment: Annotated[float, Field(ge=-1, le=1)] = Field(
        description="least alignment of target and prompt, filter CLIP (cosine)"
    )
    max_copy_rate: Share = Field(
        description="largest share of the subject's pixels that the target repeats in place "
        "(fraction)"
    )
    min_mask_area: Share = Field(
        description="least area of the subject's mask (fraction of the image)"
    )
    max_mask_area: Share = Field(
        description="largest area of the subject's mask (fraction of the image)"
    )
    min_mask_connectedness: Share = Field(
        description="least share of the mask in its largest connected part (fraction)"
    )

    @model_validator(mode="after")
    def _areas_are_ordered(self) -> "Filter":
        if self.min_mask_area > self.max_mask_area:
            raise ValueError("expected min_mask_area to be at most max_mask_area")
        return self


class Export(Section):
    """What leaves the project in `dataset/hub/`."""

    licences: list[Annotated[str, Field(min_length=1)]] | None = Field(
        description="licences that may be shared (identifiers, e.g. apache-2.0): a pair is "
        "exported where all of its licences are among them, and an unknown one never is; null "
        "exports everything"
    )


class ToffeeNet(Section):
    """ToffeeNet: one model for subject-driven generation and editing."""

    steps: Count = Field(description="optimizer steps of its training (steps)")
    batch: Count = Field(description="pairs in a training step (pairs)")
    learning_rate: LearningRate = Field(description="peak learning rate of AdamW (per step)")
    ema: Decay = Field(description="decay of the moving average of the weights (per step)")
    kinds: Literal["both", "editing", "generation"] = Field(
        description="pairs that it is trained on; editing and generation are the paper's -E and -G"
    )
    reconstruction: Share = Field(
        description="probability p that a training target is the input itself (fraction)"
    )
    drop_text: Share = Field(description="probability of training without the text (fraction)")
    drop_subject: Share = Field(
        description="probability of training without the subject tokens (fraction)"
    )
    drop_both: Share = Field(description="probability of training without either (fraction)")
    segmented: bool = Field(
        description="whether the subject is cut out before it is encoded; off shows the whole photo"
    )
    depth: bool = Field(description="whether the target's depth is a further condition")
    subject_scale: Annotated[float, Field(ge=0, le=10)] = Field(
        description="the paper's λ: weight of the subject tokens at inference (1 = as trained)"
    )
    sampler_steps: SamplerSteps = Field(description="denoising steps (steps)")
    guidance: Guidance = Field(description="weight of classifier-free guidance (1 = off)")

    @model_validator(mode="after")
    def _drops_leave_something(self) -> "ToffeeNet":
        total = self.drop_text + self.drop_subject + self.drop_both
        if total > 1:
            raise ValueError(
                f"expected drop_text + drop_subject + drop_both to be at most 1, got {total:g}"
            )
        return self

    @property
    def training(self) -> settings.Training:
        """How it is trained."""
        return settings.Training(self.steps, self.batch, self.learning_rate, self.ema)

    @property
    def sampling(self) -> settings.Sampling:
        """How it samples."""
        return settings.Sampling(self.sampler_steps, self.guidance)

    @property
    def conditioning(self) -> settings.Conditioning:
        """What it is trained on."""
        names = [field.name for field in fields(settings.Conditioning)]
        return settings.Conditioning(**{name: getattr(self, name) for name in names})


def _optional(field: Any) -> Any:
    """A field of another section that may be left out."""
    field = copy(field)
    field.default = None
    return field


Variant = create_model(
    "Variant",
    __base__=Section,
    __doc__="Overrides of keys of `toffeenet`; what is left out is as there.",
    **{
        name: (field.annotation, _optional(field)) for name, field in ToffeeNet.model_fields.items()
    },
)

VariantName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=60)]

BENCHMARK_METHODS = ("text_only", "initial", "dreambooth", "toffeenet", "wrong_subject")
"""What table dreambench can compare, in its order."""

METHODS = (*BENCHMARK_METHODS, "strength", "oracle", "input", "target")
"""Rows of the evaluation that are no variants: no variant may have such a name."""


class DreamBooth(Section):
    """Per-subject fine-tuning of the base model, the baseline that the paper argues against."""

    steps: Count = Field(description="optimizer steps for each subject (steps)")
    batch: Count = Field(
        description="photos of the subject in a training step; as many pictures of its class stand "
        "beside them (images)"
    )
    learning_rate: LearningRate = Field(description="peak learning rate of AdamW (per step)")
    prior_images: Count = Field(
        description="pictures of each class that the base model draws for prior preservation "
        "(images)"
    )
    prior_weight: Annotated[float, Field(ge=0, le=10)] = Field(
        description="weight of these pictures in the loss (1 = as the subject's photos)"
    )
    groups: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="jobs that the benchmark's subjects are divided among (jobs)"
    )
    tuning_steps: Annotated[list[Count], Field(min_length=1)] = Field(
        description="values of `steps` that table dreambooth compares on training subjects, rising"
    )
    tuning_subjects: Count = Field(
        description="training subjects in that table, spread over the multi-view sequences "
        "(subjects)"
    )

    @model_validator(mode="after")
    def _steps_rise(self) -> "DreamBooth":
        if sorted(set(self.tuning_steps)) != self.tuning_steps:
            raise ValueError("expected tuning_steps that rise from value to value")
        return self

    @property
    def tuning(self) -> settings.Tuning:
        """How a subject is fine-tuned."""
        return settings.Tuning(
            self.steps, self.batch, self.learning_rate, self.prior_images, self.prior_weight
        )


class Oracle(Section):
    """What real photos of the benchmark have to score against each other: the gate before any
    comparison."""

    dino: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        description="published mean for the metric DINO (cosine); null where photos or encoder are "
        "not the published ones"
    )
    clip_i: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        description="published mean for the metric CLIP (cosine); null as above"
    )
    tolerance: Annotated[float, Field(gt=0, le=1)] = Field(
        description="how far off a measured mean may be before nothing is compared (cosine)"
    )


class Evaluation(Section):
    """How much is generated and scored."""

    seed: Annotated[int, Field(ge=0)] = Field(description="seed of evaluation's draws (number)")
    refiner_subjects: Count = Field(
        description="held-out subjects in table refiner, at most the held-out sequences (subjects)"
    )
    views_subjects: Count = Field(
        description="held-out subjects in table views, at most the held-out sequences (subjects)"
    )
    base_prompts: Count = Field(description="held-out prompts in table base (prompts)")
    methods: Annotated[list[Literal[BENCHMARK_METHODS]], Field(min_length=1)] = Field(
        description="methods that table dreambench compares; text_only, toffeenet and "
        "wrong_subject are needed"
    )
    images_per_prompt: Count = Field(
        description="generation seeds: images for each subject and prompt of the benchmark, one a "
        "seed (images); DreamBench draws 4"
    )
    ablation_prompts: Count = Field(
        description="prompts of each benchmark subject that variants of ToffeeNet are drawn with, "
        "spread over its list (prompts)"
    )
    strengths: Annotated[list[Annotated[float, Field(ge=0, le=10)]], Field(min_length=6)] = Field(
        description="values of λ in table strength, rising (1 = as trained)"
    )
    strength_prompts: Count = Field(
        description="prompts of each benchmark subject in table strength, spread over its list "
        "(prompts)"
    )
    editing_subjects: Count = Field(
        description="held-out subjects that are edited in every way in tables editing and "
        "variants, all of refiner_subjects where those are fewer (subjects)"
    )
    dataset_pairs: Count = Field(
        description="accepted and as many rejected pairs that the yardsticks score (pairs)"
    )
    oracle: Oracle = Field(description="what the benchmark's real photos have to score")

    @model_validator(mode="after")
    def _parts_fit_the_whole(self) -> "Evaluation":
        missing = {"text_only", "toffeenet", "wrong_subject"} - set(self.methods)
        if missing:
            raise ValueError(f"expected methods with {', '.join(sorted(missing))}")
        if sorted(set(self.strengths)) != self.strengths:
            raise ValueError("expected strengths that rise from value to value")
        return self


class Report(Section):
    """What is told of a run."""

    scope: Literal["core", "whole"] = Field(
        description="tables and figures that ledger, crate, verdict and page wait for: those of "
        "target `all`, or every one"
    )


class Plan(Section):
    """What `toffee plan` reckons with where nothing was measured or counted; no result depends on
    it."""

    sustained_tflops: Annotated[float, Field(gt=0)] = Field(
        description="speed of the device that GPU hours are reckoned with, an assumption until "
        "`make bench` has measured it (TFLOP/s)"
    )
    frames: Count | None = Field(
        description="frames of the multi-view sequences for training, where the real source has "
        "not been imported and data.sequences is no number; none: they are counted (images)"
    )


class Budget(Section):
    """What `toffee plan` refuses to go beyond; none is no limit, and no result depends on it."""

    gpu_hours: Annotated[float, Field(ge=0)] | None = Field(
        description="most GPU hours of a run (hours)"
    )
    storage_gib: Annotated[float, Field(ge=0)] | None = Field(
        description="most room that a run may take, trainings' own data included (GiB)"
    )
    download_gib: Annotated[float, Field(ge=0)] | None = Field(
        description="most that a run may download (GiB)"
    )


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
        "segmented, editing those that set depth, variants all others"
    )
    dreambooth: DreamBooth = Field(description="the baseline: fine-tuning for each subject")
    evaluation: Evaluation = Field(description="how much is generated and scored")
    report: Report = Field(description="what is told of a run")
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

    def variant(self, name: str) -> ToffeeNet:
        """The settings of a variant: `toffeenet` with its overrides; of `toffeenet` itself.

        Raises pydantic's ValidationError where the two do not go together.
        """
        if name not in self.variants:
            return self.toffeenet
        changes = self.variants[name].model_dump(exclude_unset=True)
        return ToffeeNet.model_validate(self.toffeenet.model_dump() | changes)
