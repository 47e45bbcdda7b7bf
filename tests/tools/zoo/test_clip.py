"""The zoo's tokenizer, and which captions are true of which pictures."""

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import CLIPTokenizer

from toffee.data.world.vocabulary import ALL_WORDS, COLOURS, Attributes, caption
from toffee_zoo.clip import LENGTH, build_tokenizer, vocabulary_texts
from toffee_zoo.clip_training import (
    FIELDS,
    UNKNOWN,
    Heads,
    claims,
    contrastive_loss,
    draw_said,
    draw_wrong,
    matches,
    shown_attributes,
    wrong_loss,
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
        said = draw_said(values, draw)
        for text in (caption(Attributes(**said)), draw_wrong(said, values, draw)):
            assert " on " not in text and " in " not in text and " at " not in text
        assert "background" not in claims(said)
    assert matches([{"background": "snow"}], pd.DataFrame([row])).tolist() == [[0]]


def test_a_wrong_caption_differs_in_one_thing_that_the_picture_shows():
    row = dict(zip(FIELDS, ("mug", "red", "plain", "sand", "dusk", "photo"), strict=True))
    (values,) = shown_attributes(pd.DataFrame([row]))
    shown, draw, changed = set(caption(values).split()), np.random.default_rng(0), set()
    for _ in range(300):
        said = draw_said(values, draw)
        true = caption(Attributes(**said)).split()
        wrong = draw_wrong(said, values, draw).split()
        more, less = set(wrong) - set(true), set(true) - set(wrong)
        # A value in place of another or of nothing; or daylight, which has no word, for dusk.
        assert more or less == {"at", "dusk"}
        assert not (more & shown) - {"on", "in", "the", "at", "a"}, (true, wrong)
        changed |= more - {"on", "in", "the", "at", "a", "an"}
        changed |= {"day"} if not more else set()
    assert {"ball", "blue", "striped", "snow", "sunset", "day"} <= changed


def test_a_sketch_is_told_no_wrong_colour_and_a_crop_no_wrong_light():
    rows = [
        ("mug", "red", "plain", "sand", "dusk", "sketch"),
        ("mug", "red", "plain", "", "", "photo"),
    ]
    sketch, crop = shown_attributes(pd.DataFrame(rows, columns=list(FIELDS)))
    draw = np.random.default_rng(0)
    texts = [draw_wrong(draw_said(sketch, draw), sketch, draw) for _ in range(100)]
    assert not any(colour in text.split() for text in texts for colour in COLOURS)
    texts = [draw_wrong(draw_said(crop, draw), crop, draw) for _ in range(100)]
    assert not any(light in text for text in texts for light in ("sunset", "dusk"))


def test_the_wrong_caption_has_to_fit_less():
    right, wrong = torch.eye(2), torch.eye(2).flip(0)
    scale = torch.tensor(30.0)
    assert wrong_loss(right, wrong, right, scale) < 1e-6
    assert wrong_loss(wrong, right, right, scale) == pytest.approx(30.0, abs=1e-3)
    assert wrong_loss(right, right, right, scale) == pytest.approx(np.log(2))


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
