"""The zoo's tokenizer, and which captions are true of which pictures."""

import pandas as pd
import pytest
from transformers import CLIPTokenizer

from toffee.data.world.vocabulary import ALL_WORDS
from toffee_zoo.clip import FIELDS, LENGTH, build_tokenizer, matches, vocabulary_texts


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
