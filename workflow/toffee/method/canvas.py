"""The reference canvas (ours): the subject's latents beside the target's, in one picture.

A UNet that draws the left half of a canvas sees the reference in the right half with its own
self-attention, as it sees the rest of a picture. The right half is given: free of noise, and its
mask of what is to be drawn is empty. So nothing new is learned but to look there, and detail comes
through that patch tokens lose. A step costs twice the pixels.

Source: after BootPIG (arXiv 2401.13974), JeDi (arXiv 2407.06187) and OminiControl (arXiv
2411.15098), which also let self-attention read the reference; a canvas needs no other network.
"""

import torch
from diffusers import UNet2DConditionModel


def on_canvas(
    noisy: torch.Tensor, entry: torch.Tensor, reference: torch.Tensor, given_at: int
) -> torch.Tensor:
    """The input of the UNet [B,C+E,h,2w]: what is drawn on the left, the reference on the right.

    Args:
        noisy: latents of the picture to draw [B,C,h,w].
        entry: its other input [B,E,h,w], with latents of what is given of the picture among it:
            ToffeeNet's mask, masked latents, and depth where there is one.
        reference: latents of the subject's picture [B,C,h,w].
        given_at: place of these latents among the channels of the entry.
    """
    given = torch.zeros_like(entry)
    given[:, given_at : given_at + reference.shape[1]] = reference
    left, right = torch.cat([noisy, entry], 1), torch.cat([reference, given], 1)
    return torch.cat([left, right], 3)


def left_half(drawn: torch.Tensor) -> torch.Tensor:
    """What was drawn [B,C,h,w], of a canvas [B,C,h,2w]."""
    return drawn[..., : drawn.shape[-1] // 2]


def drawn_by(
    unet: UNet2DConditionModel,
    noisy: torch.Tensor,
    entry: torch.Tensor,
    times: torch.Tensor,
    states: torch.Tensor | tuple[torch.Tensor, list[torch.Tensor]],
    reference: torch.Tensor | None,
    given_at: int,
) -> torch.Tensor:
    """The UNet's prediction [B,C,h,w]; with a reference, from a canvas that shows it (see
    `on_canvas`).

    states: what cross-attention reads.
    """
    if reference is None:
        return unet(torch.cat([noisy, entry], 1), times, states).sample
    return left_half(unet(on_canvas(noisy, entry, reference, given_at), times, states).sample)
