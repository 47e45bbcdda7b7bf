"""What the jobs of each rule compute on the device, in FLOPs, from the run's own numbers.

A rule without a method here computes nothing on a device.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Any, cast

from toffee.config import Config
from toffee.config.drawing import sampling_of
from toffee.config.sections.evaluation import TUNED_METHODS
from toffee.config.sections.toffeenet import ToffeeNet
from toffee.config.settings import CANVAS, Sampling, Training
from toffee.config.variants import BASE, row_of, tuning_steps
from toffee.launch.dag import Job
from toffee.method.guidance import forwards
from toffee.plan.costs import Costs
from toffee.plan.sizes import BENCHMARK_PROMPTS, Sizes

REFINER_METHODS = 6  # of table refiner, besides the initial image
EDIT_KINDS = 4
TUNING_PROMPTS, TUNING_PHOTOS = 8, 5  # of toffee.evaluation.tune_dreambooth
BASE_METHODS = ("text_only", "initial")


TRAININGS = ("pretrain_refiner", "pretrain_view_generator", "train_toffeenet")


class Work:
    """FLOPs of one job by the name of its rule; `flops` finds the method."""

    def __init__(self, config: Config, costs: Costs, sizes: Sizes) -> None:
        self.config, self.costs, self.sizes = config, costs, sizes
        self.drawer = sampling_of(costs.models.sources, config.sampler.sampling)

    def flops(self, job: Job) -> int:
        """FLOPs of a job; 0 where its rule uses no device."""
        method = getattr(self, job.rule, None)
        return round(method(job.wildcards)) if method else 0

    def by_precision(self, job: Job) -> dict[str, int]:
        """FLOPs of a job by what they are computed in: all of float32 in what measures; else in the
        configuration's precision, but for what stays float32."""
        whole = self.flops(job)
        if job.rule.startswith("score_") and job.rule != "score_shard":
            return {"float32": whole}
        compute = self.config.compute
        float32 = "tf32" if compute.tf32 else "float32"
        if compute.dtype == "float32" or (compute.dtype == "float16" and job.rule in TRAININGS):
            return {float32: whole}
        exact = Work(self.config, cast(Costs, _Exact(self.costs)), self.sizes).flops(job)
        return {compute.dtype: whole - exact, float32: exact}

    # Pictures. Guidance runs a network twice a step (ToffeeNet's up to three times).

    def base_draw(
        self, control: bool, strength: float = 1.0, sampling: Sampling | None = None
    ) -> float:
        """A picture of the base model (see `TextToImage.draw`), by default as the dataset's are."""
        costs, sampling = self.costs, sampling or self.drawer
        step = costs.unet + (costs.control if control else 0)
        # Both halves of guidance have the map embedded.
        once = twice(sampling.guidance) * costs.embed_depth if control else 0
        return costs.text + once + forwards_of(sampling, strength) * step + costs.decode

    def refiner_draw(self) -> float:
        """A picture of the Refiner over an initial one (see `Refiner.draw`)."""
        costs, settings = self.costs, self.config.refiner
        drawn = forwards_of(settings.sampling, settings.strength) * costs.refiner
        return costs.encode + drawn + costs.decode

    def view_draw(self) -> float:
        """A picture of the View Generator (see `ViewGenerator.draw`)."""
        costs, settings = self.costs, self.config.view_generator
        shown = costs.encode if settings.reference == CANVAS else 0
        return shown + forwards_of(settings.sampling) * costs.views + costs.decode

    def net_draw(self, name: str, editing: bool = False) -> float:
        """A picture of ToffeeNet or a variant of it, or an edit (see `ToffeeNet.draw`)."""
        costs, settings = self.costs, self.config.variant(name)
        each = len(forwards(settings.guidance, settings.subject_guidance))
        if editing:
            each = len(forwards(settings.edit_guidance, settings.edit_subject_guidance))
        step = costs.net(settings.depth, settings.reference == CANVAS)
        return costs.text + forwards_of(settings.sampling, 1.0, each) * step + costs.decode

    def edit_draw(self, background: float) -> float:
        """An edit by the base model, mean over kinds (see `edit_pictures`).

        background: share of edits that draw a background, which starts from nothing.
        """
        costs, strength = self.costs, self.config.synthesis.edit_strength
        drawn = background * self.base_draw(True) + (1 - background) * self.base_draw(
            True, strength
        )
        return costs.segment + costs.depth + costs.encode + drawn

    # Training

    def pretrain_refiner(self, wildcards: Mapping[str, str]) -> float:
        settings, costs = self.config.refiner, self.costs
        count, seen = self.sizes.frames, costs.subject
        encoded = self.encoded(count, costs.encode, seen, settings.training)
        step = settings.batch * costs.refiner_step + costs.update(
            costs.refiner_unet, settings.optimizer
        )
        return encoded + settings.steps * step

    def pretrain_view_generator(self, wildcards: Mapping[str, str]) -> float:
        settings, costs = self.config.view_generator, self.costs
        seen = costs.subject + (costs.depth if settings.depth else 0)
        encoded = self.encoded(self.sizes.frames, costs.encode, seen, settings.training)
        step = settings.batch * costs.views_step + costs.update(
            costs.views_unet, settings.optimizer
        )
        return encoded + settings.steps * step

    def train_toffeenet(self, wildcards: Mapping[str, str]) -> float:
        settings, costs = self.config.variant(net_of(wildcards)), self.costs
        canvas = settings.reference == CANVAS
        seen = costs.subject + (costs.encode if canvas else 0)
        if settings.own_photo and self.config.training.store == "all":
            seen *= 2  # the subject's photo beside its view
        seen += costs.depth if settings.depth else 0
        kinds = self.config.synthesis.kinds
        steps = settings.conditioning.steps(settings.steps, kinds.generation)
        training = replace(settings.training, steps=steps)
        encoded = self.encoded(self.pairs(settings), 0, seen, training)
        sample = costs.net(settings.depth, canvas, back=True) + 2 * costs.text
        update = costs.update(costs.net_unet(settings.depth), settings.optimizer)
        return encoded + steps * (settings.batch * sample + update)

    def encode_pairs(self, wildcards: Mapping[str, str]) -> float:
        every, editing = self.candidates
        return (2 * every + editing) * self.costs.encode

    def encode_more(self, wildcards: Mapping[str, str]) -> float:
        return int(wildcards["times"]) * self.encode_pairs(wildcards)

    def encoded(self, count: int, latents: float, seen: float, training: Training) -> float:
        """What a training's data takes: all of it once; or the latents once, and the rest, which is
        then not kept, in every step."""
        whole = self.config.training.store == "all"
        others = count if whole else training.steps * training.batch
        return count * latents + others * seen

    @property
    def candidates(self) -> tuple[int, int]:
        """Candidate pairs of the dataset, and those of them that are edits."""
        shards = self.config.synthesis.shards
        return self.sizes.samples * shards, self.sizes.editing * shards

    def pairs(self, net: ToffeeNet) -> int:
        """Pairs that it is trained on if the filter takes every candidate: the most."""
        whole, editing = self.candidates
        most = {"both": whole, "editing": editing, "generation": whole - editing}[net.kinds]
        return ceil(most * net.pairs)

    # Subjects and shards

    def draw_subjects(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.subjects * (self.base_draw(False) + self.costs.segment)

    def draw_initial(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.samples * (self.costs.depth + self.base_draw(True))

    def refine_shard(self, wildcards: Mapping[str, str]) -> float:
        own = 0 if self.sizes.masks_given else self.costs.segment
        each = own + self.costs.segment + 2 * self.costs.subject + self.refiner_draw()
        return self.sizes.samples * each

    def draw_views(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.samples * (self.costs.subject + self.costs.depth + self.view_draw())

    def synthesize_shard(self, wildcards: Mapping[str, str]) -> float:
        stages = self.draw_initial, self.refine_shard, self.draw_views, self.make_edits
        return sum(stage(wildcards) for stage in (*stages, self.score_shard))

    def make_edits(self, wildcards: Mapping[str, str]) -> float:
        kinds = self.config.synthesis.kinds
        editing = 1 - kinds.generation
        return self.sizes.editing * self.edit_draw(kinds.background / editing if editing else 0)

    def score_shard(self, wildcards: Mapping[str, str]) -> float:
        costs = self.costs
        # The other texts of edits return, and are not counted.
        segmented = 2 if self.sizes.masks_given else 3
        seen = segmented * costs.segment + 3 * costs.subject + 2 * costs.judge + costs.judge_text
        return self.sizes.samples * seen

    def calibrate(self, wildcards: Mapping[str, str]) -> float:
        photos = 2 * self.config.evaluation.refiner_subjects
        return photos * (2 * self.costs.subject + self.costs.judge)

    # Evaluation

    def generate_base(self, wildcards: Mapping[str, str]) -> float:
        each = self.base_draw(False) + self.base_draw(True) + self.costs.depth
        return self.config.evaluation.base_prompts * each

    def generate_refiner(self, wildcards: Mapping[str, str]) -> float:
        costs = self.costs
        each = self.base_draw(True) + costs.depth + costs.segment + 3 * costs.subject
        drawn = REFINER_METHODS * self.refiner_draw()
        return self.config.evaluation.refiner_subjects * (each + drawn)

    def generate_views(self, wildcards: Mapping[str, str]) -> float:
        each = self.costs.subject + self.costs.depth + self.view_draw()
        return self.config.evaluation.views_subjects * each

    def generate_benchmark(self, wildcards: Mapping[str, str]) -> float:
        method = wildcards["method"]
        if method in BASE_METHODS:
            drawn = self.base_draw(method == "initial", 1.0, self.config.sampler.sampling)
        else:
            drawn = self.net_draw(method)
        return self.benchmark_images(method) * drawn

    def benchmark_images(self, method: str) -> int:
        """Pictures of a method with one generation seed."""
        settings = self.config.evaluation
        prompts, scales = BENCHMARK_PROMPTS, 1.0
        if row_of(method) in self.config.variants:
            prompts = min(prompts, settings.ablation_prompts)
        if method == "strength":
            prompts = min(prompts, settings.strength_prompts)
            scales = len(settings.strengths)
        if row_of(method) in TUNED_METHODS:  # a file has a group of subjects, and all seeds
            scales = settings.images_per_prompt / self.config.dreambooth.groups
        return round(self.sizes.benchmark * prompts * scales)

    def generate_dreambooth(self, wildcards: Mapping[str, str]) -> float:
        subjects = self.sizes.benchmark / self.config.dreambooth.groups
        drawn = self.benchmark_images("dreambooth") * self.tuned_draw()
        steps = tuning_steps(wildcards["tuned"]) or self.config.dreambooth.steps
        return drawn + subjects * (self.prior() + self.tuned(steps))

    def prior(self) -> float:
        """The pictures of a class that a fine-tuning keeps to."""
        return self.config.dreambooth.prior_images * (self.text_draw() + self.costs.encode)

    def text_draw(self) -> float:
        """A picture of the benchmark by the base model."""
        return self.base_draw(False, 1.0, self.config.sampler.sampling)

    def tuned_draw(self) -> float:
        """The same by a tuned model."""
        sampling = replace(self.config.sampler.sampling, guidance=self.config.dreambooth.guidance)
        return self.base_draw(False, 1.0, sampling)

    def tuned(self, steps: int) -> float:
        """A fine-tuning: photos of the subject, and as many pictures of its class."""
        return steps * 2 * self.config.dreambooth.batch * self.costs.unet_step

    def tune_dreambooth(self, wildcards: Mapping[str, str]) -> float:
        settings = self.config.dreambooth
        tuned = len(settings.tuning_steps)
        drawn = self.text_draw() + tuned * self.tuned_draw()
        seen = TUNING_PROMPTS * (self.costs.metrics + self.judged())
        seen += TUNING_PHOTOS * self.costs.metrics
        each = self.prior() + TUNING_PROMPTS * drawn + (tuned + 1) * seen
        return settings.tuning_subjects * (each + self.tuned(sum(settings.tuning_steps)))

    def make_editing_pairs(self, wildcards: Mapping[str, str]) -> float:
        return self.edited() * EDIT_KINDS * self.edit_draw(1 / EDIT_KINDS)

    def edited(self) -> int:
        """Held-out subjects that are edited."""
        settings = self.config.evaluation
        return min(settings.editing_subjects, settings.refiner_subjects)

    def generate_edits(self, wildcards: Mapping[str, str]) -> float:
        each = (
            self.net_draw(wildcards["method"], editing=True)
            + self.costs.encode
            + self.costs.subject
        )
        return self.edit_images(wildcards["method"]) * each

    def edit_images(self, method: str) -> int:
        """Pictures of an editing method: four edits and a layout of each subject, by seed."""
        seeds = self.config.evaluation.images_per_prompt
        seeds = 1 if method in ("input", "target") else seeds
        return self.edited() * (EDIT_KINDS + 1) * seeds

    def score_base(self, wildcards: Mapping[str, str]) -> float:
        return 3 * self.config.evaluation.base_prompts * self.costs.metrics

    def score_refiner(self, wildcards: Mapping[str, str]) -> float:
        images = (REFINER_METHODS + 2) * self.config.evaluation.refiner_subjects
        return images * self.costs.metrics

    def score_views(self, wildcards: Mapping[str, str]) -> float:
        return 3 * self.config.evaluation.views_subjects * self.costs.metrics

    def score_dataset(self, wildcards: Mapping[str, str]) -> float:
        return 4 * self.config.evaluation.dataset_pairs * self.costs.metrics

    def score_leakage(self, wildcards: Mapping[str, str]) -> float:
        sizes = self.sizes
        seen = sizes.subjects + sizes.sequences + sizes.heldout + sizes.photos
        return seen * self.costs.metrics

    def score_oracle(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.photos * self.costs.metrics

    def score_dreambench(self, wildcards: Mapping[str, str]) -> float:
        return self.benchmark_images(wildcards["method"]) * self.costs.metrics

    def score_diversity(self, wildcards: Mapping[str, str]) -> float:
        tuned = row_of(wildcards["method"]) in TUNED_METHODS
        files = self.config.dreambooth.groups if tuned else self.config.evaluation.images_per_prompt
        return files * self.score_dreambench(wildcards)

    def score_edits(self, wildcards: Mapping[str, str]) -> float:
        return 2 * self.edit_images(wildcards["method"]) * self.costs.metrics

    def filter_dreambooth(self, wildcards: Mapping[str, str]) -> float:
        groups = self.config.dreambooth.groups
        return groups * self.benchmark_images("dreambooth") * self.judged()

    def judged(self) -> float:
        """A picture of a fine-tuning, as the dataset's filter scores it."""
        costs = self.costs
        return 2 * costs.segment + 3 * costs.subject + 2 * costs.judge + costs.judge_text


def share_of(steps: int, strength: float) -> int:
    """Steps that are run of a schedule (see `toffee.models.diffusion.sample`)."""
    return steps if strength >= 1 else max(1, round(strength * steps))


def forwards_of(sampling: Sampling, strength: float = 1.0, guided: int = 2) -> int:
    """Forwards of a picture: one in a step without guidance.

    guided: in a step with it.
    """
    first = sampling.steps - share_of(sampling.steps, strength)
    each = 1 if sampling.guidance == 1 and guided == 2 else guided
    return sum(each if sampling.guides(step) else 1 for step in range(first, sampling.steps))


def twice(guidance: float) -> int:
    """How often a network runs in a step: twice with guidance."""
    return 1 if guidance == 1 else 2


def net_of(wildcards: Mapping[str, str]) -> str:
    """The model that a training makes: toffeenet or the name of a variant."""
    return wildcards.get("net", BASE).rpartition("/")[2]


class _Exact:
    """Costs with all left out but what stays float32 in half precision."""

    def __init__(self, costs: Costs) -> None:
        self.segment, self.models = costs.segment_exact, costs.models

    def __getattr__(self, name: str) -> Any:
        return (lambda *given, **named: 0) if callable(getattr(Costs, name, None)) else 0
