"""`toffee draw` and `toffee edit`: what they write, what they say, and what they refuse."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from drawing import write_photo, write_results
from PIL import Image

from toffee.cli import main
from toffee.launch.call import load
from toffee.launch.rerun import rerun
from toffee.provenance import record
from toffee.provenance.code import COMMANDS, recorded_functions
from toffee.runtime import processes
from toffee.runtime.errors import ToffeeError
from toffee.use.command import forget_unused
from toffee.use.model import find_model
from toffee.use.subject import class_word, square_around


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return write_results(tmp_path_factory.mktemp("results") / "tiny")


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    return write_photo(tmp_path_factory.mktemp("photos") / "my mug.png")


@pytest.fixture
def toffee(results, tmp_path, monkeypatch):
    """Calls a command in an empty folder with these results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # What trainings in this process took is no cost of a command.
    monkeypatch.setattr(processes, "JOB", processes.Processes())
    # Whoever works on the checkout has changes, which the audit would name.
    monkeypatch.setattr(record, "git_state", lambda: {"commit": None, "changed": None})

    def call(command: str, *words: object) -> int:
        options = ["--results", str(results)] if command in ("draw", "edit") else []
        return main([command, *map(str, words), *options])

    return call


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGB"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.png"))


def test_each_prompt_seed_and_photo_is_a_picture_that_says_what_it_is(toffee, photo, capsys):
    other = write_photo(Path("other.png"), size=(96, 64))
    words = ("--prompt", "a mug in the snow", "--prompt", "a red mug", "--seed", 3, 5)
    start = time.time()
    assert toffee("draw", photo, other, *words, "--scale", 0.5) == 0
    took = time.time() - start
    said = capsys.readouterr()
    stems = [f"{p}-seed{s}" for p in ("a-mug-in-the-snow", "a-red-mug") for s in (3, 5)]
    pictures = [f"0001-{stem}-photo{n}.png" for stem in stems for n in (1, 2)]
    views = [f"0001-{kind}{n}.png" for kind in ("found", "mask") for n in (1, 2)]
    assert names(Path("drawn")) == sorted([*pictures, *views])
    assert said.out.split() == [f"drawn/{one}" for one in [*pictures, *views[:2]]]
    assert "my mug.png: mug found" in said.err and "warning" not in said.err
    info = Image.open(f"drawn/{pictures[0]}").info
    content = json.loads(Path("drawn/records", f"{pictures[0]}.json").read_text())
    # Of the command alone, in a process that has done other things before.
    assert content["seconds"] <= took and content["cpu_seconds"] <= 4 * took
    (model,) = (read for path, read in content["inputs"].items() if path.endswith("/pipeline"))
    assert {key: info[key] for key in ("prompt", "seed", "subject_scale", "licence")} == {
        "prompt": "a mug in the snow",
        "seed": "3",
        "subject_scale": "0.5",
        "licence": "openrail++ AND mine",
    }
    assert info["model"] == f"toffeenet-test sha256:{model['sha256']}"
    assert Image.open("drawn/0001-mask2.png").size == (96, 64)


def test_a_picture_is_the_same_whatever_else_is_drawn(toffee, photo):
    prompt = ("--prompt", "a mug in the snow")
    assert toffee("draw", photo, *prompt, "--seed", 7) == 0
    assert toffee("draw", photo, *prompt, "--prompt", "a mug", "--seed", 1, 7) == 0
    one, two = (f"drawn/000{n}-a-mug-in-the-snow-seed7.png" for n in (1, 2))
    assert Path(one).read_bytes() == Path(two).read_bytes()


@pytest.mark.parametrize("command", ["draw", "edit"])
def test_no_prompt_takes_the_place_of_another(toffee, photo, capsys, command):
    """Names have 40 bytes of a prompt, and no punctuation."""
    long = "a mug on a table in the snow beside a very red"
    prompts = ["a mug", "a mug!", f"{long} ball", "a mug 2", f"{long} cube", "a mug", "A mug"]
    words = [word for prompt in prompts for word in ("--prompt", prompt)]
    assert toffee(command, photo, *words, "--word", "mug", "--steps", 1) == 0
    cut = "a-mug-on-a-table-in-the-snow-beside-a-ve"
    stems = ["a-mug", "a-mug-2", cut, "a-mug-2-2", f"{cut}-2", "a-mug-3"]
    said = capsys.readouterr()
    drawn = [f"drawn/0001-{stem}-seed0.png" for stem in stems]
    assert said.out.split()[: len(drawn)] == drawn
    asked = [Image.open(path).info["prompt"] for path in drawn]
    assert asked == list(dict.fromkeys(prompts))
    assert "'a mug' is given 2 times and drawn once" in said.err


