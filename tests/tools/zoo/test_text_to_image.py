"""What the base model is told of a picture, and what it learns most from."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from toffee.data.world.vocabulary import Attributes
from toffee_zoo.text_to_image import DROP, SAID, SUBJECT, Captions, subject_weight


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


def test_an_error_inside_the_subject_weighs_more():
    cover = torch.tensor([[[0.0, 0.5], [1.0, 0.25]]])
    weight = subject_weight(cover)
    assert weight.shape == (1, 1, 2, 2)
    assert weight.flatten().tolist() == [1, 1 + SUBJECT / 2, 1 + SUBJECT, 1 + SUBJECT / 4]


def test_a_text_that_was_seen_before_has_the_embedding_of_its_own():
    class Encoder:
        calls: list[int] = []

        def __call__(self, ids):
            self.calls.append(len(ids))
            return SimpleNamespace(last_hidden_state=ids[..., None].float())

    class Tokens(dict):
        def to(self, device):
            return self

    def tokenizer(texts, **settings):
        return Tokens(ids=torch.tensor([[len(text), ord(text[0])] for text in texts]))

    captions = Captions.__new__(Captions)
    captions.tokenizer, captions.encoder, captions.known = tokenizer, Encoder(), {}
    first = captions.embed(["a", "bcd", "a"])
    second = captions.embed(["bcd", "ef", "a"])
    assert Encoder.calls == [2, 1]  # each text once
    assert first[..., 0].tolist() == [[1, 97], [3, 98], [1, 97]]
    assert second[..., 0].tolist() == [[3, 98], [2, 101], [1, 97]]
