"""Checked configuration, paths, wildcards, and the names of tables and figures.

Needs Snakemake's `config`. Gives `CONFIG`, `MODELS` (role → source), the path helpers and the lists
that the other rule files share. Nothing here makes a file.
"""

from toffee.config import ROLES, ZooSource, load_catalogue, load_config
from toffee.errors import ToffeeError
from toffee.models.download import manifest_files
from toffee.provenance.code import code_digest


def checked(function, *arguments):
    """Call a check; what it finds wrong is one line on stderr, before any rule runs."""
    try:
        return function(*arguments)
    except ToffeeError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def project(path):
    """Path of a file of the repository, seen from the working directory."""
    return os.path.relpath(os.path.join(workflow.basedir, path))


CONFIG = checked(load_config, config)
MODELS = checked(load_catalogue, project(CONFIG.models.catalogue), CONFIG.models.set)
ZOO = project(CONFIG.models.zoo)
PROMPTS = project(CONFIG.synthesis.prompts)
PUBLISHED = project("config/published")

RESULTS = f"results/{CONFIG.scale}"
SHARDS = [f"{number:05d}" for number in range(CONFIG.synthesis.shards)]
METHODS = ["text_only", "toffeenet", "wrong_subject"]
# What a reader sees in the base model's images is known for the world's vocabulary only.
WORLD_TABLES = ["base"] if CONFIG.data.source == "world" else []
TABLES = [*WORLD_TABLES, "refiner", "views", "dreambench", "dataset"]
FIGURES = ["pipeline", "refiner", "views", "editing", "toffeenet", "dataset"]
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
    shard=r"\d{5}",
    method="|".join(METHODS),
    table="|".join(TABLES),
    figure="|".join(FIGURES),
    part="|".join(ZOO_PARTS),


def data_root(name):
    """Folder of subjects, multiview, multiview_heldout or benchmark: the world's or a given one."""
    if CONFIG.data.source == "world":
        return f"{RESULTS}/world/{name}"
    return getattr(CONFIG.data.folders, name)


def model(role):
    """Folder of a base model or of one that a rule trains."""
    return f"{RESULTS}/models/{role}"


def stage(name):
    """Path of one stage's file of a shard."""
    return f"{RESULTS}/dataset/stages/{name}/{{shard}}.h5"


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
