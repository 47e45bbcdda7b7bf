"""What each value of the configuration reruns: another value for every leaf, and the exact rules.

The sets say what should depend on what, in the words of the method, and were not read off a dry
run. They are those of targets `all tables figures dreambooth site` on a finished tiny scale. New
values repeat another value of the same rule where there is one, because a set of bare values hides
that.
"""

from dataclasses import dataclass, field
from typing import Any

from toffee.config.sections.filter import Filter

VARIANT = "p_0_3"
"""The variant that stands for all: a row of table reconstruction."""


@dataclass(frozen=True)
class Row:
    """A leaf's other value, the rules that rerun, and leaves that have to change with it."""

    value: Any
    reruns: set[str] = field(default_factory=set)
    also: dict[str, Any] = field(default_factory=dict)


# What follows from what, from the end of the DAG to its beginning.
PAGE = {"write_ledger", "write_crate", "write_verdict", "write_site"}
COST = {"tabulate_cost", "plot_cost"} | PAGE
DATASET_TABLE = {"tabulate_dataset"} | PAGE
LEAKAGE = {"score_leakage"} | DATASET_TABLE

ABLATIONS = {"tabulate_variants", "tabulate_reconstruction", "tabulate_segmentation"}
ABLATIONS |= {"tabulate_reference"} | PAGE
SWEEP = {"tabulate_strength", "plot_strength"} | PAGE
DREAMBENCH = {"score_dreambench", "score_diversity", "tabulate_dreambench"} | PAGE
GATE = {"check_oracle", "tabulate_dreambench", "plot_worst"} | PAGE | ABLATIONS | SWEEP
BENCHMARK = {"generate_benchmark", "plot_toffeenet", "plot_worst"}
BENCHMARK |= DREAMBENCH | ABLATIONS | SWEEP
EDITS = {"generate_edits", "score_edits", "tabulate_editing", "tabulate_variants", "plot_edits"}
EDITS |= PAGE
PAIRS = {"make_editing_pairs", "copy_controls"} | EDITS
TUNING = {"tune_dreambooth", "tabulate_dreambooth"} | COST  # at equal quality
DREAMBOOTH = {"generate_dreambooth", "filter_dreambooth"} | DREAMBENCH | COST

BASE = {"generate_base", "score_base", "tabulate_base"} | PAGE
# The Refiner's held-out images are what the held-out edits start from.
REFINER = {"generate_refiner", "score_refiner", "tabulate_refiner", "plot_refiner"} | PAGE | PAIRS
VIEWS = {"generate_views", "score_views", "tabulate_views", "plot_views"} | PAGE

TRAINED = {"train_toffeenet", "export_pipeline", "plot_learning"} | BENCHMARK | EDITS
EXPORTED = {"export_dataset"} | COST
INDEXED = {"export_shard", "export_dataset", "score_dataset", "plot_dataset", "plot_editing"}
FILTERED = {"filter_dataset", "encode_pairs"} | INDEXED | DATASET_TABLE | COST | TRAINED
SCORED = {"score_shard"} | FILTERED
EDITED = {"make_edits"} | SCORED
EXAMPLES = {"keep_examples", "plot_pipeline"}
VIEWED = {"draw_views"} | EXAMPLES | SCORED
REFINED = {"refine_shard"} | EXAMPLES | EDITED
DRAWN = {"draw_initial"} | REFINED
PLANNED = {"plan_shard"} | DRAWN | VIEWED
LISTED = {"list_subjects"} | PLANNED

REFINER_TRAINED = {"pretrain_refiner"} | REFINED | REFINER
VIEW_GENERATOR_TRAINED = {"pretrain_view_generator"} | VIEWED | VIEWS

TRAINED_NETS = REFINER_TRAINED | VIEW_GENERATOR_TRAINED | TRAINED

# What reads each folder of photographs.
SUBJECTS = LISTED | LEAKAGE
MULTIVIEW = REFINER_TRAINED | VIEW_GENERATOR_TRAINED | LISTED | TUNING | LEAKAGE
CALIBRATION = {"calibrate", "tabulate_calibration"} | PAGE
HELDOUT = REFINER | VIEWS | LEAKAGE | CALIBRATION
ORACLE = {"score_oracle", "check_oracle"}
BENCHMARK_PHOTOS = ORACLE | BENCHMARK | DREAMBOOTH | LEAKAGE
WORLD = {"write_subjects", "write_multiview", "write_heldout", "write_benchmark"}

