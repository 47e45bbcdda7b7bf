"""The tables of ToffeeNet's variants, from scores whose means and noise are known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toffee.evaluation.statistics import MINUS
from toffee.runtime.errors import ToffeeError
from toffee.tables.editing import tabulate_editing
from toffee.tables.reconstruction import compare_directions, tabulate_reconstruction
from toffee.tables.reference import tabulate_reference
from toffee.tables.segmentation import tabulate_segmentation
from toffee.tables.strength import tabulate_strength
from toffee.tables.variants import tabulate_variants

REPOSITORY = Path(__file__).resolve().parents[3]
ENCODERS = "zoo/a, zoo/b"
COLUMNS = ["method", "setting", "metric", "value", "stderr", "n", "source"]
SUBJECTS, PROMPTS, SEEDS = 8, 3, 2
NOISE = np.random.default_rng(0).normal(scale=0.05, size=(SUBJECTS, PROMPTS, SEEDS))


def write(path: Path, means: dict, prompts: int = PROMPTS, kinds: tuple[str, ...] = ("",)) -> Path:
    """Scores of method → metric → mean; the noise by subject, prompt and seed is common to all."""
    rows = [
        (method, kind, f"s{s}", f"p{p} {kind}", metric, mean + NOISE[s, p, r], "all photos", str(r))
        for method, metrics in means.items()
        for metric, mean in metrics.items()
        for kind in kinds
        for s, p, r in np.ndindex(SUBJECTS, prompts, SEEDS)
    ]
    names = ["method", "setting", "subject", "prompt", "metric", "value", "references", "seed"]
    pd.DataFrame(rows, columns=names).to_parquet(path)
    return path


def read(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, keep_default_na=False, na_values={c: "" for c in COLUMNS[3:6]})
    assert list(table.columns) == COLUMNS
    assert not table.duplicated(["method", "setting", "metric", "source"]).any()
    return table


def at(table: pd.DataFrame, method: str, metric: str) -> pd.DataFrame:
    """Rows of a method and metric."""
    found = table[(table["method"] == method) & (table["metric"] == metric)]
    assert len(found), (method, metric)
    return found


def one(table: pd.DataFrame, method: str, metric: str) -> dict:
    """The only row of a method and metric."""
    (row,) = at(table, method, metric).to_dict("records")
    return row


@pytest.fixture
def out(tmp_path) -> dict[str, Path]:
    return {"csv": tmp_path / "x.csv", "page": tmp_path / "x.md"}


def test_variants_are_compared_at_both_tasks_with_paired_errors(tmp_path, out):
    base = write(tmp_path / "b.parquet", {"toffeenet": {"dino": 0.6, "clip_t": 0.3}})
    # variants were drawn with fewer prompts
    means = {"editing_only": {"dino": 0.4}, "generation_only": {"dino": 0.65}}
    other = write(tmp_path / "v.parquet", means, prompts=2)
    kinds = ("colour", "style")
    edits = write(
        tmp_path / "e.parquet",
        {
            "toffeenet": {"dino_inside": 0.5},
            "editing_only": {"dino_inside": 0.6},
            "generation_only": {"dino_inside": 0.1},
        },
        kinds=kinds,
    )
    tabulate_variants(generation=[base, other], editing=[edits], **out, encoders=ENCODERS)
    table = read(out["csv"])
    row = one(table, "editing_only − toffeenet", "dino")
    assert (row["value"], row["stderr"]) == (pytest.approx(-0.2), pytest.approx(0, abs=1e-9))
    assert row["setting"].startswith("generation; all photos; class prompt; encoders")
    row = one(table, "generation_only − toffeenet", "dino_inside")
    assert row["value"] == pytest.approx(-0.4) and row["setting"] == "editing; all edits"
    assert one(table, "editing_only − generation_only", "dino")["value"] == pytest.approx(-0.25)
    # ToffeeNet's own row is of the prompts that all have
    own = one(table, "toffeenet", "dino")
    assert own["value"] == pytest.approx(0.6 + NOISE[:, :2].mean(), abs=1e-5)
    settings = set(at(table, "toffeenet", "dino_inside")["setting"])
    assert settings == {"editing; all edits", "editing; colour", "editing; style"}
    assert "2 prompts of each subject, 2 generation seeds" in out["page"].read_text()


@pytest.fixture
def published() -> Path:
    return REPOSITORY / "config/published/ablations.csv"


def test_reconstruction_stands_beside_the_published_rows_and_says_the_direction(
    tmp_path, out, published
):
    means = {
        "toffeenet": {"dino_masked": 0.62, "clip_t": 0.31},
        "p_0": {"dino_masked": 0.6, "clip_t": 0.3},
        "p_0_3": {"dino_masked": 0.65, "clip_t": 0.27},
    }
    tabulate_reconstruction(
        scores=[write(tmp_path / "s.parquet", means)],
        shares={"toffeenet": 0.1, "p_0": 0, "p_0_3": 0.3},
        published=published,
        **out,
        encoders=ENCODERS,
        source="world",
        resolution=64,
    )
    table = read(out["csv"])
    assert one(table, "p_0", "seg_dino")["setting"].startswith("p = 0; all photos")
    assert one(table, "p_0_3 − p_0", "clip_t")["value"] == pytest.approx(-0.03)
    printed = table[table["source"] == "published"]
    assert sorted(printed["value"]) == [0.286, 0.306, 0.803, 0.818]
    assert printed["setting"].str.contains("arXiv 2406.09305").all()
    text = out["page"].read_text()
    assert "`seg_dino` of toffeenet − p_0: +0.020 ± 0.000, as published (+0.015)" in text
    assert "`clip_t` of toffeenet − p_0: +0.010 ± 0.000, not as published (−0.020)" in text
    assert "`clip_t` of p_0_3 − p_0: −0.030 ± 0.000, as published (−0.020)" in text
    assert "not comparable here" in text


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.021, "as published"), (-0.021, "not as published"), (0.019, "no difference that shows")],
)
def test_a_direction_is_one_beyond_two_standard_errors(value, verdict):
    name = f"p_0_3 {MINUS} p_0"
    table = pd.DataFrame([{"method": name, "metric": "dino", "value": value, "stderr": 0.01}])
    printed = pd.DataFrame({"metric": ["dino"] * 2, "value": [0.80, 0.82]})
    text = compare_directions(table, printed)
    assert text.endswith(f" ± 0.010, {verdict} (+0.020).")


def test_segmentation_has_both_inputs(tmp_path, out):
    means = {"whole_subject": {"dino": 0.5}, "toffeenet": {"dino": 0.6}}
    scores = [write(tmp_path / "s.parquet", means)]
    segmented = {"toffeenet": True, "whole_subject": False}
    tabulate_segmentation(scores=scores, segmented=segmented, **out, encoders=ENCODERS)
    table = read(out["csv"])
    assert one(table, "toffeenet", "dino")["setting"].startswith("segmented subject; ")
    assert one(table, "whole_subject", "dino")["setting"].startswith("whole photo; ")
    assert one(table, "whole_subject − toffeenet", "dino")["value"] == pytest.approx(-0.1)
    with pytest.raises(ToffeeError, match="no scores of method 'third'"):
        tabulate_segmentation(
            scores=scores, segmented=segmented | {"third": True}, **out, encoders=ENCODERS
        )


def test_reference_says_what_is_the_papers_and_what_is_ours(tmp_path, out):
    means = {"toffeenet": {"dino": 0.7}, "paper": {"dino": 0.6}}
    tabulate_reference(
        scores=[write(tmp_path / "s.parquet", means)],
        references={"toffeenet": "canvas", "paper": "tokens"},
        subject_guidance={"toffeenet": 5.0, "paper": None},
        photos={"toffeenet": 4, "paper": 1},
        own_photo={"toffeenet": 0.5, "paper": 0},
        guidance={"toffeenet": 2.0, "paper": 3.0},
        **out,
        encoders=ENCODERS,
    )
    table = read(out["csv"])
    ours, paper = (one(table, name, "dino")["setting"] for name in means)
    assert ours.startswith(
        "tokens and canvas (ours), 4 photos; trained on photos (0.5, ours) and views; "
        "guided apart, text 2 and subject 5 (ours); "
    )
    assert paper.startswith("tokens (the paper's), 1 photo; trained on views; guided at once, 3; ")
    assert one(table, "paper − toffeenet", "dino")["value"] == pytest.approx(-0.1)


def test_strength_has_a_row_for_each_value_and_its_rank_correlation(tmp_path, out):
    values = [0, 0.5, 1, 2, 3, 10]  # their names sort in another way
    paths = []
    for value in values:
        path = tmp_path / f"{value}.parquet"
        write(path, {"strength": {"dino": 0.1 * value, "clip_t": -0.1 * value}})
        pd.read_parquet(path).assign(setting=f"λ = {value:g}").to_parquet(path)
        paths.append(path)
    tabulate_strength(scores=paths, strengths=values, **out, encoders=ENCODERS)
    table = read(out["csv"])
    assert one(table, "spearman(λ)", "dino")["value"] == 1
    assert one(table, "spearman(λ)", "clip_t")["value"] == -1
    curve = at(table, "toffeenet", "dino")
    assert list(curve["setting"].str.partition(";")[0]) == [f"λ = {value:g}" for value in values]
    assert "| toffeenet | λ = 0.5 |" in out["page"].read_text()
    with pytest.raises(ToffeeError, match="no scores of λ = 4"):
        tabulate_strength(scores=paths, strengths=[*values, 4], **out, encoders=ENCODERS)


def test_editing_is_by_kind_with_controls_and_layouts_apart(tmp_path, out):
    edits = {
        "toffeenet": {"dino_inside": 0.6, "outside_drift": 0.1},
        "input": {"dino_inside": 0.4},
        "target": {"dino_inside": 1.0},
        "depth": {"dino_inside": 0.7, "outside_drift": 0.2},
    }
    layouts = {"toffeenet": {"mask_iou": 0.4}, "depth": {"mask_iou": 0.9}}
    scores = [
        write(tmp_path / "e.parquet", edits, kinds=("colour", "style")),
        write(tmp_path / "l.parquet", layouts, kinds=("depth-controlled",)),
    ]
    tabulate_editing(scores=scores, depth=["depth"], **out, encoders=ENCODERS)
    table = read(out["csv"])
    kinds = list(at(table, "toffeenet", "dino_inside")["setting"])
    assert kinds == ["colour", "style", "all edits"]
    assert one(table, "toffeenet − input", "dino_inside")["value"] == pytest.approx(0.2)
    row = one(table, "depth − toffeenet", "mask_iou")
    assert row["value"] == pytest.approx(0.5) and row["setting"] == "depth-controlled"
    text = out["page"].read_text()
    assert "pasted back there, which is part of the method" in text
    assert text.index("| measured | setting | dino_inside") < text.index("| mask_iou")


def test_a_table_without_toffeenet_is_named(tmp_path, out):
    scores = [write(tmp_path / "s.parquet", {"p_0": {"dino": 0.5}})]
    with pytest.raises(ToffeeError, match="no scores of method 'toffeenet'"):
        tabulate_segmentation(scores=scores, segmented={"p_0": True}, **out, encoders=ENCODERS)
