"""The filter's CLIP."""

import torch

from toffee.models.clip import Clip


def test_features_are_of_unit_length_and_do_not_depend_on_the_batch(random_zoo):
    clip = Clip(random_zoo / "clip")
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    texts = ["a red mug on the grass", "a car", ""]
    for whole, alone in (
        (clip.images(images), [clip.images(image[None]) for image in images]),
        (clip.texts(texts), [clip.texts([text]) for text in texts]),
    ):
        assert torch.allclose(whole.norm(dim=1), torch.ones(3), atol=1e-5)
        assert torch.allclose(whole, torch.cat(alone), atol=1e-5)  # padding changes nothing
