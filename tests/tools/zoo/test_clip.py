"""The zoo's tokenizer, and which captions are true of which pictures."""

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import CLIPTokenizer

from toffee.data.world.vocabulary import ALL_WORDS
from toffee_zoo.clip import LENGTH, build_tokenizer, vocabulary_texts
from toffee_zoo.clip_training import (
    FIELDS,
    UNKNOWN,
    Heads,
    contrastive_loss,
    draw_caption,
    matches,
    shown_attributes,
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """Written and read again, as every user of the zoo has it."""
    folder = tmp_path_factory.mktemp("tokenizer")
    build_tokenizer(vocabulary_texts(), folder)
    return CLIPTokenizer.from_pretrained(folder)


def test_every_word_of_the_world_is_one_token_and_comes_back(tokenizer):
    for word in ALL_WORDS:
        ids = tokenizer(word).input_ids
        assert len(ids) == 3, word  # between start and end
        assert ids[0] == tokenizer.bos_token_id and ids[2] == tokenizer.eos_token_id
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == word


def test_words_are_told_apart_and_other_text_is_read_too(tokenizer):
    ids = [tuple(tokenizer(word).input_ids) for word in ALL_WORDS]
    assert len(set(ids)) == len(ids)
    text = "a Zebra 42 in the snow"
    ids = tokenizer(text).input_ids
    assert tokenizer.unk_token_id not in ids[1:-1]
    assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == "azebra42inthesnow"
    padded = tokenizer(["a", "word " * 99], padding="max_length", truncation=True).input_ids
    assert [len(row) for row in padded] == [LENGTH, LENGTH]


def test_a_caption_is_true_of_every_picture_that_shows_what_it_says():
    shown = pd.DataFrame(
        [
            ("crate", "red", "plain", "grass", "day", "photo"),
            ("crate", "blue", "plain", "grass", "day", "photo"),
            ("mug", "red", "dotted", "snow", "dusk", "sketch"),
        ],
        columns=list(FIELDS),
    )
    said = [
        {"class_word": "crate"},
        {"class_word": "crate", "colour": "red"},
        {"class_word": "mug", "style": "sketch", "background": "snow"},
        {"class_word": "mug", "colour": "blue"},
    ]
    assert matches(said, shown).tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_a_cropped_picture_is_told_nothing_of_its_place():
    row = dict(zip(FIELDS, ("mug", "red", "dotted", "", "", "photo"), strict=True))
    (values,) = shown_attributes(pd.DataFrame([row]))
    assert values.background is None and values.light is None
    draw = np.random.default_rng(0)
    for _ in range(20):
        said, text = draw_caption(values, draw)
        assert "background" not in said and " on " not in text and " in " not in text
    assert matches([{"background": "snow"}], pd.DataFrame([row])).tolist() == [[0]]


def test_the_contrastive_loss_wants_every_true_picture_equally():
    text, image = torch.eye(2), torch.eye(2)
    scale = torch.tensor(30.0)
    assert contrastive_loss(text, image, torch.eye(2), scale) < 1e-6
    # Both captions are true of both pictures: features that tell them apart are wrong.
    both = torch.ones(2, 2)
    assert contrastive_loss(text, image, both, scale) > 10
    same = torch.ones(2, 2)
    assert contrastive_loss(same, same, both, scale) == pytest.approx(2 * np.log(2))


def test_texture_is_read_off_the_subject_alone():
    torch.manual_seed(0)
    heads = Heads({"texture": 6, "background": 8})
    hidden, feature, cover = torch.randn(2, 128, 2, 2), torch.randn(2, 128), torch.zeros(2, 2, 2)
    cover[0, 0, 0], cover[1] = 0.5, 1.0  # the second picture is cropped to its subject
    known = {"texture": torch.tensor([1, 2]), "background": torch.tensor([3, UNKNOWN])}
    loss = heads(hidden, feature, cover, known)
    around = hidden.clone()
    around[0, :, 1] += 1
    assert torch.equal(loss, heads(around, feature, cover, known))
    for row, line in ((0, 0), (1, 1)):
        inside = hidden.clone()
        inside[row, :, line] += 1
        assert not torch.equal(loss, heads(inside, feature, cover, known))
    nothing = known | {"background": torch.tensor([UNKNOWN, UNKNOWN])}
    assert heads(hidden, feature, cover, nothing).isfinite()
