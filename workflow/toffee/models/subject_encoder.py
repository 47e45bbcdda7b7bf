"""E, the frozen subject encoder (DINO family): pictures to patch tokens."""

from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModel

from toffee.models.load import load_model
from toffee.models.preprocess import Preprocessing
from toffee.runtime.compute import prepare
from toffee.runtime.device import device

GREY = 0.5  # what a segmented picture shows outside of the subject
# Share of a patch inside the mask that makes it foreground. With half, the rim stayed as it was.
COVER = 0.25


class SubjectEncoder:
    """Patch tokens E(x) and class token of pictures.

    The encoder sees whole pictures. The hub's DINOv2 configs resize to 256 and cut out the middle
    224 pixels, for classification; here that would lose the rim of the subject, and a patch would
    no longer stand for the same place of the picture, its mask, its depth and its latents, which
    matching by place, the foreground and the grid of tokens rely on. So the picture is squeezed to
    the same input size instead: DINOv2 gives 16 x 16 tokens of 14 pixels, for which it interpolates
    its position embeddings.

    Attributes:
        width: d, the width of a token.
        grid: tokens a side; N = grid².
    """

    def __init__(self, folder: str | Path, batch: int = 64) -> None:
        self.model = prepare(load_model(AutoModel, folder))
        self.preprocessing = subject_preprocessing(folder)
        config = self.model.config
        self.width = config.hidden_size
        self.grid = self.preprocessing.crop[0] // config.patch_size
        self.registers = getattr(config, "num_register_tokens", 0)
        self.batch = batch

    @torch.no_grad()
    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Class tokens [B,d] and patch tokens [B,N,d] of pictures [B,3,H,W] in [0,1]."""
        hidden = torch.cat(
            [
                self.model(self.preprocessing.whole(part).to(device())).last_hidden_state.cpu()
                for part in images.split(self.batch)
            ]
        )
        return hidden[:, 0], hidden[:, 1 + self.registers :]

    def tokens(self, images: torch.Tensor) -> torch.Tensor:
        """Patch tokens [B,N,d], row by row from the top left."""
        return self.encode(images)[1]

    def foreground(self, masks: torch.Tensor) -> torch.Tensor:
        """Which patches lie in the mask: bool [B,N] of masks [B,H,W].

        A subject so thin that it fills no patch that far keeps the patch that it fills most.
        """
        cover = F.adaptive_avg_pool2d(masks[:, None].float(), self.grid).flatten(1)
        best = cover.amax(1, keepdim=True)
        return (cover >= COVER) | ((cover == best) & (best > 0))


def subject_preprocessing(folder: str | Path) -> Preprocessing:
    """What happens to a picture before the encoder of this folder sees it."""
    return Preprocessing.read(folder).uncropped()


def cut_out(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Subjects on grey; one that was not found (empty mask) is shown with its whole picture."""
    found = masks.flatten(1).any(1)[:, None, None]
    return segmented(images, masks | ~found)


def segmented(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Pictures [B,3,H,W] with everything outside of the masks [B,H,W] grey."""
    return torch.where(masks[:, None], images, torch.tensor(GREY))
