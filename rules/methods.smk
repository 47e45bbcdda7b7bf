"""Methods of the evaluation: the model that each draws with, its settings, its files.

Needs `CONFIG` and the names of rules/common.smk. Nothing here makes a file.
"""

from dataclasses import replace

from toffee.config.variants import (
    row_of,
    trained_as,
    training_name,
    training_number,
    tuned_name,
    tuning_steps,
)


def trainings_of(method):
    """A method once for each training of its model; its name alone where it has one model."""
    several = CONFIG.evaluation.trainings if method in NETS else 1
    return [training_name(method, number) for number in range(several)]


def net_of(method):
    """Name of the ToffeeNet that a method draws with, as rule train_toffeenet has it."""
    name = trained_as(CONFIG, row_of(method))
    net = training_name(name, training_number(method))
    return net if name == BASE else f"variants/{net}"


def net_model(method):
    """Folder of the ToffeeNet that a method draws with."""
    return model(net_of(method))


def frontier():
    """Methods of fine-tuning by their number of steps: name → steps."""
    own, steps = CONFIG.dreambooth.steps, CONFIG.dreambooth.frontier_steps
    return {tuned_name(t, n) if n != own else t: n for t in TUNED_METHODS for n in steps}


def tuning_of(tuned):
    """How a subject is fine-tuned, with the number of steps in the method's name if there is one."""
    tuning = CONFIG.training.applied(CONFIG.dreambooth.tuning)
    return replace(tuning, steps=tuning_steps(tuned) or tuning.steps)


def times_of(net):
    """How many times the dataset's shards a ToffeeNet's pairs come from."""
    return CONFIG.variant(Path(net).name).shards


def index_of(times):
    """The filter's index over so many times the dataset's shards."""
    part = "" if times == 1 else f"times_{times}/"
    return f"{RESULTS}/dataset/{part}index.parquet"


def encoded_of(times):
    """The latents of that index's pairs."""
    part = "" if times == 1 else f"times_{times}/"
    return f"{RESULTS}/dataset/{part}encoded"


def shards_of(times):
    """The shards of that index: the dataset's own, and further ones that follow them."""
    numbers = range(int(times) * CONFIG.synthesis.shards)
    return [f"{RESULTS}/dataset/shards/{number:05d}.h5" for number in numbers]


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
    parts = GROUPS if row_of(method) in TUNED_METHODS else SEEDS
    return [f"{RESULTS}/evaluation/dreambench/{method}/{part}.{suffix}" for part in parts]


def prompts_of(method):
    """How many prompts of each subject a method is drawn with: a part for λ and variants, else all (None)."""
    parts = dict.fromkeys(CONFIG.variants, CONFIG.evaluation.ablation_prompts)
    return (parts | {"strength": CONFIG.evaluation.strength_prompts}).get(row_of(method))


def scales_of(method):
    """Values of λ that a method is drawn with; the base model has none."""
    if method in BASE_METHODS:
        return [0]
    several = method == "strength"
    return CONFIG.evaluation.strengths if several else [CONFIG.variant(method).subject_scale]


def sampling_of(method):
    """How a method of the benchmark samples; only `initial` depends on the weight of the ControlNet."""
    if method == "initial":
        return CONFIG.controlled_sampling
    return CONFIG.sampler.sampling if method in BASE_METHODS else CONFIG.variant(method).sampling


def subject_guidance_of(method):
    """Weight of guidance by the subject that a method is drawn with; the base model has none."""
    return None if method in BASE_METHODS else CONFIG.variant(method).subject_guidance


def reference_photos_of(method):
    """How many photos of a subject a method is drawn with."""
    return 1 if method in BASE_METHODS else CONFIG.variant(method).reference_photos


def rows(table):
    """Methods that are rows of an ablation table: ToffeeNet, then its variants."""
    return [BASE, *VARIANTS[table]]


def scores_of(methods):
    """Benchmark scores of some methods, of all trainings."""
    names = [name for method in methods for name in trainings_of(method)]
    files = [path for name in names for path in benchmark_files(name, "parquet")]
    several = names if len(SEEDS) > 1 else []
    return files + [f"{RESULTS}/evaluation/dreambench/{name}/diversity.parquet" for name in several]


def variant_scores(table):
    """Benchmark scores of an ablation table."""
    return scores_of(rows(table))


def dreambench_scores():
    """Benchmark scores of table dreambench."""
    return scores_of(METHODS)


def edit_scores(methods):
    """Scores of held-out edits, of all trainings."""
    names = [name for method in methods for name in trainings_of(method)]
    return [f"{RESULTS}/evaluation/editing/{name}.parquet" for name in names]


# ToffeeNets of the tables, with all trainings, as rule train_toffeenet names them.
NETS_OF_TABLES = dict.fromkeys(
    net_of(name)
    for table in [*ABLATIONS, "editing"]
    for method in rows(table)
    for name in trainings_of(method)
)
