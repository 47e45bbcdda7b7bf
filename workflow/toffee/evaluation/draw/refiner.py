"""Draw what the Refiner's table compares: initial images, refined by each matching rule."""

from dataclasses import replace
from pathlib import Path

import torch

from toffee.config.sections.refiner import MATCHING_RULES
from toffee.config.settings import Drawing, Matching, Refining, Sampling
from toffee.data.loaders.images import read_image, to_arrays
from toffee.data.loaders.prompt_parts import in_context, read_prompt_parts
from toffee.evaluation.image_set import write_image_set
from toffee.evaluation.sequences import choose_sequences, others_of_class, view_mask
from toffee.method.matching import match_tokens, may_change
from toffee.method.refiner import Refiner
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.folders import InitialModels, RefinerModels, SegmenterModels
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.text_to_image import TextToImage
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of
from toffee.synthesis.thresholds import settled

METHODS = ("initial", "control", *MATCHING_RULES, "wrong_subject", "ceiling")

Shown = tuple[torch.Tensor, torch.Tensor]
"""Pictures [B,3,H,W] and the masks of their subjects [B,H,W]."""


def generate_refiner(
    *,
    multiview_heldout: str | Path,
    prompts: str | Path,
    base_models: InitialModels,
    models: RefinerModels,
    segmenters: SegmenterModels,
    out: str | Path,
    subjects: int,
    drawing: Drawing,
    refining: Refining,
    base_sampling: Sampling,
    seed: int,
    calibration: str | Path | None = None,
) -> None:
    """Refine one initial image of each held-out subject in every way that the table lists.

    `control` redraws the initial image's own tokens. `wrong_subject` matches another subject of the
    class, with the rule of `refining`. `ceiling` knows where every token belongs: it takes the
    subject's own tokens in place, which is right because the initial image has the subject's depth,
    and may redraw the subject's true silhouette too. Every method of a subject starts from the same
    noise.

    Writes one row per method and subject: columns subject, class_word, prompt, method; images
    `image` (drawn) and, beside the initial image, `subject` (the photo).

    Args:
        subjects: number of held-out subjects.
        refining, calibration: how the Refiner draws, as in
            `toffee.synthesis.refined.refine_shard`.
        base_sampling: how initial images are drawn, as in `toffee.synthesis.initial.draw_initial`.
    """
    refining = replace(refining, matching=settled(refining.matching, calibration))
    base = TextToImage(base_models.drawer or models.text_to_image, base_models.controlnet_depth)
    estimate = DepthEstimator(base_models.depth_estimator)
    refiner = Refiner(models.refiner, models.text_to_image)
    encoder = SubjectEncoder(models.subject_encoder)
    segmenter = load_segmenter(segmenters.segmenter, segmenters.detector)

    sequences = choose_sequences(multiview_heldout, subjects)
    names = [sequence.subject for sequence in sequences]
    words = [sequence.class_word for sequence in sequences]
    photos = torch.stack([read_image(s.frames[0], drawing.resolution) for s in sequences])
    masks = torch.stack([view_mask(sequence, 0, drawing.resolution) for sequence in sequences])
    other = torch.tensor(others_of_class(sequences))
    parts = read_prompt_parts(prompts)
    texts = []
    for name, word in zip(names, words, strict=True):
        contexts = parts.contexts_of(word)
        context = contexts[seed_of(seed, "refiner prompt", name) % len(contexts)]
        texts.append(in_context(context, word))
    seeds = [seed_of(seed, "evaluate refiner", name) for name in names]
    shape = base.autoencoder.latent_shape(drawing.resolution)
    initial_noise, refined_noise = (noise([s + at for s in seeds], shape) for at in (0, 1))

    drawn: dict[str, list[torch.Tensor]] = {method: [] for method in METHODS}
    spans = batches(subjects, drawing.batch)
    for span in progress(spans, desc="refiner evaluation", unit="batch"):
        depth = estimate(photos[span])
        initial = base.draw(texts[span], initial_noise[span], base_sampling, depth)
        drawn["initial"].append(initial)
        found = segmenter.segment(initial, words[span])
        wrong = photos[other[span]], masks[other[span]]
        for method, tokens in _tokens_by_method(
            encoder, (initial, found), (photos[span], masks[span]), wrong, refining.matching
        ).items():
            silhouette = found | masks[span] if method == "ceiling" else found
            rule = method if method in MATCHING_RULES else refining.matching.rule
            change = may_change(rule, silhouette) if refining.keep_background else None
            arguments = (tokens, refined_noise[span], refining.sampling, initial)
            drawn[method].append(refiner.draw(*arguments, refining.strength, change))
    count = len(METHODS)
    write_image_set(
        out,
        columns={
            "subject": names * count,
            "class_word": words * count,
            "prompt": texts * count,
            "method": [method for method in METHODS for _ in names],
        },
        images={
            "image": to_arrays(torch.cat([torch.cat(drawn[method]) for method in METHODS])),
            "subject": [*to_arrays(photos), *[None] * (subjects * (count - 1))],
        },
        quality=drawing.quality,
    )


def _tokens_by_method(
    encoder: SubjectEncoder, initial: Shown, subject: Shown, wrong: Shown, matching: Matching
) -> dict[str, torch.Tensor]:
    """Patch tokens [B,N,d] that the Refiner is given, by method.

    Args:
        initial: the initial images, with the masks that the segmenter found.
        subject, wrong: photos of their own subjects, and of other ones, with true masks.
    """
    tokens, own, others = (encoder.tokens(pictures) for pictures, _ in (initial, subject, wrong))
    inside, own_inside, others_inside = (
        encoder.foreground(masks) for _, masks in (initial, subject, wrong)
    )
    return {
        "control": tokens,
        **{
            rule: match_tokens(tokens, own, inside, own_inside, replace(matching, rule=rule)).tokens
            for rule in MATCHING_RULES
        },
        "wrong_subject": match_tokens(tokens, others, inside, others_inside, matching).tokens,
        "ceiling": torch.where(own_inside[..., None], own, tokens),
    }
