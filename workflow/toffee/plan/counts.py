"""What the networks of a run compute and hold, counted while Snakemake still plans its jobs.

Which networks a run has follows from its configuration, which is there seconds before the jobs.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from toffee.config import Config
from toffee.config.models import HubSource
from toffee.config.sections.evaluation import TUNED_METHODS
from toffee.config.variants import BASE
from toffee.launch.dag import Job
from toffee.plan.architectures import Architectures
from toffee.plan.costs import Costs
from toffee.plan.memory import Memory
from toffee.plan.sizes import Sizes
from toffee.plan.work import BASE_METHODS, Work
from toffee.runtime.errors import ToffeeError
from toffee.runtime.signals import stop_if_interrupted

KEPT = "nothing is kept"
"""Said where a signal is noticed late: what torch calls back may swallow what it raised at once."""

RULES = (
    "pretrain_refiner",
    "pretrain_view_generator",
    "refine_shard",
    "draw_views",
    "make_edits",
    "score_shard",
    "draw_subjects",
    "encode_pairs",
    "generate_edits",
    "score_dreambench",
    "generate_dreambooth",
)
"""Rules that between them use each network in each way that jobs of targets all, tables and
dreambooth do, but for those that depend on the net or the method."""


class Counts:
    """The counts of a run; each is made when it is first needed, and kept.

    Its properties raise ToffeeError where an architecture is not known.
    """

    def __init__(self, models: Architectures, config: Config) -> None:
        self.models, self.config = models, config

    @cached_property
    def costs(self) -> Costs:
        """FLOPs of a sample."""
        return Costs(self.models, self.config)

    @cached_property
    def memory(self) -> Memory:
        """Bytes of a device."""
        return Memory(self.config, self.models)

    def count_ahead(self, project: Path, enough: Callable[[], bool]) -> None:
        """Make the counts that a whole run needs, until the jobs are there that say which it does.

        Args:
            project: the folder of the Snakefile.
            enough: whether they are.
        """
        with suppress(ToffeeError):  # of what may not be needed
            work = Work(self.config, self.costs, Sizes(self.config, [], project))
            for job in usual_jobs(self.config):
                if enough():
                    return
                stop_if_interrupted(KEPT)
                work.by_precision(job)
                self.memory.needed(job)
            for role, source in self.models.sources.items():
                if enough():
                    return
                if isinstance(source, HubSource):  # whose bytes may have to be estimated
                    self.models.parameters(role)


def usual_jobs(config: Config) -> list[Job]:
    """Jobs that between them use all networks of a whole run."""
    nets = (BASE, *config.variants)
    names = [("train_toffeenet", {"net": net}) for net in nets]
    names += [("generate_benchmark", {"method": method}) for method in (*nets, *BASE_METHODS)]
    names += [(rule, {"method": BASE, "tuned": TUNED_METHODS[0]}) for rule in RULES]
    return [Job(rule, wildcards, {}, {}, {}, "", True) for rule, wildcards in names]
