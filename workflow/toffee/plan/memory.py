"""GPU memory that a job of each rule needs at most, in bytes.

A job that draws or measures has the weights of its models, and on top of them the most that one of
its calls holds. A training has the frozen models that encode its data, and of what is trained the
weights, gradients, the optimizer's moments and the averaged weights, and on top of them a pass
forward and back of one micro-batch. What calls hold is counted (see `toffee.plan.peak`). Not in it:
CUDA's own memory, the room inside of kernels, and what fragmentation wastes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from toffee.config import Config
from toffee.config.drawing import sampling_of
from toffee.config.settings import CANVAS, Training
from toffee.launch.dag import Job
from toffee.method.guidance import forwards
from toffee.plan.architectures import Architectures, parameters
from toffee.plan.costs import MOMENTS, Costs, times
from toffee.plan.work import BASE_METHODS, net_of, twice

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
WEIGHT = BYTES["float32"]
ENCODED = 64
"""Pictures that an encoder sees at once."""
BOXED = 4
"""Pictures that a segmenter which is prompted with boxes, or its detector, sees at once."""


class Peaks(Costs):
    """The most bytes that a call of each network holds, by the names of `Costs`."""

    mixed = False

    @cached_property
    def controlled(self) -> int:
        """The base UNet over a depth map, with the ControlNet, whose residuals it is handed."""
        control, unet, picture = self._control, self._base, self._depth_map
        given = self._latents, times(self.rows), self._text_states(unet)

        def run() -> None:
            down, middle = control(*given, picture, return_dict=False)
            unet(
                *given,
                down_block_additional_residuals=down,
                mid_block_additional_residual=middle,
            )

        return self.count(run)

    def count(self, run: Any, back: bool = False) -> int:
        """What is counted of a call: see `toffee.plan.peak`."""
        from toffee.plan.peak import peak_bytes

        fused = self.config.compute.attention == "sdpa"
        return peak_bytes(run, back, self.mixed and back, fused)

    def of(self, name: str, rows: int, *arguments: Any) -> int:
        """What a call of `rows` samples holds: of a property, or of a method with arguments."""
        self.rows, self._net_costs = rows, {}
        self.__dict__.pop(name, None)  # the value for other rows
        found = getattr(self, name)
        return int(found(*arguments) if arguments else found)


@dataclass(frozen=True)
class Network:
    """A network as a job uses it.

    Attributes:
        name: of its costs (see `Costs`).
        weights: how many it has.
        rows: samples of a call.
        arguments: of the costs, where they are a method.
        exact: whether it computes in float32 whatever the configuration says.
    """

    name: str
    weights: int
    rows: int
    arguments: tuple[Any, ...] = ()
    exact: bool = False


class Memory:
    """Bytes of GPU memory of one job by the name of its rule; `needed` finds the method."""

    def __init__(self, config: Config, models: Architectures) -> None:
        self.config, self.models = config, models
        self.peaks = Peaks(models, config)
        self.peaks.mixed = config.compute.dtype == "bfloat16"
        self.batch = config.sampler.batch
        self._known: dict[tuple[Any, ...], int] = {}

    def needed(self, job: Job) -> int:
        """Bytes of a job; 0 where its rule uses no device."""
        method = getattr(self, job.rule, None)
        return round(method(job.wildcards)) if method else 0

    # Networks, as they are loaded

    def _of(self, name: str, role: str, rows: int, part: str = "", **more: Any) -> Network:
        return Network(name, parameters(self.models.build(role, part)), rows, **more)

    def base(self, control: bool = False, guidance: float | None = None) -> list[Network]:
        """The base model, with the depth ControlNet; both halves of guidance are one call.

        guidance: by default that of what draws the dataset.
        """
        if guidance is None:
            guidance = sampling_of(self.models.sources, self.config.sampler.sampling).guidance
        unet = self._of("unet", "text_to_image", twice(guidance) * self.batch, "unet")
        others = [*self.autoencoder(), self.text()]
        if not control:
            return [unet, *others]
        weights = unet.weights + parameters(self.models.build("controlnet_depth"))
        return [replace(unet, name="controlled", weights=weights), *others, *self.encoders("depth")]

    def autoencoder(self) -> list[Network]:
        """The autoencoder, encoding and decoding."""
        from toffee.models.diffusion import pictures_at_once

        rows = pictures_at_once([self.config.data.resolution] * 2)
        encode = self._of("encode", "text_to_image", rows, "vae")
        return [encode, Network("decode", 0, rows)]

    def text(self) -> Network:
        """The text encoder of the base model."""
        return self._of("text", "text_to_image", ENCODED, "text_encoder")

    def encoders(self, *roles: str) -> list[Network]:
        """Encoders of pictures by role."""
        names = {"subject_encoder": "subject", "clip": "judge"}
        rows = min(ENCODED, self.batch)
        return [self._of(names.get(role, role), role, rows) for role in roles]

    def segmenter(self) -> list[Network]:
        """The segmenter, and its detector where it has one."""
        if "detector" not in self.models.sources:
            return [self._of("segmenter", "segmenter", min(ENCODED, self.batch))]
        boxed = self._of("segmenter", "segmenter", BOXED, exact=True)
        return [boxed, self._of("detector_backbone", "detector", BOXED)]

    def generator(self, name: str, guidance: float) -> list[Network]:
        """The Refiner (`refiner`) or the View Generator (`views`) with its autoencoder."""
        weights = parameters(getattr(self.peaks, f"{name}_unet"))
        return [Network(name, weights, twice(guidance) * self.batch), *self.autoencoder()]

    def net(self, name: str) -> list[Network]:
        """ToffeeNet or a variant of it, with the parts of the base model around it."""
        settings = self.config.variant(name)
        weights = parameters(self.peaks.net_unet(settings.depth))
        drawing = forwards(settings.guidance, settings.subject_guidance)
        editing = forwards(settings.edit_guidance, settings.edit_subject_guidance)
        rows = self.batch * max(len(drawing), len(editing))
        net = Network("net", weights, rows, (settings.depth, settings.reference == CANVAS))
        return [net, *self.autoencoder(), self.text(), *self.encoders("subject_encoder")]

    # What they hold

    def call(self, network: Network) -> int:
        """Bytes that a call holds."""
        key = network.name, network.rows, network.arguments
        if key not in self._known:
            self._known[key] = self.peaks.of(network.name, network.rows, *network.arguments)
        return self._known[key] * self.width(network) // WEIGHT

    def width(self, network: Network) -> int:
        """Bytes of a number of a network."""
        return WEIGHT if network.exact else BYTES[self.config.compute.dtype]

    def frozen(self, networks: list[Network]) -> int:
        """Bytes of the weights of frozen networks."""
        return sum(self.width(network) * network.weights for network in networks)

    def drawing(self, networks: list[Network]) -> int:
        """Bytes of a job that draws with frozen networks, or measures."""
        return self.frozen(networks) + max(self.call(network) for network in networks)

    def trained(self, weights: int, step: Network, copies: int, rows: int, update: int) -> int:
        """Bytes of what is trained.

        Args:
            weights: how many.
            step: the training of one micro-batch.
            copies: of the weights on the device, with gradients and the optimizer's moments.
            rows: samples of a micro-batch.
            update: bytes that the optimizer takes besides, in a step of its own.
        """
        key = step.name, rows, step.arguments
        if key not in self._known:
            self._known[key] = self.peaks.of(step.name, rows, *step.arguments)
        return copies * WEIGHT * weights + max(self._known[key], update)

    def _adamw(self, weights: int) -> int:
        """Bytes that a step of AdamW takes: unless it is one kernel, the root of all second moments
        at once."""
        return 0 if self.config.training.fused else WEIGHT * weights

    def training(
        self, weights: int, step: Network, training: Training, encoding: list[Network]
    ) -> int:
        """Bytes of a training: first its data is encoded, then the model is trained."""
        training = self.config.training.applied(training)
        muon = training.optimizer == "muon"
        averaged = training.ema > 0 and not training.average_on_cpu
        copies = 2 + MOMENTS[training.optimizer] + averaged
        update = 0 if muon else self._adamw(weights)  # Muon takes one matrix after the other
        rows = min(training.micro_batch or training.batch, training.batch)
        trained = self.trained(weights, step, copies, rows, update)
        calls = [self.call(one) for one in encoding]
        if training.store != "all":  # what is not kept is encoded while a step is computed
            seen = [replace(one, rows=rows) for one in encoding if one.name in ("subject", "depth")]
            trained += max(self.call(one) for one in seen)
        return self.frozen(encoding) + max(trained, *calls)

    # Rules

    def pretrain_refiner(self, wildcards: Mapping[str, str]) -> float:
        weights = parameters(self.peaks.refiner_unet)
        encoding = [*self.autoencoder(), self._of("subject", "subject_encoder", ENCODED)]
        step = Network("refiner_step", weights, 0)
        return self.training(weights, step, self.config.refiner.training, encoding)

    def pretrain_view_generator(self, wildcards: Mapping[str, str]) -> float:
        settings, weights = self.config.view_generator, parameters(self.peaks.views_unet)
        encoding = [*self.autoencoder(), self._of("subject", "subject_encoder", ENCODED)]
        encoding += [self._of("depth", "depth", ENCODED)] if settings.depth else []
        return self.training(
            weights, Network("views_step", weights, 0), settings.training, encoding
        )

    def encode_pairs(self, wildcards: Mapping[str, str]) -> float:
        return self.drawing(self.autoencoder())

    def encode_more(self, wildcards: Mapping[str, str]) -> float:
        return self.encode_pairs(wildcards)

    def train_toffeenet(self, wildcards: Mapping[str, str]) -> float:
        settings = self.config.variant(net_of(wildcards))
        weights = parameters(self.peaks.net_unet(settings.depth))
        encoding = [*self.autoencoder(), self.text()]
        encoding += [self._of("subject", "subject_encoder", ENCODED)]
        encoding += [self._of("depth", "depth", ENCODED)] if settings.depth else []
        step = Network("net", weights, 0, (settings.depth, settings.reference == CANVAS, True))
        return self.training(weights, step, settings.training, encoding)

    def generate_dreambooth(self, wildcards: Mapping[str, str]) -> float:
        tuning = self.config.training.applied(self.config.dreambooth.tuning)
        most = max(self.config.sampler.guidance, self.config.dreambooth.guidance)
        unet, *rest = self.base(guidance=most)
        rows = 2 * tuning.batch
        step = Network("unet_step", unet.weights, rows)
        tuned = self.trained(unet.weights, step, 4, rows, self._adamw(unet.weights))
        drawn = WEIGHT * unet.weights + max(self.call(one) for one in [unet, *rest])
        # All of it holds float32, and computes in half precision where that is configured.
        return WEIGHT * sum(one.weights for one in rest) + max(tuned, drawn)

    def tune_dreambooth(self, wildcards: Mapping[str, str]) -> float:
        return self.generate_dreambooth(wildcards) + self.frozen(self.metrics())

    def draw_subjects(self, wildcards: Mapping[str, str]) -> float:
        return self.drawing([*self.base(), *self.segmenter()])

    def draw_initial(self, wildcards: Mapping[str, str]) -> float:
        return self.drawing(self.base(control=True))

    generate_base = draw_initial

    def refine_shard(self, wildcards: Mapping[str, str]) -> float:
        drawn = self.generator("refiner", self.config.refiner.guidance)
        return self.drawing([*drawn, *self.encoders("subject_encoder"), *self.segmenter()])

    def draw_views(self, wildcards: Mapping[str, str]) -> float:
        drawn = self.generator("views", self.config.view_generator.guidance)
        return self.drawing([*drawn, *self.encoders("subject_encoder", "depth")])

    generate_views = draw_views

    def make_edits(self, wildcards: Mapping[str, str]) -> float:
        return self.drawing([*self.base(control=True), *self.segmenter()])

    make_editing_pairs = make_edits

    def generate_refiner(self, wildcards: Mapping[str, str]) -> float:
        refiner, *_ = self.generator("refiner", self.config.refiner.guidance)
        others = [*self.encoders("subject_encoder"), *self.segmenter()]
        return self.drawing([*self.base(control=True), refiner, *others])

    def generate_benchmark(self, wildcards: Mapping[str, str]) -> float:
        method = wildcards["method"]
        if method in BASE_METHODS:
            return self.drawing(self.base(method == "initial", self.config.sampler.guidance))
        return self.drawing(self.net(method))

    def generate_edits(self, wildcards: Mapping[str, str]) -> float:
        return self.drawing(self.net(wildcards["method"]))

    def score_shard(self, wildcards: Mapping[str, str]) -> float:
        return self.drawing([*self.encoders("subject_encoder", "clip"), *self.segmenter()])

    filter_dreambooth = score_shard

    def synthesize_shard(self, wildcards: Mapping[str, str]) -> float:
        """All models of the stages stay; each has an autoencoder of its own."""
        refiner = self.generator("refiner", self.config.refiner.guidance)
        views = self.generator("views", self.config.view_generator.guidance)
        judges = self.encoders("subject_encoder", "clip")
        return self.drawing(
            [*self.base(control=True), *refiner, *views, *judges, *self.segmenter()]
        )

    def calibrate(self, wildcards: Mapping[str, str]) -> float:
        return self.drawing(self.encoders("subject_encoder", "clip"))

    def metrics(self) -> list[Network]:
        """The metric encoders, in float32."""
        exact = [("metric_dino", "dino"), ("metric_clip", "clip_i")]
        return [self._of(name, role, ENCODED, exact=True) for role, name in exact]

    def measuring(self, wildcards: Mapping[str, str]) -> float:
        """A job that measures: each network computes in float32."""
        exact = [replace(network, exact=True) for network in self.segmenter()]
        return self.drawing([*self.metrics(), *exact])

    score_base = score_refiner = score_views = score_dataset = score_leakage = measuring
    score_oracle = score_dreambench = score_diversity = score_edits = measuring