PHOTOGRAPHED = SUBJECTS | MULTIVIEW | HELDOUT | BENCHMARK_PHOTOS
EVERYTHING = {"download_model"} | WORLD | PHOTOGRAPHED | BASE
# Planning reads no model and no picture.
RIVALS = {"generate_benchmark", "plot_toffeenet"} | DREAMBENCH | DREAMBOOTH | TUNING
SAMPLED = BENCHMARK | EDITS | {"export_pipeline"}
WITH_MODELS = EVERYTHING - WORLD - {"list_subjects", "plan_shard"}
COMPUTED = WITH_MODELS - {"download_model", "score_oracle", "check_oracle", "score_leakage"}
TRAININGS = {"pretrain_refiner", "pretrain_view_generator"}
# Two encoders that only measure.
MEASURED = {
    *("score_base", "score_refiner", "score_views", "score_dataset", "score_leakage"),
    *("tabulate_base", "tabulate_refiner", "tabulate_views", "tabulate_dataset"),
    *("score_edits", "tabulate_editing", "plot_edits", "plot_worst", "plot_editing"),
    *ORACLE,
    *TUNING,
    *DREAMBENCH,
    *ABLATIONS,
    *SWEEP,
}
# Tables and the dataset's card say where the photographs come from; there is no table `base`
# without the world.
SOURCE = {"tabulate_dreambench", "tabulate_reconstruction"} | PAGE | EXPORTED
USED_VARIANT = {"generate_benchmark", "score_dreambench", "score_diversity"}
USED_VARIANT |= {"tabulate_reconstruction"} | PAGE
ONE_VARIANT = {"train_toffeenet", "plot_learning"} | USED_VARIANT
# Fewer subjects with as many pairs need further shards.
MORE_SHARDS = {"plan_shard", "draw_initial", "refine_shard", "draw_views", "make_edits"}
MORE_SHARDS |= {"score_shard", "filter_more", "encode_more"}

# Real photographs: the world's folders stand for what somebody has.
PLACES = ("subjects", "multiview", "multiview_heldout", "benchmark")
WORLDS = {name: f"results/tiny/world/{name}" for name in PLACES}
GIVEN = {
    "subjects": {"kind": "folder", "path": WORLDS["subjects"]},
    "multiview": {
        "kind": "folder",
        "path": WORLDS["multiview"],
        "heldout_path": WORLDS["multiview_heldout"],
    },
    "benchmark": {"kind": "folder", "path": WORLDS["benchmark"]},
}
KINDS = {
    "images": {"kind": "images", "path": "data/photos"},
    "hub": {"kind": "hub", "repo": "data/repo", "split": "train", "image": "image"}
    | {"class_word": "word"},
    "drawn": {"kind": "drawn", "classes": "config/prompts/classes.txt", "per_class": 2},
    "mvimgnet": {"kind": "mvimgnet", "path": "data/mvimgnet", "heldout": 0.1},
    "uco3d": {"kind": "uco3d", "path": "data/uco3d", "heldout": 0.1},
    "dreambench": {"kind": "dreambench"},
}
# What imports and draws stands outside of EVERYTHING: the tiny scale's world needs none of it.
IMPORTS = {"import_subjects", "import_multiview", "import_heldout", "draw_subjects"}
IMPORTS |= {"download_dreambench"}
IMPORTED_VIEWS = {"import_multiview", "import_heldout"} | MULTIVIEW | HELDOUT | SOURCE
DRAWN_SUBJECTS = {"draw_subjects"} | SUBJECTS | SOURCE


def real(section: str = "", key: str = "", value: Any = None, kind: str = "folder") -> dict:
    """Real photographs, of one section another kind, with one key of it changed."""
    sections = {name: dict(keys) for name, keys in GIVEN.items()}
    if section:
        sections[section] = KINDS[kind] if kind != "folder" else sections[section]
        sections[section] = sections[section] | ({key: value} if key else {})
    leaves = {
        f"data.real.{name}.{k}": v for name, keys in sections.items() for k, v in keys.items()
    }
    return {"data.source": "real"} | leaves


def source(section: str, key: str, value: Any, reruns: set[str], kind: str = "folder") -> Row:
    """Real photographs, with one key of one section changed."""
    also = real(section, key, value, kind)
    del also[f"data.real.{section}.{key}"]
    return Row(value, reruns | SOURCE, also)


def downloaded(value: str) -> Row:
    """The real benchmark from elsewhere, or another one; the other folders are the world's."""
    reruns = {"download_dreambench"} | BENCHMARK_PHOTOS | SOURCE
    return Row(value, reruns, real("benchmark", kind="dreambench"))


