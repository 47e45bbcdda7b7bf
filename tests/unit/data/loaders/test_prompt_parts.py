"""The prompts of the photograph scales: well formed, different, and none of the benchmark's."""

import os
import re
from pathlib import Path

import pytest

from toffee.data.importers.words import class_word
from toffee.data.loaders.classes import read_classes
from toffee.data.loaders.dreambench import LIVE_CLASSES, fill, load_benchmark, parse_prompts
from toffee.data.loaders.frozen_prompts import check_frozen
from toffee.data.loaders.prompt_parts import PromptParts, noun_phrase, read_prompt_parts
from toffee.runtime.errors import ToffeeError

PROMPTS = Path(__file__).resolve().parents[4] / "config" / "prompts"
PARTS = read_prompt_parts(PROMPTS / "photos.yaml")
FROZEN = parse_prompts(PROMPTS / "dreambench.txt")
LISTED = {*read_classes(PROMPTS / "classes.txt"), *read_classes(PROMPTS / "living.txt")}
WORDS = sorted({*LISTED, *FROZEN.classes.values()})


def dreambench() -> Path | None:
    """DreamBench's photos: TOFFEE_DREAMBENCH, or `shared/dreambench` beside the repository."""
    given = os.environ.get("TOFFEE_DREAMBENCH")
    beside = Path(__file__).resolve().parents[5] / "shared" / "dreambench"
    return Path(given) if given else beside if beside.is_dir() else None


def expansions(word: str) -> set[str]:
    """Every text that a plan may draw for a class word, up to which context stands in it."""
    phrases = [noun_phrase(word)]
    phrases += [noun_phrase(change, word) for change in (*PARTS.colours, *PARTS.textures)]
    phrases += [f"{style} {noun_phrase(word)}" for style in PARTS.styles]
    return {f"{phrase} {context}" for phrase in phrases for context in PARTS.contexts[:1]} | {
        f"{noun_phrase(word)} {context}" for context in PARTS.contexts
    }


def test_there_are_several_hundred_of_the_papers_kinds():
    sizes = {name: len(getattr(PARTS, name)) for name in PromptParts.__dataclass_fields__}
    assert sum(sizes.values()) > 300
    assert all(size >= 20 for size in sizes.values()), sizes
    texts = [text for name in sizes for text in getattr(PARTS, name)]
    assert len(set(texts)) == len(texts)
    folded = {re.sub(r"\b(a|an|the)\b|\W", "", text) for text in PARTS.contexts}
    assert len(folded) == len(PARTS.contexts), "none differs from another in an article only"


def test_expansions_are_well_formed():
    for word in WORDS:
        for text in expansions(word):
            assert not re.search(r"[{}_]|\s\s|^\s|\s$", text), text
            assert re.fullmatch(r"[A-Za-z' -]+", text), text
            # Vowels by the letter, but for words whose sound is another one.
            for article, following in re.findall(r"\b(an?) (\w+)", text):
                vowel = following[0].lower() in "aeiou"
                vowel ^= following in ("hourglass", "ukulele")
                assert (article == "an") == vowel, text


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("umbrella",), "an umbrella"),
        (("unicorn",), "a unicorn"),
        (("uninviting", "mug"), "an uninviting mug"),
        (("ukulele",), "a ukulele"),
        (("hourglass",), "an hourglass"),
        (("house",), "a house"),
        (("x-ray",), "an x-ray"),
        (("used", "car"), "a used car"),
        (("urn",), "an urn"),
        (("one-eyed", "doll"), "a one-eyed doll"),
        (("onion",), "an onion"),
        (("European", "car"), "a European car"),
        (("glasses",), "glasses"),
        (("orange", "glasses"), "orange glasses"),
        (("wine", "glass"), "a wine glass"),
        (("glass", "scissors"), "glass scissors"),
    ],
)
def test_articles(words, phrase):
    assert noun_phrase(*words) == phrase


def test_no_training_prompt_is_one_of_the_benchmarks():
    """Nor does one differ in its articles only."""

    def bare(text: str) -> str:
        return " ".join(word for word in text.lower().split() if word not in ("a", "an", "the"))

    templates = {*FROZEN.object_prompts, *FROZEN.live_prompts}
    for word in WORDS:
        held_out = {bare(fill(template, word)) for template in templates}
        assert not held_out & {bare(text) for text in expansions(word)}, word


def test_the_frozen_prompts_are_dreambench():
    assert len(FROZEN.classes) == 30
    assert len(FROZEN.object_prompts) == len(FROZEN.live_prompts) == 25
    live = [word in LIVE_CLASSES for word in FROZEN.classes.values()]
    lists = [FROZEN.live_prompts if one else FROZEN.object_prompts for one in live]
    assert sum(map(len, lists)) == 750 and sum(live) == 9
    assert FROZEN.object_prompts[0] == "a {0} {1} in the jungle"
    assert FROZEN.object_prompts[-1] == "a cube shaped {0} {1}"
    assert FROZEN.live_prompts[10] == "a {0} {1} wearing a red hat"


@pytest.mark.skipif(
    dreambench() is None, reason="no DreamBench photos: set TOFFEE_DREAMBENCH to their folder"
)
def test_the_frozen_file_is_the_real_one():
    real = dreambench() / "dataset" / "prompts_and_classes.txt"
    assert real.read_bytes() == (PROMPTS / "dreambench.txt").read_bytes()
    benchmark = load_benchmark(dreambench())
    assert len(benchmark) == 30 and len(benchmark.pairs()) == 750


def test_a_downloaded_prompt_file_is_held_against_the_frozen_one(tmp_path):
    text = (PROMPTS / "dreambench.txt").read_text()
    copy = tmp_path / "prompts_and_classes.txt"
    copy.write_text(text.replace("\n", "\r\n"), newline="")
    check_frozen(copy, PROMPTS / "dreambench.txt")
    for old, new, line in (
        ("in the jungle", "in a jungle", r"object prompt 1 is .*, expected .*in the jungle"),
        ("vase,vase\n", "", "class 29 is .*wolf_plushie.*, expected .*vase"),
        ("wolf_plushie,stuffed animal\n", "", "29 times a class, expected 30"),
        ("wearing a red hat", "with a red hat", "live subject prompt 11 is"),
    ):
        assert old in text
        copy.write_text(text.replace(old, new, 1))
        with pytest.raises(ToffeeError, match=line):
            check_frozen(copy, PROMPTS / "dreambench.txt")


def test_listed_classes_are_class_words():
    for name in ("classes", "living"):
        words = read_classes(PROMPTS / f"{name}.txt")
        assert len(words) > 50 and all(class_word(word) == word for word in words)


def test_groups_are_for_the_reader_only(tmp_path):
    path = tmp_path / "prompts.yaml"
    path.write_text(
        "contexts: {places: [here, there], light: ['at night']}\ncolours: [red]\n"
        "textures: []\nstyles:\n"
    )
    assert read_prompt_parts(path).contexts == ["here", "there", "at night"]
    path.write_text("contexts: {a: [here], b: [here]}\ncolours: []\ntextures: []\nstyles: []\n")
    with pytest.raises(ToffeeError, match="contexts names a text twice"):
        read_prompt_parts(path)
