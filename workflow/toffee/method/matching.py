"""Matching the patch tokens of an initial image to those of the subject (method step 2)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from toffee.config.sections.refiner import MATCHING_RULES
from toffee.config.settings import Matching
from toffee.runtime.errors import ToffeeError


@dataclass(frozen=True)
class Mixed:
    """Tokens for the Refiner.

    Attributes:
        tokens: [B,N,d], the initial image's with the subject's in their place where they match.
        replaced: bool [B,N], which tokens were replaced.
        source: int64 [B,N], the subject's token that was the best match.
    """

    tokens: torch.Tensor
    replaced: torch.Tensor
    source: torch.Tensor


def match_tokens(
    initial: torch.Tensor,
    subject: torch.Tensor,
    initial_foreground: torch.Tensor,
    subject_foreground: torch.Tensor,
    matching: Matching,
) -> Mixed:
    """Replace tokens of the initial image by their best match among the subject's.

    Rules:
        `cosine`: any token of the initial image may be replaced by any of the subject's, as
            summaries of the paper describe it.
        `silhouette`: only foreground tokens, by foreground tokens.
        `silhouette+position`: as `silhouette`, and a match loses `position_weight` times the
            squared distance of the two places, each within its own silhouette ([0,1] across).

    Args:
        initial, subject: patch tokens [B,N,d], row by row.
        initial_foreground, subject_foreground: bool [B,N].
        matching: rule, one of `MATCHING_RULES`; threshold and weight of the position.

    Raises:
        ToffeeError: the rule is unknown.
    """
    rule, threshold = matching.rule, matching.threshold
    if isinstance(threshold, str):
        raise ToffeeError(f"refiner.match_threshold: {threshold} was not looked up")
    if rule not in MATCHING_RULES:
        raise ToffeeError(
            f"refiner.matching: unknown rule {rule!r}; expected {', '.join(MATCHING_RULES)}"
        )
    cosine = F.normalize(initial, dim=-1) @ F.normalize(subject, dim=-1).transpose(1, 2)
    score = cosine
    allowed = torch.ones_like(initial_foreground)
    if rule != "cosine":
        allowed = initial_foreground & subject_foreground.any(1, keepdim=True)
        score = score.masked_fill(~subject_foreground[:, None], -torch.inf)
    if rule == "silhouette+position":
        places = within_silhouette(initial_foreground), within_silhouette(subject_foreground)
        score = score - matching.position_weight * torch.cdist(places[0], places[1]).square()
    source = score.argmax(2)
    best = cosine.gather(2, source[..., None])[..., 0]
    replaced = allowed & (best >= threshold)
    matched = subject.gather(1, source[..., None].expand(-1, -1, subject.shape[2]))
    return Mixed(torch.where(replaced[..., None], matched, initial), replaced, source)


def may_change(rule: str, foreground: torch.Tensor) -> torch.Tensor | None:
    """The pixels that a rule lets the Refiner redraw; the rest keeps the initial image's latents.

    Args:
        rule: one of `MATCHING_RULES`.
        foreground: the subject's pixels in the initial image, bool [B,H,W].

    Returns:
        Bool [B,1,H,W], or None: everything, since `cosine` replaces background too.
    """
    return None if rule == "cosine" else foreground[:, None]


def within_silhouette(foreground: torch.Tensor) -> torch.Tensor:
    """Place of each patch in the box around the foreground: [B,N,2], 0 to 1 inside of it."""
    count, tokens = foreground.shape
    side = round(tokens**0.5)
    index = torch.arange(tokens)
    places = torch.stack([index // side, index % side], 1).float()
    inside = foreground[..., None]
    low = torch.where(inside, places, torch.inf).amin(1, keepdim=True)
    high = torch.where(inside, places, -torch.inf).amax(1, keepdim=True)
    found = torch.isfinite(low)
    low, high = torch.where(found, low, 0.0), torch.where(found, high, float(side))
    return (places.expand(count, -1, -1) - low) / (high - low).clamp(min=1)
