"""Scores against cases that are counted by hand."""

import numpy as np
import pytest
import torch

from toffee.config.sections.filter import SCORES
from toffee.data.loaders.prompt_parts import PromptParts
from toffee.models.clip import Clip
from toffee.models.subject_encoder import SubjectEncoder
from toffee.synthesis.plan import other_prompts
from toffee.synthesis.scores import candidate_scores, change_read, connectedness, subject_features


@pytest.mark.parametrize(
    ("mask", "share"),
    [
        (["....", "....", "...."], 0.0),
        (["##..", "##..", "...."], 1.0),
        (["##..", "#...", "...#"], 3 / 4),
        (["#.#.", ".#.#", "#.#."], 1 / 6),  # a corner does not connect
        (["####", "....", "####"], 1 / 2),
    ],
)
def test_connectedness_is_the_share_of_the_largest_part(mask, share):
    assert connectedness(np.array([[c == "#" for c in row] for row in mask])) == share


def test_similarity_is_of_the_subjects_alone_and_zero_where_none_was_found(random_zoo):
    encoder = SubjectEncoder(random_zoo / "subject_encoder")
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(3, 64, 64, dtype=torch.bool)
    masks[:2, 16:48, 16:48] = True
    elsewhere = torch.where(masks[:, None], images, 1 - images)
    a, b = (subject_features(encoder, shown, masks) for shown in (images, elsewhere))
    found = (a * b).sum(1)
    assert found[:2].tolist() == pytest.approx([1, 1], abs=1e-5) and found[2] == 0


def test_a_view_without_its_subject_is_like_nothing(random_zoo):
    draw = torch.Generator().manual_seed(0)
    pictures, masks = torch.rand(2, 3, 64, 64, generator=draw), torch.zeros(2, 64, 64).bool()
    masks[:, 16:48, 16:48] = True
    found = torch.stack([masks[0], torch.zeros_like(masks[0])])
    scores = candidate_scores(
        SubjectEncoder(random_zoo / "subject_encoder"),
        Clip(random_zoo / "clip"),
        pictures,
        masks,
        ["a red mug", "a car"],
        own=(pictures, masks),
        posed=(pictures, found),
        before=pictures,
    )
    assert set(scores) == set(SCORES)
    for name in ("view_similarity", "pair_similarity"):
        assert scores[name].tolist() == pytest.approx([1, 0], abs=1e-5)
    assert scores["subject_similarity"].tolist() == pytest.approx([1, 1], abs=1e-5)
    assert scores["change_read"].tolist() == [1, 1]


def axes_of(texts):
    """Features of a CLIP whose texts are the axes."""
    return torch.stack([torch.eye(4)[("red", "blue", "plain").index(one)] for one in texts])


def test_a_change_is_read_against_the_best_other_text_and_not_yet_before():
    features = torch.tensor([[0.9, 0.4, 0.1, 0.0], [0.1, 0.2, 0.9, 0.0], [0.0, 0.0, 0.0, 1.0]])
    prompts, others = ["red", "red", "red"], [["blue", "plain"], ["blue", "plain"], []]
    before = torch.tensor([[0.0, 0.8, 0.5, 0.0]] * 3)
    read = change_read(features, before, prompts, others, axes_of, scale=2.0)
    then = 1 / (1 + np.exp(2 * 0.8))
    expected = [1 / (1 + np.exp(-2 * (0.9 - 0.4))), 1 / (1 + np.exp(-2 * (0.1 - 0.9)))]
    assert read.tolist() == pytest.approx([*(p * (1 - then) for p in expected), 1.0])


@pytest.mark.parametrize(
    ("kind", "prompt", "source", "others"),
    [
        ("generation", "a mug by day", "", []),
        ("background", "a mug by day", "a mug at night", ["a mug at night", "a mug in fog"]),
        ("colour", "a red mug by day", "a mug by day", ["an orange mug by day"]),
        ("texture", "a dotted mug by day", "a mug by day", ["a mug by day"]),
        ("style", "a sketch of a mug by day", "a mug by day", ["a mug by day"]),
    ],
)
def test_an_edit_could_have_been_another_of_its_kind_or_what_says_something_else(
    kind, prompt, source, others
):
    parts = PromptParts(
        ["by day", "at night", "in fog"], ["red", "orange"], ["dotted"], ["a sketch of"]
    )
    row = {"kind": kind, "prompt": prompt, "source_prompt": source, "class_word": "mug"}
    assert sorted(other_prompts(row, parts)) == sorted(others)