def test_the_mask_that_was_found_can_be_given_again(toffee, photo):
    assert toffee("draw", photo, "--prompt", "a mug") == 0
    assert toffee("draw", photo, "--prompt", "a mug", "--mask", "drawn/0001-mask1.png") == 0
    assert (
        Path("drawn/0001-a-mug-seed0.png").read_bytes()
        == Path("drawn/0002-a-mug-seed0.png").read_bytes()
    )


def test_a_record_is_enough_to_draw_again_to_the_bit(toffee, photo, monkeypatch):
    """What `toffee audit --tier replay` does, without a process of its own."""
    assert toffee("draw", photo, "--prompt", "a mug", "--without-photo") == 0
    drawn = Path("drawn").absolute()
    (config,) = (drawn / "records" / "config").iterdir()
    Path("scratch").mkdir()
    monkeypatch.chdir("scratch")
    rerun(drawn / "records" / "0001-a-mug-seed0.png.json", config)
    assert len(names(drawn)) == 4
    for name in names(drawn):
        assert Path("drawn", name).read_bytes() == (drawn / name).read_bytes()


def test_drawings_pass_the_audit_and_have_a_trace(toffee, photo, capsys):
    assert toffee("draw", photo, "--prompt", "a mug in the snow") == 0
    drawn = "drawn/0001-a-mug-in-the-snow-seed0.png"
    assert toffee("edit", drawn, "--word", "mug", "--prompt", "a mug", "--mask", half_mask()) == 0
    assert toffee("audit", "drawn") == 0
    capsys.readouterr()
    assert toffee("trace", "drawn/0002-a-mug-seed0.png") == 0
    guided = [
        {key: value for key, value in Image.open(path).info.items() if "guidance" in key}
        for path in (drawn, "drawn/0002-a-mug-seed0.png")
    ]
    assert guided == [
        {"guidance_scale": "3", "subject_guidance_scale": "5"},
        {"guidance_scale": "4", "subject_guidance_scale": "2"},
    ]
    chain = capsys.readouterr().out
    assert "by    edit_picture 0002" in chain and "draw_pictures" in chain, chain
    picture = Image.open(drawn)
    picture.putpixel((0, 0), (1, 2, 3))
    picture.save(drawn)
    assert toffee("audit", "drawn") == 20


