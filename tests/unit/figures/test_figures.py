import numpy as np
import pandas as pd
import pytest
from PIL import Image

from toffee.evaluation.image_set import write_image_set
from toffee.figures.dataset import plot_dataset
from toffee.figures.editing import plot_editing
from toffee.figures.edits import plot_edits
from toffee.figures.learning import plot_learning, read_losses
from toffee.figures.pictures import varied
from toffee.figures.pipeline import plot_pipeline
from toffee.figures.refiner import plot_refiner
from toffee.figures.strength import apart
from toffee.figures.toffeenet import plot_toffeenet
from toffee.figures.views import plot_views
from toffee.figures.worst import plot_worst
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard
from toffee.synthesis.examples import keep_examples
from toffee.training.loop import Fit

from ..synthesis.conftest import LIMITS


def cells_of(figure: np.ndarray, picture: np.ndarray) -> int:
    """How often a picture stands in a figure, enlarged fourfold with its pixels kept square."""
    large = picture.repeat(4, 0).repeat(4, 1)
    side = len(large)
    same = (figure == large[0, 0]).all(-1)
    left = same[1:, 1:] & ~same[1:, :-1]  # a picture's corner follows a pixel of another colour
    places = zip(*(left & ~same[:-1, 1:]).nonzero(), strict=True)
    found = [figure[y + 1 : y + 1 + side, x + 1 : x + 1 + side] for y, x in places]
    return sum(np.array_equal(part, large) for part in found)


def read(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_pipeline_shows_each_stage_of_the_same_sample(run, coloured, tmp_path):
    out = tmp_path / "pipeline.png"
    examples = tmp_path / "examples.h5"
    keep_examples(*(run[name] for name in ("plan", "initial", "refined", "views")), examples)
    plot_pipeline(run["plan"], run["subjects"], str(run["subjects"]), examples, out, rows=2)
    figure = read(out)
    for row in (0, 5):  # the first generation samples of different classes
        assert cells_of(figure, coloured((row + 7) % 20)) >= 1, "the donor, whose pose it is"
        for offset in (0, 40, 80):
            assert cells_of(figure, coloured(offset + row)) >= 1, (row, offset)


def test_editing_shows_all_kinds_and_hides_the_mask(run, coloured, tmp_path):
    out = tmp_path / "editing.png"
    plot_editing(run["index"], run["shards"], run["pair_scores"], out, rows=1)
    figure = read(out)
    for row in (1, 2, 8, 14):  # the first accepted sample of each kind that was scored, else of all
        source = coloured(row)
        hole = source.copy()
        hole[8:24, 8:24] = 127
        assert cells_of(figure, source) == 1, row
        assert cells_of(figure, hole) == 1, row
        assert cells_of(figure, coloured(40 + row)) == 1, row


def test_kinds_without_a_pair_are_named(run, tmp_path, monkeypatch):
    index = pd.read_parquet(run["index"])
    index.loc[index["kind"] == "texture", "accepted"] = False
    index.to_parquet(tmp_path / "index.parquet")
    drawn = []
    monkeypatch.setattr("toffee.figures.editing.save_figure", lambda grid, out: drawn.append(grid))
    plot_editing(
        tmp_path / "index.parquet", run["shards"], run["pair_scores"], tmp_path / "x", rows=1
    )
    (grid,) = drawn
    assert "No pair was accepted of kind texture." in grid.caption
    assert [row[-1].note for row in grid.cells] == ["not scored", "not scored", "read: 0.25"]


def test_edits_show_what_the_metric_reads_in_each_picture_of_the_first_seed(tmp_path, monkeypatch):
    """Scores are looked up by method, subject and kind, whatever their order."""
    pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in (10, 20)]
    kinds, masks = ["colour", "depth"], [np.ones((8, 8), bool), None]
    texts = {name: ["mug_1", "mug_1"] for name in ("subject", "class_word", "prompt")}
    images = {"input": [pictures[0], None], "target": pictures, "subject": pictures}
    write_image_set(
        tmp_path / "pairs.h5",
        texts | {"kind": kinds, "source_prompt": ["a mug", "a mug"]},
        images,
        masks={"mask": masks},
        lossless=tuple(images),
    )
    drawn = texts | {"kind": kinds, "method": ["toffeenet"] * 2, "seed": ["0", "0"]}
    write_image_set(tmp_path / "toffeenet.h5", drawn, {"image": pictures}, lossless=("image",))
    both = {"subject": "mug_1", "prompt": "mug_1"}
    files = []
    for number, method in enumerate(("input", "target", "toffeenet")):
        values = [
            {"setting": "colour", "metric": "dino_inside", "value": 0.9, "seed": "0"},
            {"setting": "colour", "metric": "change_read", "value": 0.1 + number / 4, "seed": "0"},
            {"setting": "colour", "metric": "change_read", "value": 0.99, "seed": "1"},
            {"setting": "depth-controlled", "metric": "mask_iou", "value": 0.7, "seed": "0"},
        ]
        files.append(tmp_path / f"{method}.parquet")
        pd.DataFrame([both | {"method": method} | row for row in values]).to_parquet(files[-1])
    grids = []
    monkeypatch.setattr("toffee.figures.edits.save_figure", lambda some, out: grids.extend(some))
    images = [tmp_path / "toffeenet.h5"]
    plot_edits(tmp_path / "pairs.h5", ["toffeenet"], images, files, tmp_path / "x.png", rows=1)
    edits, layouts = grids
    assert edits.columns == ("subject", "input", "mask", "base model", "ToffeeNet")
    notes = [cell.note for cell in edits.cells[0]]
    assert notes == ["", "read: 0.10", "", "read: 0.35", "read: 0.60"]
    assert layouts.cells[0][-1].note == "overlap: 0.70"


