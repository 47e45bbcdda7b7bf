"""The benchmark: the real DreamBench where it is at hand, its grammar, and malformed files."""

import os
from pathlib import Path

import pytest
from PIL import Image

from toffee.data.loaders.dreambench import Prompt, fill, load_benchmark, parse_prompts
from toffee.data.loaders.images import read_image
from toffee.runtime.errors import ToffeeError

PROMPTS = """Classes

subject_name,class

backpack,backpack
dog,dog
bear,stuffed animal

Prompts

Object Prompts

prompt_list = [
'a {0} {1} in the jungle'.format(unique_token, class_token),
'a red {0} {1}'.format(unique_token, class_token)
]

Live Subject Prompts

prompt_list = [
"a {0} {1} in a chef's outfit".format(unique_token, class_token)
]
"""


def real_folder() -> Path | None:
    """The real photos: TOFFEE_DREAMBENCH, or `shared/dreambench` beside the repository."""
    given = os.environ.get("TOFFEE_DREAMBENCH")
    beside = Path(__file__).resolve().parents[5] / "shared" / "dreambench"
    return Path(given) if given else beside if beside.is_dir() else None


REAL = real_folder()
needs_photos = pytest.mark.skipif(
    REAL is None, reason="no DreamBench photos: set TOFFEE_DREAMBENCH to their folder"
)


@needs_photos
def test_real_counts() -> None:
    benchmark = load_benchmark(REAL)
    assert len(benchmark) == 30
    assert sum(len(subject.photos) for subject in benchmark.subjects) == 158
    assert {len(subject.prompts) for subject in benchmark.subjects} == {25}
    assert len(benchmark.pairs()) == 750
    live = {subject.subject for subject in benchmark.subjects if subject.live}
    assert live == {"cat", "cat2", "dog", "dog2", "dog3", "dog5", "dog6", "dog7", "dog8"}


@needs_photos
def test_real_prompts() -> None:
    subjects = {subject.subject: subject for subject in load_benchmark(REAL).subjects}
    first = subjects["backpack"].prompts[0]
    assert first.text == "a backpack in the jungle"
    assert first.text_with_token == "a sks backpack in the jungle"
    bear = [prompt.text for prompt in subjects["bear_plushie"].prompts]
    assert bear[-1] == "a cube shaped stuffed animal" and "a red stuffed animal" in bear
    assert subjects["dog8"].prompts[10].text == "a dog wearing a red hat"
    assert not any("{" in p.text + p.text_with_token for _, p in load_benchmark(REAL).pairs())


@needs_photos
def test_real_photos_are_read() -> None:
    for subject in load_benchmark(REAL).subjects[::6]:
        image = read_image(subject.photos[-1], 64)
        assert image.shape == (3, 64, 64) and image.std() > 0.05
        assert subject.photos == sorted(subject.photos) and not subject.masks


@needs_photos
def test_both_roots_are_accepted() -> None:
    inside = load_benchmark(REAL / "dataset")
    assert inside.subjects == load_benchmark(REAL).subjects


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("backpack", "dog", "bear"):
        (tmp_path / "dataset" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (8, 8)).save(tmp_path / "dataset" / name / f"{number:02d}.jpg")
    (tmp_path / "dataset" / "prompts_and_classes.txt").write_text(PROMPTS)
    return tmp_path


def test_live_subjects_have_their_own_prompts(folder: Path) -> None:
    backpack, dog, bear = load_benchmark(folder, unique_token="xyz").subjects
    assert not backpack.live and dog.live and not bear.live
    assert [prompt.text for prompt in dog.prompts] == ["a dog in a chef's outfit"]
    assert bear.prompts[1].text_with_token == "a red xyz stuffed animal"


def test_without_a_live_list_all_are_objects(folder: Path) -> None:
    path = folder / "dataset" / "prompts_and_classes.txt"
    path.write_text(PROMPTS[: PROMPTS.index("Live Subject")])
    dog = load_benchmark(folder).subjects[1]
    assert not dog.live and dog.prompts[0].text == "a dog in the jungle"


def test_masks_where_there_are_some(folder: Path) -> None:
    masks = folder / "dataset" / "dog" / "masks"
    masks.mkdir()
    for number in range(2):
        Image.new("1", (8, 8), 1).save(masks / f"{number:02d}.png")
    backpack, dog, _ = load_benchmark(folder).subjects
    assert dog.masks == [masks / "00.png", masks / "01.png"] and not backpack.masks
    (masks / "01.png").unlink()
    with pytest.raises(ToffeeError, match="01.jpg: no mask, expected masks/01.png in"):
        load_benchmark(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'a red {0} {1}'.format", "__import__('os').system", "line 15: .*expected"),
        ("'a red {0} {1}'", "'a red {0.__class__} {1}'", "line 15"),
        ("'a red {0} {1}'", "'a red {1}'", "line 15"),
        ("'a red {0} {1}'", "'a {0} {1} {0} {1}'", "line 15"),
        ("dog,dog", "dog", "line 6: 'dog', expected subject_name,class"),
        ("dog,dog", "../dog,dog", "line 6"),
        ("dog,dog", "backpack,dog", "line 6: subject backpack is named twice"),
        ("Classes\n", "Words\n", "line 1: 'Words' is outside"),
        ("backpack,backpack\ndog,dog\nbear,stuffed animal\n", "", "no classes"),
    ],
)
def test_malformed_prompt_files_are_one_line(
    folder: Path, old: str, new: str, message: str
) -> None:
    path = folder / "dataset" / "prompts_and_classes.txt"
    assert old in PROMPTS
    path.write_text(PROMPTS.replace(old, new))
    with pytest.raises(ToffeeError, match=message) as error:
        parse_prompts(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_missing_photos_and_classes_are_one_line(folder: Path) -> None:
    (folder / "dataset" / "mug").mkdir()
    with pytest.raises(ToffeeError, match="mug: no class word, expected a line in"):
        load_benchmark(folder)
    (folder / "dataset" / "mug").rmdir()
    for photo in (folder / "dataset" / "dog").iterdir():
        photo.unlink()
    with pytest.raises(ToffeeError, match="dog: empty folder"):
        load_benchmark(folder)
    (folder / "dataset" / "dog").rmdir()
    with pytest.raises(ToffeeError, match="dog: no such folder, expected the photos of dog"):
        load_benchmark(folder)
    with pytest.raises(ToffeeError, match="none: no such folder"):
        load_benchmark(folder / "none")


def test_fill() -> None:
    assert fill("a {0} {1} on top of a mirror", "mug") == "a mug on top of a mirror"
    assert fill("a {0} {1}", "mug", "sks") == "a sks mug"


@pytest.mark.parametrize(
    ("template", "changes"),
    [
        ("a {0} {1} in the jungle", False),
        ("an {0} {1} on a rug", False),
        ("{0} {1} at night", False),
        ("a {0} {1} wearing a red hat", False),
        ("a purple {0} {1}", True),
        ("a cube shaped {0} {1}", True),
        ("a sketch of a {0} {1}", True),
    ],
)
def test_prompts_of_a_context_and_prompts_that_change_the_subject(template, changes):
    assert Prompt(template, "", "").changes_subject == changes