def half_mask() -> Path:
    """A mask whose left half is white."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    mask.save("half.png")
    return Path("half.png")


def test_drawings_do_not_pass_as_results(toffee, photo, results):
    """A record of a command among those of jobs is no way around the plan."""
    folder = Path("results", "tiny")
    (folder / "records").mkdir(parents=True)
    (folder / "records" / "a.json").write_text(json.dumps({"rule": "tabulate_views"}))
    assert toffee("draw", photo, "--prompt", "a mug", "--out", folder) == 1
    assert sorted(path.name for path in folder.rglob("*")) == ["a.json", "records"]


def test_a_photo_that_its_owner_moved_is_no_finding(toffee, photo):
    shutil.copy(photo, "mine.png")
    assert toffee("draw", "mine.png", "--prompt", "a mug") == 0
    Path("mine.png").unlink()
    assert toffee("audit", "drawn") == 0
    write_photo(Path("mine.png"), "ball")
    assert toffee("audit", "drawn") == 30


def test_a_pipeline_of_an_earlier_version_is_one_line(toffee, photo, results, capsys):
    shutil.copytree(results / "pipeline", "earlier")
    code = Path("earlier/pipeline.py")
    code.write_text(code.read_text().replace("def defaults(", "def values("))
    segmenter = ("--segmenter", results / "models" / "segmenter")
    options = ("--prompt", "a mug", "--pipeline", "earlier", *segmenter)
    assert toffee("edit", photo, *options) == 1
    (line,) = (one for one in capsys.readouterr().err.splitlines() if one.startswith("error: "))
    assert line.endswith("of their own; export it again (target pipeline)")
    assert not Path("drawn").exists() or not list(Path("drawn").glob("*seed*"))


@pytest.mark.parametrize("background", [False, True])
def test_an_edit_leaves_what_is_outside_of_its_mask(toffee, photo, background):
    more = ["--background"] if background else []
    assert toffee("edit", photo, "--prompt", "a striped mug on the grass", *more) == 0
    change = pixels(Path("drawn/0001-mask1.png"))[..., 0] > 0
    before, after = (
        pixels(p) for p in (photo, Path("drawn/0001-a-striped-mug-on-the-grass-seed0.png"))
    )
    assert 0.05 < change.mean() < 0.95 and change[32, 32] != background
    assert (before[~change] == after[~change]).all() and (before[change] != after[change]).any()


def test_an_edit_with_a_mask_draws_the_subject_of_another_photo(toffee, photo):
    ball = write_photo(Path("ball.png"), "ball", (100, 64))
    words = ("--prompt", "a mug", "--mask")
    assert toffee("edit", ball, *words, wide_mask(), "--subject", photo) == 0
    assert names(Path("drawn")) == [
        *("0001-a-mug-seed0.png", "0001-found1.png", "0001-found2.png"),
        *("0001-mask1.png", "0001-mask2.png"),
    ]
    assert toffee("edit", ball, *words, wide_mask()) == 0
    assert names(Path("drawn"))[-3:] == [
        *("0002-a-mug-seed0.png", "0002-found1.png", "0002-mask1.png"),
    ]
    with_photo, without = (pixels(Path(f"drawn/000{n}-a-mug-seed0.png")) for n in (1, 2))
    assert with_photo.shape == (64, 100, 3) and (with_photo != without).any()


def wide_mask() -> Path:
    mask = Image.new("L", (100, 64))
    mask.paste(255, (60, 10, 90, 50))
    mask.save("wide.png")
    return Path("wide.png")


def test_a_word_that_the_model_never_saw_is_named_with_those_it_knows(toffee, photo, capsys):
    assert toffee("draw", photo, "--prompt", "a mug on the moon") == 0
    lines = [one for one in capsys.readouterr().err.splitlines() if one.startswith("warning")]
    assert len(lines) == 1
    assert "never seen moon; it knows" in lines[0] and " snow, snowman, " in lines[0]
    assert "wman" not in lines[0].replace("snowman", "")


def test_a_subject_at_the_edge_of_a_wide_photo_is_not_cut_off(toffee):
    wide = write_photo(Path("wide.png"), size=(160, 64))
    mask = Image.new("L", (160, 64))
    mask.paste(255, (4, 10, 60, 60))
    mask.save("mask.png")
    assert toffee("draw", wide, "--prompt", "a mug", "--mask", "mask.png") == 0


def broken(path: str, content: bytes) -> str:
    Path(path).write_bytes(content)
    return path


BAD = {
    "no photo": (["draw", "none.png"], "none.png: no such file"),
    "a text": (["draw", "text.png"], "text.png: broken image (of no known format)"),
    "a folder": (["draw", "."], ".: is a folder, expected a picture"),
    "no prompt": (["draw", "{photo}", "--prompt", "  "], "no prompt, expected a text"),
    "no word": (
        ["draw", "{photo}", "--prompt", "a teapot"],
        "the prompt names none, expected --wo",
    ),
    "two words": (["draw", "{photo}", "--prompt", "a mug on a table"], "names mug and table"),
    "odd word": (["draw", "{photo}", "--word", "teapot"], "--word teapot: the segmenter does not"),
    "not found": (["draw", "{photo}", "--word", "tree"], "my mug.png: no tree was found, expected"),
    "two masks": (["draw", "{photo}", "--mask", "grey.png", "grey.png"], "2 masks for 1 photos"),
    "black mask": (["draw", "{photo}", "--mask", "black.png"], "the mask is black, expected white"),
    "mask's size": (["draw", "{photo}", "--mask", "wide.png"], "mask is 100 x 64 pixels, expected"),
    "mask's colours": (["draw", "{photo}", "--mask", "{photo}"], "has several colours"),
    "no results": (["draw", "{photo}", "--results", "none"], "none/pipeline: no model_index.json"),
    "no pipeline": (["draw", "{photo}", "--pipeline", "."], ".: no model_index.json, expected an"),
    "broken pipeline": (
        ["draw", "{photo}", "--pipeline", "cut", "--mask", "white.png"],
        "cut: the pipeline cannot be loaded",
    ),
    "no device": (["draw", "{photo}", "--device", "toaster"], "--device toaster: no such device"),
    "no segmenter": (
        ["draw", "{photo}", "--segmenter", "none"],
        "none: no such folder, expected a",
    ),
    "others' folder": (["draw", "{photo}", "--out", "full"], "full: holds other files, expected"),
    "a file": (["draw", "{photo}", "--out", "text.png"], "text.png: no folder, expected a new"),
    "edit nothing": (["edit", "none.png"], "none.png: no such file"),
    "edit, black mask": (["edit", "{photo}", "--mask", "black.png"], "the mask is black"),
    "edit, mask alone": (["edit", "{photo}", "--subject-mask", "black.png"], "without --subject"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_broken_is_one_line_and_leaves_nothing(toffee, photo, results, capsys, case):
    words, line = BAD[case]
    broken("text.png", b"no picture")
    for name, size, grey in (
        ("grey", (64, 64), 128),
        ("black", (64, 64), 0),
        ("white", (64, 64), 255),
        ("wide", (100, 64), 255),
    ):
        Image.new("L", size, grey).convert("RGB").save(f"{name}.png")
    Path("full").mkdir()
    Path("full", "mine.txt").touch()
    if case == "broken pipeline":
        shutil.copytree(results / "pipeline", "cut", copy_function=shutil.copy)
        weights = Path("cut/unet/diffusion_pytorch_model.safetensors")
        os.truncate(weights, weights.stat().st_size // 2)
    before = sorted(Path().rglob("*"))
    words = [word.format(photo=photo) for word in words]
    words += ["--prompt", "a mug"] if "--prompt" not in words else []
    own = {"--results", "--pipeline"} & set(words)
    assert (main(words) if own else toffee(*words)) == 1
    lines = [one for one in capsys.readouterr().err.splitlines() if not one.startswith("warning")]
    assert lines[-1].startswith("error: ") and line in lines[-1]
    assert all(" found, " in one for one in lines[:-1])
    assert sorted(Path().rglob("*")) == before


def test_a_failure_in_a_new_folder_leaves_what_another_command_draws_there(tmp_path, monkeypatch):
    """Two commands at once: the first one made the folder, fails, and must not take the other's."""
    monkeypatch.chdir(tmp_path)
    Path("drawn", "logs").mkdir(parents=True)
    other = Path("drawn", "logs", "0002.log")
    other.touch()
    forget_unused(Path("drawn"))
    assert other.exists()
    other.unlink()
    forget_unused(Path("drawn"))
    assert not Path("drawn").exists()


