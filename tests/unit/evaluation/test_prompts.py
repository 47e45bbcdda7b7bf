"""The texts of held-out edits are those of the dataset's, so that a reader's other texts fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.prompt_parts import PromptParts, in_context
from toffee.evaluation.draw.editing_pairs import edit_prompt
from toffee.runtime.errors import ToffeeError
from toffee.synthesis.plan import other_prompts

from ..data.loaders.conftest import write_multiview

PARTS = PromptParts(
    contexts=["in the snow", "{} stands at night", "a mug on a table"],
    colours=["red", "blue", "orange"],
    textures=["striped", "dotted"],
    styles=["a sketch of"],
)


@pytest.mark.parametrize("word", ["mug", "umbrella", "glasses"])
@pytest.mark.parametrize(("kind", "others"), [("colour", 2), ("texture", 1), ("background", 2)])
def test_an_edit_is_read_against_every_other_change(tmp_path: Path, word, kind, others) -> None:
    views = load_multiview(write_multiview(tmp_path, ("x",), sequences=2))[0]
    views = replace(views, class_word=word)
    others += kind == "background" and word == "mug"  # which has a context of its own
    for context in PARTS.contexts_of(word):
        source = in_context(context, word)
        text = edit_prompt(kind, source, views, PARTS, seed=0)
        row = {"kind": kind, "source_prompt": source, "class_word": word, "prompt": text}
        assert text != source and "{}" not in text
        assert len(other_prompts(row, PARTS)) == others - (kind == "background")


def test_a_source_of_other_contexts_is_named(tmp_path: Path) -> None:
    views = load_multiview(write_multiview(tmp_path, ("ball",), sequences=2))[0]
    with pytest.raises(ToffeeError, match="'a ball there': expected 'ball' in one of the contexts"):
        edit_prompt("colour", "a ball there", views, PARTS, seed=0)


def test_subjects_of_two_classes_never_share_a_name(tmp_path: Path) -> None:
    root = write_multiview(tmp_path, ("ball", "car"), sequences=2)
    write_multiview(tmp_path, ("mug",), sequences=3)
    names = [one.subject for one in load_multiview(root)]
    assert names == ["ball/000", "ball/001", "car/000", "car/001", "mug/000", "mug/001", "002"]