def test_refiner_has_a_column_for_each_method(run, coloured, tmp_path):
    out = tmp_path / "refiner.png"
    plot_refiner(run["refiner"], out, rows=1)
    figure = read(out)
    assert all(cells_of(figure, coloured(column)) >= 1 for column in range(6))


def test_views_show_source_generated_target(run, coloured, tmp_path):
    out = tmp_path / "views.png"
    plot_views(run["view_images"], out, rows=1)
    assert all(cells_of(read(out), coloured(k)) == 1 for k in range(3))


def test_toffeenet_shows_its_own_images_beside_text_only(run, coloured, tmp_path):
    out = tmp_path / "toffeenet.png"
    references = tmp_path / "references.yaml"
    references.write_text('"*": 01.jpg\n')
    methods, images = zip(*run["benchmark_images"].items(), strict=True)
    plot_toffeenet(methods, images, run["benchmark"], references, out, rows=1, prompts=3)
    figure = read(out)
    assert all(cells_of(figure, coloured(100 + i)) == 1 for i in range(3))
    assert cells_of(figure, coloured(0)) == 1  # text only, first prompt
    assert cells_of(figure, coloured(200)) == 0  # the wrong subject's model is not shown


def test_worst_shows_the_lowest_scores_first_and_a_subject_once(run, coloured, tmp_path):
    out, images = tmp_path / "worst.png", run["benchmark_images"]["toffeenet"]
    references = tmp_path / "references.yaml"
    references.write_text('"*": 01.jpg\n')
    with Shard(images) as shard:
        names, prompts = shard.column("subject"), shard.column("prompt")
    count = len(names)  # four subjects with three prompts each
    scores = pd.DataFrame({"subject": names, "prompt": prompts, "method": "toffeenet"})
    scores = scores.assign(setting="", references="all photos")
    both = [
        scores.assign(metric="dino", value=range(count)),
        scores.assign(metric="clip_t", value=range(count, 0, -1)),
    ]
    pd.concat(both).to_parquet(tmp_path / "scores.parquet")
    plot_worst(images, tmp_path / "scores.parquet", run["benchmark"], references, out, count=2)
    figure = read(out)
    shown = {i for i in range(count) if cells_of(figure, coloured(100 + i))}
    assert shown == {0, 3, count - 1, count - 4}


def test_learning_has_a_panel_for_each_kind_and_a_line_for_each_training(tmp_path):
    folders = [tmp_path / name for name in ("refiner", "toffeenet", "toffeenet-1")]
    for number, folder in enumerate(folders, 1):
        folder.mkdir()
        Fit([number / step for step in range(1, 101)]).write(folder)
    plot_learning(folders, tmp_path / "learning.png")
    pixels = {tuple(colour) for colour in read(tmp_path / "learning.png").reshape(-1, 3)}
    assert {(0x1D, 0x4E, 0xD8), (0x93, 0xA8, 0xE0)} <= pixels
    losses = read_losses(folders[0])
    assert list(losses.index) == list(range(1, 101)) and losses[4] == 0.25
    (folders[1] / "losses.csv").unlink()
    with pytest.raises(ToffeeError, match=r"toffeenet/losses\.csv"):
        plot_learning(folders, tmp_path / "learning.png")


def test_dataset_shows_accepted_and_rejected(run, coloured, tmp_path):
    out = tmp_path / "dataset.png"
    files = (run["index"], run["shards"], run["subjects"])
    plot_dataset(*files, LIMITS, out, columns=2, rows=1)
    figure = read(out)
    assert cells_of(figure, coloured(40)) == 1 and cells_of(figure, coloured(43)) == 1


def test_labels_of_a_curve_do_not_lie_on_each_other():
    x, y = np.array([0.0, 0.01, 0.5, 1.0]), np.array([1.0, 1.0, 0.5, 0.0])
    assert apart(x, y) == [0, 2, 3]
    assert apart(np.ones(3), np.ones(3)) == [0]


def test_varied_takes_what_was_shown_least():
    rows = [{"kind": kind} for kind in "aaaabbc"]
    assert [row["kind"] for row in varied(rows, 5, ["kind"])] == list("abcab")
    assert len(varied(rows, 99, ["kind"])) == 7


def test_shard_that_is_not_given_is_named(run, tmp_path):
    with pytest.raises(ToffeeError, match="'00000'"):
        plot_editing(run["index"], [], run["pair_scores"], tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()
