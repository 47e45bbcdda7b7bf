"""Settings that belong together, as the configuration, the rules and the functions share them.

The configuration's keys stay single values; its sections give them in these groups (for example
`CONFIG.refiner.refining`). A rule has a group as one param, and its function as one argument.
"""

from dataclasses import dataclass

CANVAS = "canvas"
"""The value of `toffeenet.reference` that is ours; the paper's is `tokens`."""


@dataclass(frozen=True)
class Drawing:
    """How pictures are drawn and stored.

    Attributes:
        resolution: side of a picture (pixels).
        batch: samples drawn at once.
        quality: JPEG quality.
    """

    resolution: int
    batch: int
    quality: int


@dataclass(frozen=True)
class Sampling:
    """How a diffusion model samples.

    Attributes:
        steps: denoising steps of a full run.
        guidance: scale of classifier-free guidance; 1 does without, at half the cost.
        control_scale: weight of the depth ControlNet, where one is used (1 = as trained).
        solver: one of `toffee.config.base.SOLVERS`.
        guidance_low, guidance_high: the part of the schedule in which guidance is on, from 0 (the
            picture) to 1 (noise). Outside of it a step costs half. Source: Kynkäänniemi et al.,
            arXiv 2404.07724.
    """

    steps: int
    guidance: float
    control_scale: float = 1.0
    solver: str = "ddim"
    guidance_low: float = 0.0
    guidance_high: float = 1.0

    def guides(self, step: int) -> bool:
        """Whether a step of a full run, counted from 0, lies where guidance is on."""
        place = 1 - (step + 0.5) / self.steps
        return self.guidance_low <= place <= self.guidance_high


@dataclass(frozen=True)
class Training:
    """How long and how fast a model is trained, and how it fits into the device's memory.

    Attributes:
        steps: optimizer steps.
        batch: samples per step.
        learning_rate: peak learning rate.
        ema: decay per step of the averaged weights; 0 keeps the last weights.
        The rest as in config section `training`, which says it of all trainings: its values replace
            these defaults in every rule (see `toffee.config.sections.training.Training.applied`).
    """

    steps: int
    batch: int
    learning_rate: float
    ema: float
    micro_batch: int | None = None
    checkpointing: bool = False
    fused: bool = False
    average_on_cpu: bool = False
    times: str = "logit_normal"
    min_snr_gamma: float | None = None
    store: str = "all"
    optimizer: str = "adamw"


@dataclass(frozen=True)
class Matching:
    """How tokens of the initial image are replaced by tokens of the subject (see
    `toffee.method.matching.match_tokens`).

    Attributes:
        rule: one of `toffee.config.sections.refiner.MATCHING_RULES`.
        threshold: least cosine similarity of a replacement; a text is a quantile, which
            `toffee.synthesis.thresholds` looks up.
        position_weight: cosine lost by a match from corner to corner of the silhouette.
    """

    rule: str
    threshold: float | str
    position_weight: float = 0.0


@dataclass(frozen=True)
class Refining:
    """How the Refiner redraws an initial image.

    Attributes:
        matching: which tokens are replaced.
        strength: share of the noise schedule that the initial image goes through.
        keep_background: hold what the matching rule may not touch (see
            `toffee.method.matching.may_change`).
        sampling: how it samples.
    """

    matching: Matching
    strength: float
    keep_background: bool
    sampling: Sampling


@dataclass(frozen=True)
class Conditioning:
    """What ToffeeNet is trained on, and with which conditions.

    Attributes:
        kinds: both, editing or generation: the pairs.
        reconstruction: probability p that the target is the input itself.
        own_photo: probability that a sample of generation that reconstructs nothing shows the
            subject's own photo in place of its view.
        drop_text, drop_subject, drop_both: probabilities of training without these conditions.
        segmented: whether the subject is cut out before it is encoded.
        depth: whether the target's depth is a further condition.
        reference: tokens or canvas (see `toffee.method.canvas`).
        changes: share of the samples of a model of both kinds that draw the target of an edit of
            colour, texture or style whole, as generation does.
        equal_samples: whether a model of one kind takes no more samples of it than one of both.
    """

    kinds: str
    reconstruction: float
    drop_text: float
    drop_subject: float
    drop_both: float
    segmented: bool
    depth: bool
    reference: str = "tokens"
    own_photo: float = 0.0
    changes: float = 0.0
    equal_samples: bool = False

    def steps(self, steps: int, generation: float) -> int:
        """The steps of a training, where those of a model of both kinds are `steps`.

        generation: share of the accepted pairs that are of generation.
        """
        if self.kinds == "both" or not self.equal_samples:
            return steps
        drawn = (1 - self.changes) * generation + self.changes
        return max(1, round(steps * (drawn if self.kinds == "generation" else 1 - drawn)))


@dataclass(frozen=True)
class Subset:
    """Which of the accepted pairs ToffeeNet is trained on. A smaller part is always within a larger
    one.

    Attributes:
        pairs: share of the pairs of the index.
        subjects: share of the subjects that they may show; they come from these alone.
    """

    pairs: float = 1.0
    subjects: float = 1.0


@dataclass(frozen=True)
class Tuning:
    """How DreamBooth is fine-tuned for a subject, and what it then draws with.

    Attributes:
        steps: optimizer steps.
        batch: photos in a step; each step has as many pictures of the class.
        learning_rate: peak learning rate of AdamW.
        constant_rate: whether every step has that rate, without rise and fall.
        prior_images: pictures of each class that the base model draws.
        prior_weight: weight of these in the loss.
        guidance: weight of classifier-free guidance of the tuned model's pictures.
        The rest as in config section `training`, which says it of all trainings: its values replace
            these defaults in every rule (see `toffee.config.sections.training.Training.applied`).
    """

    steps: int
    batch: int
    learning_rate: float
    constant_rate: bool
    prior_images: int
    prior_weight: float
    guidance: float
    checkpointing: bool = False
    fused: bool = False
    times: str = "logit_normal"
    min_snr_gamma: float | None = None