def test_what_fails_later_leaves_the_drawings_before(toffee, photo):
    assert toffee("draw", photo, "--prompt", "a mug") == 0
    before = sorted(Path("drawn").rglob("*"))
    assert toffee("draw", photo, "--prompt", "a teapot") == 1
    assert sorted(Path("drawn").rglob("*")) == before
    assert toffee("audit", "drawn") == 0


OUT_OF_RANGE = {
    "--seed": ("-1", "x", "1.5", str(2**63)),
    "--scale": ("-1", "nan", "11", "inf", ""),
    "--steps": ("0", "1001", "many"),
    "--guidance": ("-0.1", "1e9"),
    "--dtype": ("float8",),
    "--nonsense": ("1",),
}
VALUES = [(name, value) for name, values in OUT_OF_RANGE.items() for value in values]


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_values_out_of_range_are_refused_in_one_line(photo, capsys, name, value):
    with pytest.raises(SystemExit) as error:
        main(["draw", str(photo), "--prompt", "a mug", name, value])
    (line,) = capsys.readouterr().err.splitlines()
    assert error.value.code == 2 and line.startswith("error: ") and name in line
    if name in ("--seed", "--scale", "--steps", "--guidance"):
        assert " number from " in line and f"found {value!r}" in line


def test_a_pipeline_elsewhere_needs_a_segmenter_or_a_mask(toffee, photo, results, capsys):
    shutil.copytree(results / "pipeline", "exported")
    words = ["draw", str(photo), "--pipeline", "exported", "--prompt", "a mug"]
    assert main(words) == 1
    assert "there is no segmenter, give --mask or --segmenter" in capsys.readouterr().err
    assert main([*words, "--segmenter", str(results / "models" / "segmenter")]) == 0


