"""Which held-out sequences are measured: each beside another one of its class."""

from collections import Counter
from pathlib import Path

import pytest

from toffee.data.loaders.multiview import load_multiview
from toffee.evaluation.sequences import choose_sequences, others_of_class
from toffee.runtime.errors import ToffeeError

from ..data.loaders.conftest import write_multiview


def test_few_classes_are_spread_over(tmp_path: Path) -> None:
    root = write_multiview(tmp_path / "views", ("ball", "crate"), sequences=4)
    assert choose_sequences(root, 8) == load_multiview(root)
    assert [one.sequence for one in choose_sequences(root, 4)] == ["000", "002"] * 2


def test_of_many_classes_pairs_are_chosen(tmp_path: Path) -> None:
    words = tuple(f"class {letter}" for letter in "abcdefgh")
    root = write_multiview(tmp_path / "views", words, sequences=3)
    write_multiview(tmp_path / "views", ("class i",), sequences=1)
    chosen = choose_sequences(root, 8)
    counts = Counter(one.class_word for one in chosen)
    assert len(chosen) == 8 and set(counts.values()) == {2} and "class i" not in counts
    for one, other in zip(chosen, others_of_class(chosen), strict=True):
        assert chosen[other] != one and chosen[other].class_word == one.class_word
    with pytest.raises(
        ToffeeError, match="views: 8 pairs of sequences .*, expected 12 for 25 held"
    ):
        choose_sequences(root, 25)


def test_an_odd_one_is_the_third_of_its_class(tmp_path: Path) -> None:
    words = tuple(f"class {letter}" for letter in "abcdefgh")
    root = write_multiview(tmp_path / "three", words, sequences=3)
    chosen = choose_sequences(root, 7)
    assert sorted(Counter(one.class_word for one in chosen).values()) == [2, 2, 3]
    assert len(others_of_class(chosen)) == 7
    root = write_multiview(tmp_path / "two", words, sequences=2)
    with pytest.raises(ToffeeError, match="no class has a third .* an even number .*, found 5"):
        choose_sequences(root, 5)
