"""Methods of the evaluation: the model that each draws with, its settings, its files.

Needs `CONFIG` and the names of rules/common.smk. Nothing here makes a file.
"""

from dataclasses import replace

from toffee.config.sections.evaluation import TUNED_METHODS
from toffee.config.variants import trained_as


def net_model(method):
    """Folder of the ToffeeNet that a method draws with."""
    name = trained_as(CONFIG, method)
    return model(name if name == BASE else f"variants/{name}")


def of_net(key):
    """A setting of the ToffeeNet in wildcard `net`, or of the one that `method` draws with."""

    def value(wildcards):
        name = wildcards.get("net") or wildcards.get("method")
        return getattr(CONFIG.variant(Path(name).name), key)

    return value


def net_training(wildcards):
    """How the ToffeeNet in wildcard `net` is trained."""
    return CONFIG.training.applied(of_net("training")(wildcards))


def benchmark_files(method, suffix):
    """Benchmark images (h5) of a method or their scores (parquet), by generation seed or group."""
    parts = GROUPS if method in TUNED_METHODS else SEEDS
    return [f"{RESULTS}/evaluation/dreambench/{method}/{part}.{suffix}" for part in parts]


def prompts_of(method):
    """How many prompts of each subject a method is drawn with: a part for λ and variants, else all (None)."""
    parts = dict.fromkeys(CONFIG.variants, CONFIG.evaluation.ablation_prompts)
    return (parts | {"strength": CONFIG.evaluation.strength_prompts}).get(method)


def scales_of(method):
    """Values of λ that a method is drawn with; the base model has none."""
    if method in BASE_METHODS:
        return [0]
    several = method == "strength"
    return CONFIG.evaluation.strengths if several else [CONFIG.variant(method).subject_scale]


def sampling_of(method):
    """How a method of the benchmark samples; only `initial` depends on the weight of the ControlNet."""
    sampling = CONFIG.variant(method).sampling
    scale = CONFIG.synthesis.control_scale
    return replace(sampling, control_scale=scale) if method == "initial" else sampling


def subject_guidance_of(method):
    """Weight of guidance by the subject that a method is drawn with; the base model has none."""
    return None if method in BASE_METHODS else CONFIG.variant(method).subject_guidance


def reference_photos_of(method):
    """How many photos of a subject a method is drawn with."""
    return 1 if method in BASE_METHODS else CONFIG.variant(method).reference_photos


def rows(table):
    """Methods that are rows of an ablation table: ToffeeNet, then its variants."""
    return [BASE, *VARIANTS[table]]


def variant_scores(table):
    """Benchmark scores of an ablation table."""
    return [path for name in rows(table) for path in benchmark_files(name, "parquet")]


def dreambench_scores():
    """Benchmark scores of table dreambench."""
    return [path for name in METHODS for path in benchmark_files(name, "parquet")]


def edit_scores(methods):
    """Scores of held-out edits."""
    return [f"{RESULTS}/evaluation/editing/{method}.parquet" for method in methods]
