"""Checked configuration, paths, wildcards, and the names of tables and figures.

Needs Snakemake's `config`. Gives `CONFIG`, `MODELS` (role → source), the path helpers and the lists
that the other rule files share. Nothing here makes a file.
"""

from toffee.config import ROLES, ZooSource, load_catalogue, load_config
from toffee.config.variants import BASE, rows_of, trained_as
from toffee.errors import ToffeeError
from toffee.files import file_digest
from toffee.models.download import manifest_files
from toffee.provenance.adopt import adopt
from toffee.provenance.code import code_digest
from toffee.provenance.params import named
from toffee.targets import requested, stop, unknown_target


def checked(function, *arguments):
    """Call a check; what it finds wrong is one line on stderr, before any rule runs."""
    try:
        return function(*arguments)
    except ToffeeError as error:
        stop(error)


def project(path):
    """Path of a file of the repository, seen from the working directory."""
    return os.path.relpath(os.path.join(workflow.basedir, path))


def project_input(path):
    """A file of the repository as an input. Its time, which every checkout sets anew, does not
    count: a rule that reads it has `digest_of(path)` among its params."""
    return ancient(project(path))


def digest_of(path):
    """Path and digest of a file of the repository, for the params of the rules that read it."""
    return {str(path): checked(file_digest, path)}


def name_params():
    """Give every param of every rule its name, which Snakemake leaves out when it compares them."""
    for one in workflow.rules:
        plain = list(one.params._allitems())
        one.params.clear()
        one.set_params(**{name: checked(named, name, value) for name, value in plain})


def adopt_results():
    """Results that were copied here are told to Snakemake, by the process that plans."""
    jobs = checked(adopt, RESULTS) if workflow.is_main_process else 0
    if jobs:
        print(f"{RESULTS}: {jobs} jobs are known from their records", file=sys.stderr)


def check_targets():
    """Stop with one line where a target is neither a rule nor a file that exists or can be made."""
    named = {one.name: one for one in workflow.rules}
    for target in requested(sys.argv):
        path = os.path.relpath(target)
        known = target in named or os.path.exists(target)
        if not known and not any(one.is_producer(path) for one in workflow.rules):
            steps = sorted(name for name, one in named.items() if not one.output)
            stop(unknown_target(path, steps, CONFIG.scale))


CONFIG = checked(load_config, config)
MODELS = checked(load_catalogue, project(CONFIG.models.catalogue), CONFIG.models.set)
ZOO = project(CONFIG.models.zoo)
PROMPTS = project_input(CONFIG.synthesis.prompts)
REFERENCES = project_input(CONFIG.data.references)
PUBLISHED = {
    name: project_input(f"config/published/{name}.csv")
    for name in ("ablations", "cost", "dreambench")
}

RESULTS = f"results/{CONFIG.scale}"
PLAN = f"{RESULTS}/dataset/plan/{{shard}}.parquet"
SHARDS = [f"{number:05d}" for number in range(CONFIG.synthesis.shards)]
# What a reader sees in the base model's images is known for the world's vocabulary only.
WORLD_TABLES = ["base"] if CONFIG.data.source == "world" else []
# What target `all` builds, and what only `tables`, `figures` and its own name build.
TABLES = [*WORLD_TABLES, "refiner", "views", "dreambench", "dataset"]
FIGURES = ["pipeline", "refiner", "views", "editing", "toffeenet", "dataset"]
MORE_TABLES = ["variants", "reconstruction", "segmentation", "strength", "editing", "cost"]
MORE_FIGURES = ["strength", "edits", "cost"]
# What no number of the paper stands in, and only its own name builds.
OWN_TABLES = ["dreambooth"]

# Benchmark: methods of the table, and generation seeds, each a file of images and one of scores; a
# subject's fine-tuning is drawn with all seeds at once, so there a group of subjects is a file.
METHODS = CONFIG.evaluation.methods
BASE_METHODS = ["text_only", "initial"]  # drawn by the base model
SHOWN = ["text_only", BASE, "wrong_subject"]
SEEDS = [str(seed) for seed in range(CONFIG.evaluation.images_per_prompt)]
GROUPS = [str(group) for group in range(CONFIG.dreambooth.groups)]
# Where the metric encoders come from, as tables say it.
ENCODERS = ", ".join(
    f"zoo/{source.zoo}" if isinstance(source, ZooSource) else source.repo
    for source in (MODELS["metric_dino"], MODELS["metric_clip"])
)
ABLATIONS = ["variants", "reconstruction", "segmentation"]
VARIANTS = {table: rows_of(CONFIG, table) for table in [*ABLATIONS, "editing"]}
DRAWN = [*BASE_METHODS, BASE, "wrong_subject", "strength", *CONFIG.variants]
EDIT_CONTROLS = ["input", "target"]
EDITORS = [BASE, *VARIANTS["variants"], *VARIANTS["editing"]]
# Parts of the zoo, and the parts that each is trained on.
ZOO_PARTS = {part: [] for part in [*ROLES, "autoencoder"]} | {
    "text_to_image": ["autoencoder", "clip"],
    "controlnet_depth": ["text_to_image", "depth"],
    "metric_clip": ["metric_dino"],
}


