"""The synthesis chain as the rules run it, from a plan to a finished shard."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from toffee.models.folders import BaseModels, RefinerModels, SegmenterModels, ViewModels
from toffee.synthesis.edits import make_edits
from toffee.synthesis.initial import draw_initial
from toffee.synthesis.refined import refine_shard
from toffee.synthesis.scores import score_shard
from toffee.synthesis.views import draw_views
from toffee_bench.setting import ROOT, Setting, drawer_sampling


def stages(setting: Setting, plan: Path, out: Path) -> dict[str, Callable[[], None]]:
    """The calls of rules draw_initial to score_shard for one plan, in their order, by rule.

    Args:
        setting: models, photographs and configuration.
        plan: the shard's plan.
        out: where `stages/<stage>/<shard>.h5` and `shards/<shard>.h5` are written.
    """
    config, model = setting.config, setting.model
    subjects, multiview = setting.folder / "subjects", setting.folder / "multiview"
    name = f"{plan.stem}.h5"
    files = {stage: out / "stages" / stage / name for stage in STAGES}
    drawing, sampling, seed = config.drawing, drawer_sampling(config), config.seed
    base = BaseModels(model("text_to_image"), model("controlnet_depth"), model("depth"))
    segmenters = SegmenterModels(model("segmenter"))
    refiner = RefinerModels(model("refiner"), model("text_to_image"), model("subject_encoder"))
    viewer = ViewModels(
        model("view_generator"), model("text_to_image"), model("subject_encoder"), model("depth")
    )
    matching = config.refiner.refining.matching
    if isinstance(matching.threshold, str):  # nothing is calibrated here; the time is the same
        matching = replace(matching, threshold=0.5)
    return {
        "draw_initial": lambda: draw_initial(
            plan=plan,
            subjects_root=subjects,
            models=base,
            out=files["initial"],
            drawing=drawing,
            sampling=sampling,
            seed=seed,
        ),
        "refine_shard": lambda: refine_shard(
            plan=plan,
            subjects_root=subjects,
            initial=files["initial"],
            models=refiner,
            segmenters=segmenters,
            out=files["refined"],
            drawing=drawing,
            refining=replace(config.refiner.refining, matching=matching),
            calibration=None,
            seed=seed,
        ),
        "draw_views": lambda: draw_views(
            plan=plan,
            subjects_root=subjects,
            multiview_root=multiview,
            models=viewer,
            out=files["views"],
            drawing=drawing,
            sampling=config.view_generator.sampling,
            seed=seed,
        ),
        "make_edits": lambda: make_edits(
            plan=plan,
            refined=files["refined"],
            models=base,
            segmenters=segmenters,
            out=files["edits"],
            drawing=drawing,
            sampling=sampling,
            edit_strength=config.synthesis.edit_strength,
            seed=seed,
        ),
        "score_shard": lambda: score_shard(
            plan=plan,
            prompts=ROOT / config.synthesis.prompts,
            texts=ROOT / config.synthesis.texts if config.synthesis.texts else None,
            subjects_root=subjects,
            refined=files["refined"],
            views=files["views"],
            edits=files["edits"],
            subject_encoder=model("subject_encoder"),
            clip=model("clip"),
            segmenters=segmenters,
            out=out / "shards" / name,
            drawing=drawing,
        ),
    }


STAGES = ("initial", "refined", "views", "edits")


def run(setting: Setting, plan: Path, out: Path) -> dict[str, float]:
    """Make a shard; seconds by rule, each with the loading of its models, as a job has it."""
    seconds = {}
    for rule, call in stages(setting, plan, out).items():
        start = time.perf_counter()
        call()
        seconds[rule] = time.perf_counter() - start
    return seconds
