"""A shard from its plan to its scores in one process (config `synthesis.one_job`)."""

from collections.abc import Callable
from pathlib import Path

from toffee.config.settings import Drawing, Refining, Sampling
from toffee.models.folders import (
    BaseModels,
    InitialModels,
    RefinerModels,
    SegmenterModels,
    ViewModels,
)
from toffee.models.loaded import keeping_models
from toffee.provenance.code import code_digest
from toffee.runtime.environment import keeping_journals
from toffee.runtime.signals import defer_sigterm, stop_if_interrupted
from toffee.synthesis.edits import make_edits
from toffee.synthesis.initial import draw_initial
from toffee.synthesis.refined import refine_shard
from toffee.synthesis.scores import score_shard
from toffee.synthesis.views import draw_views

KEPT = "the finished stages of the shard are kept"


def synthesize_shard(
    *,
    plan: str | Path,
    prompts: str | Path,
    subjects_root: str | Path,
    multiview_root: str | Path,
    base_models: InitialModels,
    refiner_models: RefinerModels,
    view_models: ViewModels,
    segmenters: SegmenterModels,
    clip: str | Path,
    initial: str | Path,
    refined: str | Path,
    views: str | Path,
    edits: str | Path,
    out: str | Path,
    drawing: Drawing,
    sampling: Sampling,
    view_sampling: Sampling,
    refining: Refining,
    edit_strength: float,
    seed: int,
    calibration: str | Path | None = None,
    texts: str | Path | None = None,
) -> None:
    """Draw all stages of a shard and score it: the files that the rules of the stages write.

    Libraries and models are loaded once. A job that was killed resumes in the stage and the batch
    in which it was: the journals of finished stages stay until the shard is scored. SIGTERM stops
    it between two batches, or before the next stage.

    Args:
        base_models, refiner_models, view_models, segmenters, clip: folders of the models.
        initial, refined, views, edits: files of the stages to write.
        out: file of the shard to write.
        sampling, view_sampling: of the base model and of the View Generator.
        The rest as in the functions of the stages.
    """
    base = BaseModels(
        base_models.drawer or refiner_models.text_to_image,
        base_models.controlnet_depth,
        base_models.depth_estimator,
    )
    with keeping_models(), defer_sigterm():
        with keeping_journals():
            draw_initial(
                plan=plan,
                subjects_root=subjects_root,
                models=base,
                out=initial,
                drawing=drawing,
                sampling=sampling,
                seed=seed,
                code=_code(draw_initial),
            )
            stop_if_interrupted(KEPT)
            refine_shard(
                plan=plan,
                subjects_root=subjects_root,
                initial=initial,
                models=refiner_models,
                segmenters=segmenters,
                out=refined,
                drawing=drawing,
                refining=refining,
                seed=seed,
                code=_code(refine_shard),
                calibration=calibration,
            )
            stop_if_interrupted(KEPT)
            draw_views(
                plan=plan,
                subjects_root=subjects_root,
                multiview_root=multiview_root,
                models=view_models,
                out=views,
                drawing=drawing,
                sampling=view_sampling,
                seed=seed,
                code=_code(draw_views),
            )
            stop_if_interrupted(KEPT)
            make_edits(
                plan=plan,
                refined=refined,
                models=base,
                segmenters=segmenters,
                out=edits,
                drawing=drawing,
                sampling=sampling,
                edit_strength=edit_strength,
                seed=seed,
                code=_code(make_edits),
            )
        stop_if_interrupted(KEPT)
        score_shard(
            plan=plan,
            prompts=prompts,
            subjects_root=subjects_root,
            refined=refined,
            views=views,
            edits=edits,
            subject_encoder=refiner_models.subject_encoder,
            clip=clip,
            segmenters=segmenters,
            out=out,
            drawing=drawing,
            texts=texts,
            code=_code(score_shard),
        )


def _code(stage: Callable[..., None]) -> str:
    """The digest of a stage's code, which the rule of the stage gives it."""
    return code_digest(f"{stage.__module__}.{stage.__name__}")