def test_a_pipeline_without_a_card_has_an_unknown_licence(results, tmp_path):
    shutil.copytree(results / "pipeline", tmp_path / "exported")
    (tmp_path / "exported" / "README.md").write_text("hello")
    model = find_model(Path("none"), tmp_path / "exported")
    assert (model.licence, model.name) == ("unknown", "exported")


def test_a_command_that_is_stopped_leaves_nothing(toffee, photo, monkeypatch, capsys):
    def stop(*arguments, **options):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("toffee.use.artist.save", stop)
    assert toffee("draw", photo, "--prompt", "a mug") == 143
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: stopped, nothing of this command is kept"
    )
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("rule", COMMANDS)
def test_the_audit_knows_the_function_of_every_command(rule):
    assert recorded_functions()[rule] == COMMANDS[rule]
    assert load(COMMANDS[rule]).__name__ == rule


def test_the_same_text_without_the_photo_is_drawn_beside_it(toffee, photo):
    assert toffee("draw", photo, "--prompt", "a mug", "--seed", 4, "--without-photo") == 0
    alone = "0001-a-mug-seed4-without-photo.png"
    assert alone in names(Path("drawn"))
    assert "from a text." in Image.open(f"drawn/{alone}").info["Comment"]
    ball = write_photo(Path("ball.png"), "ball")
    words = ("--prompt", "a mug", "--word", "ball", "--seed", 4, "--without-photo")
    assert toffee("draw", ball, *words) == 0
    assert (
        Path("drawn", alone).read_bytes()
        == Path("drawn", alone.replace("0001", "0002")).read_bytes()
    )
    assert toffee("audit", "drawn") == 0


def test_the_base_model_draws_the_same_text_beside_it(toffee, photo, results, monkeypatch):
    assert toffee("draw", photo, "--prompt", "a mug", "--seed", 4, "--base-model") == 0
    path = Path("drawn", "0001-a-mug-seed4-base-model.png")
    info = Image.open(path).info
    assert info["model"].startswith("base model of") and "subject_scale" not in info
    ball = write_photo(Path("ball.png"), "ball")
    words = ("--prompt", "a mug", "--word", "ball", "--seed", 4, "--base-model", "--scale", 0)
    assert toffee("draw", ball, *words) == 0
    again = Path("drawn", path.name.replace("0001", "0002"))
    assert (pixels(path) == pixels(again)).all()  # it sees no photo
    assert toffee("audit", "drawn") == 0
    monkeypatch.setattr("toffee.use.model.MODELS", "none")
    segmenter = ("--segmenter", results / "models" / "segmenter")
    assert toffee("draw", photo, "--prompt", "a mug", "--base-model", *segmenter) == 1


def test_several_photos_of_a_subject_are_drawn_from_together(toffee, photo, capsys):
    other = write_photo(Path("other.png"), size=(96, 64))
    for photos in ((photo, other), (other, photo), (photo,)):
        assert toffee("draw", *photos, "--prompt", "a mug", "--together") == 0
    name = "a-mug-seed0.png"
    both, turned, one = (pixels(Path("drawn", f"000{n}-{name}")) for n in (1, 2, 3))
    assert (both != one).any() and (both != turned).any()
    assert names(Path("drawn")).count("0001-found2.png") == 1
    assert toffee("audit", "drawn") == 0


def test_a_segmenter_that_knows_no_list_of_words_is_asked_for_what_is_given():
    class Prompted:
        def segment(self, images, class_words):
            raise AssertionError

    assert class_word(Prompted(), "teapot", ["a teapot in the snow"]) == "teapot"
    with pytest.raises(ToffeeError, match="expected --word what it is, e.g. teapot; or --mask"):
        class_word(Prompted(), "", ["a teapot in the snow"])


PLACES = {(50, 60): 48, (70, 90): 48, (40, 60): 18, (0, 20): 0, (150, 160): 96, (20, 120): 38}


@pytest.mark.parametrize("columns", PLACES)
def test_the_square_is_the_middle_or_around_the_subject(columns):
    left = PLACES[columns]
    mask = np.zeros((64, 160), bool)
    mask[10:50, slice(*columns)] = True
    assert square_around(mask) == (left, 0, left + 64, 64)
    assert square_around(mask.T) == (0, left, 64, left + 64)
