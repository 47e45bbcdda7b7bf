"""How much of a subject's picture a drawn one repeats in place."""

import torch
import torch.nn.functional as F

SAME = 0.04  # mean absolute difference (of [0,1]) below which a patch counts as copied


def copy_rate(
    targets: torch.Tensor, subjects: torch.Tensor, masks: torch.Tensor, grid: int
) -> torch.Tensor:
    """Share of the target's foreground patches that repeat the subject's picture in place: [B].

    Args:
        targets, subjects: pictures [B,3,H,W].
        masks: the subject in the target, bool [B,H,W].
        grid: patches a side.
    """
    difference = F.adaptive_avg_pool2d((targets - subjects).abs().mean(1, keepdim=True), grid)
    inside = F.adaptive_avg_pool2d(masks[:, None].float(), grid) >= 0.5
    same = (difference < SAME) & inside
    return same.flatten(1).sum(1) / inside.flatten(1).sum(1).clamp(min=1)
