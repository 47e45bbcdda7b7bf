"""Bytes that the jobs of each rule leave on disk, and those that they need while they run.

Stated formulas, from counts and sizes of the run. Logs, records, tables, figures and the page are
not counted: megabytes.
"""

from collections.abc import Mapping
from typing import Any

from toffee.config.settings import CANVAS
from toffee.launch.dag import Job
from toffee.plan.architectures import parameters
from toffee.plan.costs import MOMENTS, Costs
from toffee.plan.work import REFINER_METHODS, Work, net_of

ROW = 600
"""Bytes of a row of a shard besides its pictures: texts, scores, and a SHA-256 of each picture."""

PLAN_ROW, INDEX_ROW = 80, 60
"""Bytes of a row of a plan and of the index, compressed Parquet."""

WEIGHT = 4
"""Bytes of a weight: float32, as models are trained and saved."""

STAGES = ("draw_initial", "refine_shard", "draw_views", "make_edits")
"""Rules of the stages of a shard, whose files are removed once they are read, unless config
`synthesis.keep_stages`."""

ONE_JOB = "synthesize_shard"
"""The rule that makes the files of all stages, and scores the shard."""

HALF = 2
"""Bytes of a value of an encoded data set (see `toffee.training.encoded`)."""


def jpeg(side: int) -> float:
    """Bytes of a square JPEG of quality 95 without chroma subsampling.

    Measured on 24 photos of DreamBench: 3,897 at 64 pixels a side, 11,064 at 128, 33,598 at 256,
    which this curve meets within 7 %. Renders of the procedural world at 64: 3,734.
    """
    return 33_600 * (side / 256) ** 1.6


def png(side: int) -> float:
    """Bytes of a square PNG: 7,788, 27,910 and 98,660 on the same photos, met within 1 %."""
    return 98_700 * (side / 256) ** 1.83


def mask(side: int) -> float:
    """Bytes of a 1-bit PNG mask: its outline grows with the side; 217 at 64 in the world."""
    return 4.0 * side