# The longest way through the DAG goes first: data and generators, then what ToffeeNet's training waits
# for. Evaluations of single parts fill the cores beside it.
FIRST, ON_THE_WAY = 2, 1


wildcard_constraints:
    role="|".join(MODELS),
    net="|".join([BASE, *(f"variants/{name}" for name in CONFIG.variants)]),
    shard=r"\d{5}",
    draw=r"\d+",
    group=r"\d+",
    method="|".join([*DRAWN, "dreambooth", *EDIT_CONTROLS]),
    table="|".join([*TABLES, *MORE_TABLES, *OWN_TABLES]),
    figure="|".join([*FIGURES, *MORE_FIGURES]),
    part="|".join(ZOO_PARTS),


def data_root(name):
    """Folder of subjects, multiview, multiview_heldout or benchmark: the world's or a given one."""
    if CONFIG.data.source == "world":
        return f"{RESULTS}/world/{name}"
    return getattr(CONFIG.data.folders, name)


def model(role):
    """Folder of a base model or of one that a rule trains."""
    return f"{RESULTS}/models/{role}"


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


def benchmark_files(method, suffix):
    """Benchmark images (h5) of a method or their scores (parquet), by generation seed or group."""
    parts = GROUPS if method == "dreambooth" else SEEDS
    return [f"{RESULTS}/evaluation/dreambench/{method}/{part}.{suffix}" for part in parts]


def prompts_of(method):
    """How many prompts of each subject a method is drawn with: a part for λ and variants, else all."""
    parts = dict.fromkeys(CONFIG.variants, CONFIG.evaluation.ablation_prompts)
    return (parts | {"strength": CONFIG.evaluation.strength_prompts}).get(method)


def scales_of(method):
    """Values of λ that a method is drawn with; the base model knows none."""
    if method in BASE_METHODS:
        return [0]
    several = method == "strength"
    return CONFIG.evaluation.strengths if several else [CONFIG.variant(method).subject_scale]


def rows(table):
    """Methods that are rows of an ablation table: ToffeeNet, then its variants."""
    return [BASE, *VARIANTS[table]]


def variant_scores(table):
    """Benchmark scores behind an ablation table."""
    return [path for name in rows(table) for path in benchmark_files(name, "parquet")]


def dreambench_scores():
    """Benchmark scores behind table dreambench."""
    return [path for name in METHODS for path in benchmark_files(name, "parquet")]


def edit_scores(methods):
    """Scores of held-out edits."""
    return [f"{RESULTS}/evaluation/editing/{method}.parquet" for method in methods]


def stage(name):
    """Path of one stage's file of a shard."""
    return f"{RESULTS}/dataset/stages/{name}/{{shard}}.h5"


def table_files(names):
    """Tables, as csv and as Markdown."""
    return [f"{RESULTS}/tables/{name}.{suffix}" for name in names for suffix in ("csv", "md")]


def figure_files(names):
    """Figures."""
    return [f"{RESULTS}/figures/{name}.png" for name in names]


def log_of(rule):
    """Path of a rule's log."""
    return f"{RESULTS}/logs/{rule}.log"


def benchmark_of(rule):
    """Path of a rule's benchmark: seconds, memory and load of its last run."""
    return f"{RESULTS}/benchmarks/{rule}.tsv"


def zoo_files(role):
    """The zoo's record of a role's files; empty for a model that comes from elsewhere."""
    source = MODELS[role]
    return checked(manifest_files, Path(ZOO), source.zoo) if isinstance(source, ZooSource) else {}


def zoo_paths(wildcards):
    """The zoo's files of a role; none for a model that comes from elsewhere."""
    files = zoo_files(wildcards.role)
    return [os.path.join(ZOO, MODELS[wildcards.role].zoo, name) for name in files]


def item(path, kind):
    """An output that Snakemake's report shows, with the caption of its name."""
    caption = f"../workflow/report/{kind}_{Path(path).stem}.rst"
    return report(path, caption=caption, category=f"{kind}s".capitalize())
