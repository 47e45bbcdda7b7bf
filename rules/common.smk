"""The checked configuration, and the names of models, methods, tables and figures.

Needs Snakemake's `config`. Gives `CONFIG`, `MODELS` (role → source) and the lists that the other rule
files share. Nothing here makes a file.
"""

from toffee.config import ROLES, ZooSource, load_catalogue, load_config
from toffee.config.drawing import drawer_of, sampling_of
from toffee.config.sections.evaluation import TUNED_METHODS
from toffee.config.variants import BASE, rows_of

CONFIG = checked(load_config, config)
checked(refuse_whole_machines, CONFIG)
MODELS = checked(load_catalogue, project(CONFIG.models.catalogue), CONFIG.models.set)
# What draws initial images, edits and drawn subjects: a few-step model where the set has one.
DRAWER = drawer_of(MODELS)
SAMPLING = sampling_of(MODELS, CONFIG.sampler.sampling)
CONTROLLED_SAMPLING = sampling_of(MODELS, CONFIG.controlled_sampling)
ZOO = project(CONFIG.models.zoo)
PROMPTS = project_input(CONFIG.synthesis.prompts)
REFERENCES = project_input(CONFIG.data.references)
# Lists of class words that the base model draws subjects of.
WORD_LISTS = {
    name: project_input(path)
    for name in ("classes", "living")
    if (path := CONFIG.data.real.keys("subjects").get(name))
}
# Where a threshold is a quantile, what reads it waits for the cosines of real photos (rule calibrate).
CALIBRATION = f"results/{CONFIG.scale}/dataset/calibration.json"
FILTER_CALIBRATION = CALIBRATION if CONFIG.filter.is_calibrated else []
MATCH_CALIBRATION = CALIBRATION if isinstance(CONFIG.refiner.match_threshold, str) else []
# A user's own prompts; no input where there are none.
TEXTS = project_input(CONFIG.synthesis.texts) if CONFIG.synthesis.texts else []
PUBLISHED = {
    name: project_input(f"config/published/{name}.csv")
    for name in ("ablations", "cost", "dreambench")
}

RESULTS = f"results/{CONFIG.scale}"
PLAN = f"{RESULTS}/dataset/plan/{{shard}}.parquet"
SHARDS = [f"{number:05d}" for number in range(CONFIG.synthesis.shards)]
EXAMPLES = f"{RESULTS}/dataset/examples.h5"
# Table base needs the world's vocabulary.
LACKING = [] if CONFIG.data.is_world("multiview") else ["base"]
BENCHMARK = "world" if CONFIG.data.is_world("benchmark") else "real"
# What target `all` builds, and what only `tables`, `figures` and its own name build.
TABLES = [name for name in tables_in("tabulate.smk") if name not in LACKING]
FIGURES = ["pipeline", "refiner", "views", "editing", "toffeenet", "worst", "dataset"]
MORE_TABLES = [*tables_in("ablate.smk"), *tables_in("cost.smk"), *tables_in("calibrate.smk")]
MORE_FIGURES = ["strength", "edits", "learning", "cost"]
# Tables and figures built only by name: diagnostics, and what takes many trainings.
OWN_TABLES = ["dreambooth", "scaling"]
OWN_FIGURES = ["scaling"]

# The gate. Tables and figures that compare on the benchmark wait for it. What is drawn and scored does
# not: `ancient` would hide other reasons to draw again (Snakemake 9.27), and without it another
# tolerance would draw everything again. It is checked first, so that a closed gate costs little.
ORACLE = f"{RESULTS}/evaluation/dreambench/oracle.json"
# Params of what waits for the gate: else a table made before a failed check would look like one that passed it.
GATE = CONFIG.evaluation.oracle
# Benchmark: methods of the table, and generation seeds, each a file of images and one of scores; a
# subject's fine-tuning is drawn with all seeds at once, so there a group of subjects is a file.
PICTURES = CONFIG.evaluation.pictures  # methods whose pictures a user gives
METHODS = [*CONFIG.evaluation.methods, *PICTURES]
BASE_METHODS = ["text_only", "initial"]  # drawn by the base model
SHOWN = ["text_only", BASE, "wrong_subject"]
SEEDS = [str(seed) for seed in range(CONFIG.evaluation.images_per_prompt)]
GROUPS = [str(group) for group in range(CONFIG.dreambooth.groups)]
# How what draws, trains or judges for the filter computes; toffee.launch.job reads it from the params.
COMPUTE = CONFIG.compute
# Where the metric encoders come from, as tables say it.
ENCODERS = ", ".join(
    f"zoo/{source.zoo}" if isinstance(source, ZooSource) else source.repo
    for source in (MODELS["metric_dino"], MODELS["metric_clip"])
)
ABLATIONS = ["variants", "reconstruction", "segmentation", "reference"]
VARIANTS = {table: rows_of(CONFIG, table) for table in [*ABLATIONS, "editing", "scaling"]}
NETS = [BASE, *CONFIG.variants]
NUMBER = "(-[1-9][0-9]*)?"  # of a training after the first
DRAWN = [*BASE_METHODS, "wrong_subject", "strength", *(f"{name}{NUMBER}" for name in NETS)]
EDIT_CONTROLS = ["input", "target"]
EDITORS = [BASE, *VARIANTS["variants"], *VARIANTS["editing"]]
TUNED = [f"{name}(-[0-9]+-steps)?" for name in TUNED_METHODS]
# Parts of the zoo, and the parts that each is trained on.
ZOO_PARTS = {part: [] for part in [*ROLES, "autoencoder", "decoder"]} | {
    "decoder": ["autoencoder"],
    "subject_encoder": ["decoder"],
    "metric_dino": ["decoder"],
    "segmenter": ["decoder"],
    "text_to_image": ["decoder", "clip"],
    "controlnet_depth": ["text_to_image", "depth"],
}


# The longest way through the DAG goes first: data and generators, then what ToffeeNet's training waits
# for. Evaluations of single parts fill the cores beside it.
FIRST, ON_THE_WAY = 2, 1


wildcard_constraints:
    role="|".join(MODELS),
    net=f"({BASE}|variants/({'|'.join(CONFIG.variants) or 'none'})){NUMBER}",
    shard=r"\d{5}",
    draw=r"\d+",
    group=r"\d+",
    method="|".join([*DRAWN, *TUNED, *PICTURES, *EDIT_CONTROLS]),
    tuned="|".join(TUNED),
    times=r"\d+",
    table="|".join([*TABLES, *MORE_TABLES, *OWN_TABLES]),
    figure="|".join([*FIGURES, *MORE_FIGURES, *OWN_FIGURES]),
    part="|".join(ZOO_PARTS),