class Storage:
    """Bytes of one job by the name of its rule: those that stay (`kept`), those that are removed
    once its shard is scored (`temporary`), and those `while_running`."""

    def __init__(self, work: Work) -> None:
        self.work, self.config, self.sizes = work, work.config, work.sizes
        self.costs: Costs = work.costs
        side = self.config.data.resolution
        self.jpeg, self.png, self.mask = jpeg(side), png(side), mask(side)

    def kept(self, job: Job) -> int:
        """Bytes of a job that stay."""
        method = getattr(self, job.rule, None)
        whole = round(method(job.wildcards)) if method else 0
        return whole if self.config.synthesis.keep_stages else whole - self._stage_files(job)

    def temporary(self, job: Job) -> int:
        """Bytes of a job that are removed once its shard is scored."""
        files = 0 if self.config.synthesis.keep_stages else self._stage_files(job)
        # One job for all stages keeps their journals, which are as large, until then.
        return files + (self._stage_files(job) if job.rule == ONE_JOB else 0)

    def _stage_files(self, job: Job) -> int:
        """Bytes of the stages' files that a job makes."""
        rules = STAGES if job.rule == ONE_JOB else [job.rule] if job.rule in STAGES else []
        return round(sum(getattr(self, rule)(job.wildcards) for rule in rules))

    def while_running(self, job: Job) -> int:
        """Bytes that a job needs besides until it ends: a training's data and checkpoint."""
        method = getattr(self, f"{job.rule}_encoded", None)
        return round(method(job.wildcards)) if method else 0

    def _checkpoint(self, network: Any, optimizer: str) -> int:
        """Bytes of a training's checkpoint: weights, their averages and the optimizer's moments."""
        return (2 + MOMENTS[optimizer]) * WEIGHT * parameters(network)

    def download_model(self, wildcards: Mapping[str, str]) -> float:
        return WEIGHT * self.costs.models.parameters(wildcards["role"])

    def pretrain_refiner(self, wildcards: Mapping[str, str]) -> float:
        return WEIGHT * parameters(self.costs.refiner_unet)

    def pretrain_refiner_encoded(self, wildcards: Mapping[str, str]) -> float:
        checkpoint = self._checkpoint(self.costs.refiner_unet, self.config.refiner.optimizer)
        return checkpoint + self.sizes.frames * self.encoded(self.tokens)

    def pretrain_view_generator(self, wildcards: Mapping[str, str]) -> float:
        return WEIGHT * parameters(self.costs.views_unet)

    def pretrain_view_generator_encoded(self, wildcards: Mapping[str, str]) -> float:
        settings = self.config.view_generator
        depth = self.depth if settings.depth else 0
        checkpoint = self._checkpoint(self.costs.views_unet, settings.optimizer)
        return checkpoint + self.sizes.frames * self.encoded(self.tokens + depth)

    def train_toffeenet(self, wildcards: Mapping[str, str]) -> float:
        return WEIGHT * parameters(self._net(wildcards))

    def train_toffeenet_encoded(self, wildcards: Mapping[str, str]) -> float:
        settings = self.config.variant(net_of(wildcards))
        seen = self.tokens + (self.latents if settings.reference == CANVAS else 0)
        seen *= 2 if settings.own_photo else 1  # the subject's photo beside its view
        seen += self.depth if settings.depth else 0
        pairs = self.work.pairs(settings) if self.config.training.store == "all" else 0
        checkpoint = self._checkpoint(self._net(wildcards), settings.optimizer)
        return checkpoint + pairs * seen

    def encode_pairs(self, wildcards: Mapping[str, str]) -> float:
        """Target and subject, and of edits what is edited, with a bit a pixel of their masks."""
        edit = self.latents + self.config.data.resolution**2 / 8
        every, editing = self.work.candidates
        return every * 2 * self.latents + editing * edit

    def encode_more(self, wildcards: Mapping[str, str]) -> float:
        return int(wildcards["times"]) * self.encode_pairs(wildcards)

    def encoded(self, seen: int) -> int:
        """Bytes of an encoded picture, with what the model sees besides where that is kept."""
        return self.latents + (seen if self.config.training.store == "all" else 0)

    def _net(self, wildcards: Mapping[str, str]):
        return self.costs.net_unet(self.config.variant(net_of(wildcards)).depth)

    @property
    def latents(self) -> int:
        """Bytes of an encoded picture."""
        return HALF * self.costs.channels * self.costs.side**2

    @property
    def tokens(self) -> int:
        """Bytes of a picture's patch tokens."""
        return HALF * self.costs.tokens * self.costs.width

    @property
    def depth(self) -> int:
        """Bytes of an encoded depth map."""
        return HALF * self.config.data.resolution**2

    def write_subjects(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.subjects * (self.jpeg + self.mask)

    def write_benchmark(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.photos * (self.jpeg + self.mask)

    import_subjects = draw_subjects = write_subjects

    def write_multiview(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.frames * (self.jpeg + self.mask)

    def write_heldout(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.heldout * self.config.data.views * (self.jpeg + self.mask)

    import_multiview, import_heldout = write_multiview, write_heldout

    def plan_shard(self, wildcards: Mapping[str, str]) -> float:
        return PLAN_ROW * self.sizes.samples

    def draw_initial(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.samples * (self.jpeg + ROW / 3)

    refine_shard = draw_views = draw_initial

    def keep_examples(self, wildcards: Mapping[str, str]) -> float:
        from toffee.synthesis.examples import EXAMPLES  # with the libraries of shards

        return EXAMPLES * 3 * self.jpeg

    def make_edits(self, wildcards: Mapping[str, str]) -> float:
        return self.sizes.editing * (self.png + self.mask) + self.sizes.samples * ROW / 3

    def synthesize_shard(self, wildcards: Mapping[str, str]) -> float:
        stages = sum(getattr(self, rule)(wildcards) for rule in STAGES)
        return stages + self.score_shard(wildcards)

    def score_shard(self, wildcards: Mapping[str, str]) -> float:
        """Every pair: target, subject and its photo with their masks; an edit's target is lossless,
        and it has its input beside it."""
        return self._pairs(3)

    def export_shard(self, wildcards: Mapping[str, str]) -> float:
        """The same without the subject's photo."""
        return self._pairs(2)

    def _pairs(self, pictures: int) -> float:
        samples, editing = self.sizes.samples, self.sizes.editing
        return samples * (pictures * (self.jpeg + self.mask) + ROW) + editing * self.png

    def filter_dataset(self, wildcards: Mapping[str, str]) -> float:
        return INDEX_ROW * self.sizes.samples * self.config.synthesis.shards

    def filter_more(self, wildcards: Mapping[str, str]) -> float:
        return int(wildcards["times"]) * self.filter_dataset(wildcards)

    # dataset/hub links to the exported shards, and pipeline/ to the models: no room of their own.

    def generate_base(self, wildcards: Mapping[str, str]) -> float:
        return 3 * self.config.evaluation.base_prompts * self.jpeg

    def generate_refiner(self, wildcards: Mapping[str, str]) -> float:
        return (REFINER_METHODS + 2) * self.config.evaluation.refiner_subjects * self.jpeg

    def generate_views(self, wildcards: Mapping[str, str]) -> float:
        return self.config.evaluation.views_subjects * (3 * self.jpeg + 2 * self.mask)

    def generate_benchmark(self, wildcards: Mapping[str, str]) -> float:
        return self.work.benchmark_images(wildcards["method"]) * self.jpeg

    def generate_dreambooth(self, wildcards: Mapping[str, str]) -> float:
        return self.work.benchmark_images("dreambooth") * self.jpeg

    def make_editing_pairs(self, wildcards: Mapping[str, str]) -> float:
        return self.work.edit_images("target") * (2 * self.jpeg + self.png + 2 * self.mask)

    def generate_edits(self, wildcards: Mapping[str, str]) -> float:
        return self.work.edit_images(wildcards["method"]) * 2 * self.png

    copy_controls = generate_edits
