"""The synthesis chain as the rules run it, from a plan to a finished shard."""

import time
from collections.abc import Callable
from pathlib import Path

from toffee.synthesis.edits import make_edits
from toffee.synthesis.initial import draw_initial
from toffee.synthesis.refined import refine_shard
from toffee.synthesis.scores import score_shard
from toffee.synthesis.views import draw_views
from toffee_bench.setting import Setting


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
    drawn = {
        "plan": plan,
        "resolution": config.data.resolution,
        "batch": config.sampler.batch,
        "quality": config.synthesis.quality,
    }
    base = {
        "text_to_image": model("text_to_image"),
        "controlnet_depth": model("controlnet_depth"),
        "depth_estimator": model("depth"),
        "sampler_steps": config.sampler.steps,
        "guidance": config.sampler.guidance,
        "control_scale": config.synthesis.control_scale,
        "seed": config.seed,
    }
    return {
        "draw_initial": lambda: draw_initial(
            **drawn, **base, subjects_root=subjects, out=files["initial"]
        ),
        "refine_shard": lambda: refine_shard(
            **drawn,
            subjects_root=subjects,
            initial=files["initial"],
            refiner=model("refiner"),
            text_to_image=model("text_to_image"),
            subject_encoder=model("subject_encoder"),
            segmenter=model("segmenter"),
            detector=None,
            out=files["refined"],
            matching=config.refiner.matching,
            match_threshold=config.refiner.match_threshold,
            position_weight=config.refiner.position_weight,
            strength=config.refiner.strength,
            keep_background=config.refiner.keep_background,
            sampler_steps=config.refiner.sampler_steps,
            guidance=config.refiner.guidance,
            seed=config.seed,
        ),
        "draw_views": lambda: draw_views(
            **drawn,
            subjects_root=subjects,
            multiview_root=multiview,
            view_generator=model("view_generator"),
            text_to_image=model("text_to_image"),
            subject_encoder=model("subject_encoder"),
            depth_estimator=model("depth"),
            out=files["views"],
            sampler_steps=config.view_generator.sampler_steps,
            guidance=config.view_generator.guidance,
            seed=config.seed,
        ),
        "make_edits": lambda: make_edits(
            **drawn,
            **base,
            refined=files["refined"],
            segmenter=model("segmenter"),
            detector=None,
            out=files["edits"],
            edit_strength=config.synthesis.edit_strength,
        ),
        "score_shard": lambda: score_shard(
            **drawn,
            subjects_root=subjects,
            refined=files["refined"],
            views=files["views"],
            edits=files["edits"],
            subject_encoder=model("subject_encoder"),
            clip=model("clip"),
            segmenter=model("segmenter"),
            detector=None,
            out=out / "shards" / name,
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