MATRIX = {
    "scale": Row("other", EVERYTHING),  # results of another name are all to be made
    "seed": Row(64, EVERYTHING - {"download_model", *BASE} | PAGE),
    # Models. Another place of the same catalogue would rerun nothing; here one encoder changes.
    "models.catalogue": Row("other/models.yaml", {"download_model"} | MEASURED),
    "models.set": Row("small", WITH_MODELS),
    "models.zoo": Row("other/zoo", WITH_MODELS),
    "models.lock": Row(
        "other/models.lock.yaml"
    ),  # no param; of a hub's models: tests/hub/test_rule.py
    # Photographs.
    "data.source": Row("real", SOURCE, {k: v for k, v in real().items() if k != "data.source"}),
    "data.resolution": Row(256, EVERYTHING - {"download_model"}),
    "data.subjects": Row(64, {"write_subjects"} | SUBJECTS),
    "data.sequences": Row(64, {"write_multiview"} | MULTIVIEW),
    "data.views": Row(64, {"write_multiview", "write_heldout"} | MULTIVIEW | HELDOUT),
    "data.heldout_sequences": Row(64, {"write_heldout"} | HELDOUT),
    "data.benchmark_subjects": Row(64, {"write_benchmark"} | BENCHMARK_PHOTOS),
    "data.benchmark_split": Row("development", {"write_benchmark"} | BENCHMARK_PHOTOS),
    "data.references": Row(
        "other/references.yaml",
        ORACLE | BENCHMARK | {"generate_dreambooth", "filter_dreambooth"} | COST,
    ),
    "data.real.subjects.kind": source(
        "subjects", "kind", "images", {"import_subjects"} | SUBJECTS, "images"
    ),
    "data.real.subjects.path": source("subjects", "path", "other/subjects", SUBJECTS),
    **{
        f"data.real.subjects.{key}": source(
            "subjects", key, value, {"import_subjects"} | SUBJECTS, "hub"
        )
        for key, value in (
            *(("repo", "owner/photos"), ("config", "other"), ("revision", "0123456")),
            *(("split", "test"),),
            *(("image", "other"), ("class_word", "other"), ("caption", "other")),
            *(("mask", "other"), ("licence", "CC0")),
        )
    },
    "data.real.subjects.classes": source(
        "subjects", "classes", "config/prompts/living.txt", DRAWN_SUBJECTS, "drawn"
    ),
    "data.real.subjects.living": source(
        "subjects", "living", "config/prompts/living.txt", DRAWN_SUBJECTS, "drawn"
    ),
    "data.real.subjects.per_class": source("subjects", "per_class", 3, DRAWN_SUBJECTS, "drawn"),
    "data.real.multiview.kind": source("multiview", "kind", "uco3d", IMPORTED_VIEWS, "uco3d"),
    "data.real.multiview.path": source("multiview", "path", "other/multiview", MULTIVIEW),
    "data.real.multiview.heldout_path": source(
        "multiview", "heldout_path", "other/multiview_heldout", HELDOUT
    ),
    "data.real.multiview.heldout": source("multiview", "heldout", 0.2, IMPORTED_VIEWS, "mvimgnet"),
    "data.real.multiview.set_list": source(
        "multiview", "set_list", "static-categories", IMPORTED_VIEWS, "uco3d"
    ),
    "data.real.benchmark.kind": source("benchmark", "kind", "folder", set()),
    "data.real.benchmark.path": source("benchmark", "path", "other/benchmark", BENCHMARK_PHOTOS),
    "data.dreambench.url": downloaded("https://mirror.invalid/dreambooth"),
    "data.dreambench.revision": downloaded("0" * 40),
    "data.dreambench.sha256": downloaded("0" * 64),
    # How models compute: all that draws, trains or judges for the filter, and no metric.
    "compute.dtype": Row("bfloat16", COMPUTED),
    "compute.channels_last": Row(True, COMPUTED),
    "compute.compile": Row(True, COMPUTED),
    "compute.attention": Row("eager", COMPUTED),
    "compute.tf32": Row(True, COMPUTED),
    # All trainings. DreamBooth's batch is small, and it averages no weights.
    "training.micro_batch": Row(8, TRAINED_NETS),
    "training.checkpointing": Row(True, TRAINED_NETS | DREAMBOOTH | TUNING),
    "training.fused": Row(False, TRAINED_NETS | DREAMBOOTH | TUNING),
    "training.average_on_cpu": Row(True, TRAINED_NETS),
    "training.store": Row("latents", TRAINED_NETS),
    "training.times": Row("uniform", TRAINED_NETS | DREAMBOOTH | TUNING),
    "training.min_snr_gamma": Row(5.0, TRAINED_NETS | DREAMBOOTH | TUNING),
    # The base model.
    "sampler.steps": Row(64, DRAWN | BASE | REFINER | RIVALS),
    "sampler.guidance": Row(1.0, DRAWN | BASE | REFINER | RIVALS),
    "sampler.solver": Row("ddim", DRAWN | BASE | REFINER | RIVALS),
    "sampler.guidance_interval": Row([0.5, 1.0], DRAWN | BASE | REFINER | RIVALS),
    "sampler.batch": Row(
        8, WITH_MODELS - {"download_model", "calibrate", "tabulate_calibration"} - TRAININGS
    ),
    # The Refiner, its training and its use.
    "refiner.steps": Row(16, REFINER_TRAINED),
    "refiner.batch": Row(64, REFINER_TRAINED),
    "refiner.learning_rate": Row(0.1, REFINER_TRAINED),
    "refiner.optimizer": Row("muon", REFINER_TRAINED),
    "refiner.ema": Row(0.1, REFINER_TRAINED),
    "refiner.token_grid": Row(False, REFINER_TRAINED),
    "refiner.token_dropout": Row(0.99, REFINER_TRAINED),
    "refiner.matching": Row("silhouette", REFINED | REFINER),
    "refiner.match_threshold": Row(0.9, REFINED | REFINER | {"tabulate_calibration"}),
    "refiner.position_weight": Row(0.5, REFINED | REFINER),
    "refiner.strength": Row(0.5, REFINED | REFINER),
    "refiner.keep_background": Row(False, REFINED | REFINER),
    "refiner.sampler_steps": Row(64, REFINED | REFINER),
    "refiner.guidance": Row(3.0, REFINED | REFINER),
    "refiner.solver": Row("ddim", REFINED | REFINER),
    "refiner.guidance_interval": Row([0.5, 1.0], REFINED | REFINER),
    # The View Generator.
    "view_generator.steps": Row(16, VIEW_GENERATOR_TRAINED),
    "view_generator.batch": Row(64, VIEW_GENERATOR_TRAINED),
    "view_generator.learning_rate": Row(0.99, VIEW_GENERATOR_TRAINED),
    "view_generator.optimizer": Row("muon", VIEW_GENERATOR_TRAINED),
    "view_generator.ema": Row(0.001, VIEW_GENERATOR_TRAINED),
    "view_generator.depth": Row(False, VIEW_GENERATOR_TRAINED),
    "view_generator.reference": Row("tokens", VIEW_GENERATOR_TRAINED),
    "view_generator.sampler_steps": Row(64, VIEWED | VIEWS),
    "view_generator.guidance": Row(12.0, VIEWED | VIEWS),
    "view_generator.solver": Row("ddim", VIEWED | VIEWS),
    "view_generator.guidance_interval": Row([0.5, 1.0], VIEWED | VIEWS),
    # The dataset. More shards leave those that are there, and the figure of the first one.
    "synthesis.shards": Row(3, (PLANNED | FILTERED) - EXAMPLES),
    "synthesis.samples_per_shard": Row(64, PLANNED),
    "synthesis.keep_stages": Row(False),
    "synthesis.one_job": Row(True, {"synthesize_shard"} | EXAMPLES | FILTERED),
    "synthesis.prompts": Row("other/prompts.yaml", PLANNED | REFINER | TUNING),
    "synthesis.subject_poses": Row(True, LISTED),
    "synthesis.texts": Row("other/texts.txt", PLANNED),
    "synthesis.kinds.generation": Row(0.08, PLANNED, {"synthesis.kinds.background": 0.68}),
    "synthesis.kinds.background": Row(0.0, PLANNED, {"synthesis.kinds.colour": 0.16}),
    "synthesis.kinds.colour": Row(0.0, PLANNED, {"synthesis.kinds.texture": 0.16}),
    "synthesis.kinds.texture": Row(0.0, PLANNED, {"synthesis.kinds.style": 0.16}),
    "synthesis.kinds.style": Row(0.0, PLANNED, {"synthesis.kinds.generation": 0.76}),
    "synthesis.control_scale": Row(0.0, DRAWN | BASE | REFINER),
    "synthesis.edit_strength": Row(1.0, EDITED | PAIRS),
    "synthesis.quality": Row(96, DRAWN | VIEWED | BASE | REFINER | VIEWS | DREAMBOOTH),
    # The filter, which also judges what fine-tuning draws.
    **{
        f"filter.{name}": Row(0.55, FILTERED | {"filter_dreambooth", "tabulate_calibration"})
        for name in Filter.model_fields
    },
    # What may leave.
    "export.hub": Row(False, COST),
    "export.licences": Row(["apache-2.0"], {"export_shard"} | EXPORTED),
    # ToffeeNet.
    "toffeenet.steps": Row(64, TRAINED),
    "toffeenet.batch": Row(64, TRAINED),
    "toffeenet.learning_rate": Row(0.05, TRAINED),
    "toffeenet.optimizer": Row("adamw", TRAINED),
    "toffeenet.ema": Row(0.05, TRAINED),
    "toffeenet.kinds": Row("editing", TRAINED),
    "toffeenet.reconstruction": Row(0.05, TRAINED),
    "toffeenet.drop_text": Row(0.1, TRAINED),
    "toffeenet.drop_subject": Row(0.1, TRAINED),
    "toffeenet.drop_both": Row(0.1, TRAINED),
    "toffeenet.pairs": Row(0.05, TRAINED),
    "toffeenet.subjects": Row(0.5, TRAINED | MORE_SHARDS),
    "toffeenet.reference": Row("tokens", TRAINED),
    "toffeenet.changes": Row(0.25, TRAINED),
    "toffeenet.equal_samples": Row(False, TRAINED),
    "toffeenet.own_photo": Row(0.3, TRAINED | {"tabulate_reference"}),
    "toffeenet.segmented": Row(False, TRAINED),
    "toffeenet.depth": Row(True, TRAINED),
    # The base model's images know no λ, and the sweep has values of its own.
    "toffeenet.subject_scale": Row(3.0, BENCHMARK - SWEEP | EDITS | {"export_pipeline"}),
    "toffeenet.sampler_steps": Row(64, SAMPLED),
    "toffeenet.guidance": Row(1.0, SAMPLED | {"tabulate_reference"}),
    "toffeenet.solver": Row("ddim", SAMPLED),
    "toffeenet.guidance_interval": Row([0.5, 1.0], SAMPLED),
    "toffeenet.subject_guidance": Row(
        7.0, BENCHMARK | EDITS | {"export_pipeline", "tabulate_reference"}
    ),
    "toffeenet.edit_guidance": Row(1.0, EDITS | {"export_pipeline"}),
    "toffeenet.edit_subject_guidance": Row(7.0, EDITS | {"export_pipeline"}),
    "toffeenet.reference_photos": Row(3, BENCHMARK | {"tabulate_reference"}),
    # A variant. With `segmented` or `depth` it becomes a row of one more table.
    "variants.*.steps": Row(64, ONE_VARIANT),
    "variants.*.batch": Row(64, ONE_VARIANT),
    "variants.*.learning_rate": Row(0.05, ONE_VARIANT),
    "variants.*.optimizer": Row("adamw", ONE_VARIANT),
    "variants.*.ema": Row(0.05, ONE_VARIANT),
    "variants.*.kinds": Row("generation", ONE_VARIANT),
    "variants.*.reconstruction": Row(0.05, ONE_VARIANT),
    "variants.*.drop_text": Row(0.3, ONE_VARIANT),
    "variants.*.drop_subject": Row(0.3, ONE_VARIANT),
    "variants.*.drop_both": Row(0.3, ONE_VARIANT),
    "variants.*.pairs": Row(0.05, ONE_VARIANT),
    "variants.*.subjects": Row(0.5, ONE_VARIANT | MORE_SHARDS),
    "variants.*.reference": Row("tokens", ONE_VARIANT | {"tabulate_reference"}),
    "variants.*.changes": Row(0.25, ONE_VARIANT),
    "variants.*.equal_samples": Row(False, ONE_VARIANT),
    "variants.*.own_photo": Row(0.3, ONE_VARIANT | {"tabulate_reference"}),
    "variants.*.segmented": Row(False, ONE_VARIANT | {"tabulate_segmentation"}),
    "variants.*.depth": Row(True, ONE_VARIANT | EDITS - {"tabulate_variants"}),
    "variants.*.subject_scale": Row(3.0, USED_VARIANT),
    "variants.*.sampler_steps": Row(64, USED_VARIANT),
    "variants.*.guidance": Row(1.0, USED_VARIANT),
    "variants.*.solver": Row("ddim", USED_VARIANT),
    "variants.*.guidance_interval": Row([0.5, 1.0], USED_VARIANT),
    "variants.*.reference_photos": Row(3, USED_VARIANT | {"tabulate_reference"}),
    # Of this variant there are no edits; a variant that is laid over comes first in its table.
    "variants.*.edit_guidance": Row(1.0, {"tabulate_reconstruction"} | PAGE),
    "variants.*.edit_subject_guidance": Row(7.0, {"tabulate_reconstruction"} | PAGE),
    "variants.*.subject_guidance": Row(7.0, USED_VARIANT | {"tabulate_reference"}),
    # The rival.
    "dreambooth.steps": Row(64, DREAMBOOTH | {"tabulate_dreambooth"}),
    "dreambooth.batch": Row(8, DREAMBOOTH | TUNING),
    "dreambooth.learning_rate": Row(1.0, DREAMBOOTH | TUNING),
    "dreambooth.constant_rate": Row(True, DREAMBOOTH | TUNING),
    "dreambooth.prior_images": Row(64, DREAMBOOTH | TUNING),
    "dreambooth.prior_weight": Row(3.0, DREAMBOOTH | TUNING),
    "dreambooth.guidance": Row(1.0, DREAMBOOTH | TUNING),
    "dreambooth.groups": Row(4, DREAMBOOTH),
    "dreambooth.tuning_steps": Row([100, 200, 400], TUNING),
    "dreambooth.tuning_subjects": Row(4, TUNING),
    "dreambooth.frontier_steps": Row([100, 400]),  # table scaling is not among these targets
    # The evaluation. Its parts rerun nothing of each other.
    "evaluation.seed": Row(
        0,
        BASE
        | REFINER
        | VIEWS
        | BENCHMARK
        | DREAMBOOTH
        | TUNING
        | {"score_dataset", "plot_editing"}
        | DATASET_TABLE,
    ),
    "evaluation.refiner_subjects": Row(64, REFINER | CALIBRATION),
    "evaluation.views_subjects": Row(64, VIEWS),
    "evaluation.base_prompts": Row(64, BASE),
    "evaluation.methods": Row(
        ["text_only", "dreambooth", "toffeenet", "wrong_subject"], {"tabulate_dreambench"} | PAGE
    ),
    "evaluation.pictures": Row(
        {"mine": "other/pictures"},
        {"import_pictures", "score_dreambench", "score_diversity", "tabulate_dreambench"} | PAGE,
    ),
    # Figures toffeenet and worst show the first seed.
    "evaluation.images_per_prompt": Row(
        4, BENCHMARK - {"plot_toffeenet", "plot_worst"} | EDITS | DREAMBOOTH
    ),
    "evaluation.trainings": Row(
        4,
        {"train_toffeenet", "plot_learning", "generate_benchmark"}
        | DREAMBENCH
        | ABLATIONS
        | {"generate_edits", "score_edits", "tabulate_editing"},
    ),
    "evaluation.ablation_prompts": Row(
        4, {"generate_benchmark", "score_dreambench", "score_diversity"} | ABLATIONS
    ),
    "evaluation.strengths": Row(
        [0.0, 0.25, 0.5, 0.75, 1.0, 3.0], {"generate_benchmark", "score_dreambench"} | SWEEP
    ),
    "evaluation.strength_prompts": Row(8, {"generate_benchmark", "score_dreambench"} | SWEEP),
    "evaluation.editing_subjects": Row(64, PAIRS),
    "evaluation.dataset_pairs": Row(64, {"score_dataset", "plot_editing"} | DATASET_TABLE | COST),
    # Another gate draws and scores nothing.
    "evaluation.oracle.dino": Row(0.774, GATE),
    "evaluation.oracle.clip_i": Row(0.885, GATE),
    "evaluation.oracle.tolerance": Row(0.1, GATE),
    # What is told of a run: less of it, by the same rules.
    "report.scope": Row("core", PAGE),
    # What is reckoned with before a run.
    "plan.sustained_tflops.float32": Row(1.0),
    "plan.sustained_tflops.tf32": Row(1.0),
    "plan.sustained_tflops.bfloat16": Row(1.0),
    "plan.sustained_tflops.float16": Row(1.0),
    "plan.frames": Row(64),
    "budget.gpu_hours": Row(64),
    "budget.cpu_hours": Row(1.0),
    "budget.gpu_memory_gib": Row(64),
    "budget.storage_gib": Row(64),
    "budget.download_gib": Row(64),
}
