"""What the base model is told of a picture, and what it learns most from."""

from types import SimpleNamespace

import numpy as np
import pytest

from toffee.data.world.vocabulary import Attributes
from toffee_zoo.text_to_image import DROP, SAID, Captions


def test_captions_say_each_field_as_often_as_they_are_to():
    shown = Attributes("mug", "red", "striped", "sand", "dusk", "photo")
    captions = Captions.__new__(Captions)  # without its text encoder
    captions.draw = np.random.default_rng(0)
    captions.data = SimpleNamespace(caption_attributes=lambda row: shown)
    texts = [captions.text(0) for _ in range(4000)]
    told = [text for text in texts if text]
    assert 1 - len(told) / len(texts) == pytest.approx(DROP, abs=0.02)
    for field, word in (("colour", "red"), ("texture", "striped"), ("background", "sand")):
        share = np.mean([word in text.split() for text in told])
        assert share == pytest.approx(SAID[field], abs=0.03), field
    # The light is told of a place.
    assert all(("dusk" in text) == ("sand" in text) for text in told)
