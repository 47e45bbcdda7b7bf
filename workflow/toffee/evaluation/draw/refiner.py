"""Draw what the Refiner's table compares: initial images and what each matching makes of them."""

from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import torch

from toffee.config.sections.refiner import MATCHING_RULES
from toffee.config.settings import Matching, Sampling
from toffee.data.loaders.images import image_size, read_image, read_mask, to_arrays
from toffee.data.loaders.multiview import Sequence, load_multiview
from toffee.data.loaders.prompt_parts import read_prompt_parts
from toffee.evaluation.image_set import write_image_set
from toffee.method.matching import match_tokens, may_change
from toffee.method.refiner import Refiner
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import batches
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.text_to_image import TextToImage
from toffee.runtime.errors import ToffeeError
from toffee.runtime.progress import progress
from toffee.runtime.seeds import noise, seed_of

METHODS = ("initial", "control", *MATCHING_RULES, "wrong_subject", "ceiling")


def choose_sequences(root: str | Path, count: int) -> list[Sequence]:
    """`count` held-out sequences, spread over the classes.

    Each has another one of its class beside it (see `others_of_class`). Where there are so many
    classes that single ones would be chosen, pairs of a class are.

    Raises:
        ToffeeError: the folder holds fewer, or fewer in pairs.
    """
    sequences = load_multiview(root)
    if len(sequences) < count:
        raise ToffeeError(f"{root}: {len(sequences)} sequences, expected {count} held-out subjects")
    # Spread over the classes, whose folders come one after the other.
    step = len(sequences) / count
    chosen = [sequences[int(place * step)] for place in range(count)]
    if min(Counter(one.class_word for one in chosen).values()) > 1:
        return chosen
    groups = [list(group) for _, group in groupby(sequences, key=lambda one: one.class_word)]
    pairs = [group[at : at + 2] for group in groups for at in range(0, len(group) - 1, 2)]
    wanted = -(-count // 2)
    if len(pairs) < wanted:
        raise ToffeeError(
            f"{root}: {len(pairs)} pairs of sequences of one class, expected {wanted} for {count} "
            "held-out subjects, each beside another one of its class"
        )
    step = len(pairs) / wanted
    return [one for place in range(wanted) for one in pairs[int(place * step)]][:count]


def view_mask(sequence: Sequence, view: int, resolution: int) -> torch.Tensor:
    """The true mask of a sequence's frame, bool [resolution, resolution].

    Raises:
        ToffeeError: the mask has not the size of its frame.
    """
    size = image_size(sequence.frames[view])
    return read_mask(sequence.masks[view], resolution, size=size)


def others_of_class(sequences: list[Sequence]) -> list[int]:
    """For each sequence the next one of its class, cyclically: another subject to compare with.

    Raises:
        ToffeeError: a class has one sequence only.
    """
    members: dict[str, list[int]] = {}
    for place, sequence in enumerate(sequences):
        members.setdefault(sequence.class_word, []).append(place)
    for word, places in members.items():
        if len(places) < 2:
            raise ToffeeError(f"held-out sequences: one {word} only, expected at least two")
    following = {
        place: places[(rank + 1) % len(places)]
        for places in members.values()
        for rank, place in enumerate(places)
    }
    return [following[place] for place in range(len(sequences))]


def generate_refiner(
    *,
    multiview_heldout: str | Path,
    prompts: str | Path,
    text_to_image: str | Path,
    controlnet_depth: str | Path,
    depth_estimator: str | Path,
    refiner: str | Path,
    subject_encoder: str | Path,
    segmenter: str | Path,
    detector: str | Path | None = None,
    out: str | Path,
    resolution: int,
    subjects: int,
    matching: str,
    match_threshold: float,
    position_weight: float,
    strength: float,
    keep_background: bool,
    sampler_steps: int,
    guidance: float,
    base_steps: int,
    base_guidance: float,
    control_scale: float,
    batch: int,
    quality: int,
    seed: int,
) -> None:
    """Refine one initial image of each held-out subject in every way that the table lists.

    `control` redraws the initial image's own tokens. `wrong_subject` matches another subject of the
    class, with the default rule. `ceiling` knows where every token belongs: it takes the subject's
    own tokens in place, which is right because the initial image has the subject's depth, and may
    redraw the subject's true silhouette too. Every method of a subject starts from the same noise.

    Writes one row a (method, subject): columns subject, class_word, prompt, method; images `image`
    (drawn) and, beside the initial image, `subject` (the photo). The arguments are those of the
    stages `draw_initial` and `refine_shard`; `matching` names the default rule.
    """
    default = Matching(matching, match_threshold, position_weight)
    base = TextToImage(text_to_image, controlnet_depth)
    model, encoder = Refiner(refiner, text_to_image), SubjectEncoder(subject_encoder)
    estimate, segment = DepthEstimator(depth_estimator), load_segmenter(segmenter, detector)
    sequences = choose_sequences(multiview_heldout, subjects)
    words = [sequence.class_word for sequence in sequences]
    photos = torch.stack([read_image(s.frames[0], resolution) for s in sequences])
    masks = torch.stack([view_mask(sequence, 0, resolution) for sequence in sequences])
    contexts = read_prompt_parts(prompts).contexts
    texts = [
        f"a {s.class_word} {contexts[seed_of(seed, 'refiner prompt', s.sequence) % len(contexts)]}"
        for s in sequences
    ]
    other = torch.tensor(others_of_class(sequences))
    seeds = [seed_of(seed, "evaluate refiner", sequence.sequence) for sequence in sequences]
    noises = {
        stage: noise([s + place for s in seeds], base.autoencoder.latent_shape(resolution))
        for place, stage in enumerate(("initial", "refined"))
    }
    drawn: dict[str, list[torch.Tensor]] = {method: [] for method in METHODS}
    for span in progress(batches(subjects, batch), desc="refiner evaluation", unit="batch"):
        depth = estimate(photos[span])
        initial = base.draw(
            texts[span],
            noises["initial"][span],
            Sampling(base_steps, base_guidance, control_scale),
            depth,
        )
        drawn["initial"].append(initial)
        tokens, own = encoder.tokens(initial), encoder.tokens(photos[span])
        found = segment.segment(initial, words[span])
        inside = encoder.foreground(found)
        own_inside = encoder.foreground(masks[span])
        wrong = encoder.tokens(photos[other[span]]), encoder.foreground(masks[other[span]])
        mixed = {
            "control": tokens,
            **{
                rule: match_tokens(
                    tokens, own, inside, own_inside, replace(default, rule=rule)
                ).tokens
                for rule in MATCHING_RULES
            },
            "wrong_subject": match_tokens(tokens, wrong[0], inside, wrong[1], default).tokens,
            "ceiling": torch.where(own_inside[..., None], own, tokens),
        }
        for method, condition in mixed.items():
            silhouette = found | masks[span] if method == "ceiling" else found
            rule = method if method in MATCHING_RULES else matching
            change = may_change(rule, silhouette) if keep_background else None
            draw = (condition, noises["refined"][span], Sampling(sampler_steps, guidance))
            drawn[method].append(model.draw(*draw, initial, strength, change))
    names = [sequence.sequence for sequence in sequences]
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
        quality=quality,
    )
