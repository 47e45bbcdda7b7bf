from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toffee.runtime.errors import ToffeeError
from toffee.tables.base import tabulate_base
from toffee.tables.dataset import tabulate_dataset
from toffee.tables.dreambench import tabulate_dreambench
from toffee.tables.markdown import markdown
from toffee.tables.published import published_methods
from toffee.tables.refiner import tabulate_refiner
from toffee.tables.show import main, show
from toffee.tables.views import tabulate_views

from ..synthesis.conftest import LIMITS

REPOSITORY = Path(__file__).resolve().parents[3]
COLUMNS = ["method", "setting", "metric", "value", "stderr", "n", "source"]
SUBJECTS = 12


def write_scores(path: Path, means: dict[str, dict[str, float]], prompts: int = 2) -> Path:
    """Scores of method → metric → mean, with the same noise by subject in all methods."""
    random = np.random.default_rng(0)
    noise = random.normal(scale=0.05, size=(SUBJECTS, prompts))
    rows = [
        (method, "", f"s{s}", "" if method == "oracle" else f"p{p}", metric, mean + noise[s, p])
        for method, metrics in means.items()
        for metric, mean in metrics.items()
        for s in range(SUBJECTS)
        for p in range(prompts)
    ]
    columns = ["method", "setting", "subject", "prompt", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_parquet(path)
    return path


def read(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, keep_default_na=False, na_values={c: "" for c in COLUMNS[3:6]})
    assert list(table.columns) == COLUMNS
    return table.set_index(["method", "metric"])


@pytest.fixture
def out(tmp_path) -> dict[str, Path]:
    return {"csv": tmp_path / "x.csv", "page": tmp_path / "x.md"}


def test_refiner_differences_are_paired_and_gap_is_closed(tmp_path, out):
    means = {
        "ceiling": {"dino_masked": 0.9, "clip_t": 0.3},
        "initial": {"dino_masked": 0.5, "clip_t": 0.3},
        "control": {"dino_masked": 0.5, "clip_t": 0.3},
        "silhouette": {"dino_masked": 0.8, "clip_t": 0.29},
    }
    scores = write_scores(tmp_path / "s.parquet", means)
    tabulate_refiner(scores, **out, default="silhouette")
    table = read(out["csv"])
    row = table.loc["silhouette − initial", "dino_masked"]
    # the noise by subject is common to both and cancels
    assert (row["value"], row["stderr"]) == (pytest.approx(0.3), pytest.approx(0, abs=1e-9))
    assert row["n"] == SUBJECTS and row["setting"] == "default"
    assert table.loc["gap_closed(silhouette)", "dino_masked"]["value"] == pytest.approx(0.75)
    assert ("gap_closed(silhouette)", "clip_t") not in table.index  # text has no ceiling
    assert ("gap_closed(control)", "dino_masked") not in table.index
    assert list(dict.fromkeys(table.index.get_level_values(0)))[:3] == [
        "initial",
        "control",
        "silhouette",
    ]
    text = out["page"].read_text()
    assert "| silhouette − initial | default | +0.300 ± 0.000 | −0.010 ± 0.000 | 12 |" in text


def test_refiner_without_ceiling_is_named(tmp_path, out):
    scores = write_scores(tmp_path / "s.parquet", {"initial": {"dino": 0.5}})
    with pytest.raises(ToffeeError, match=r"s\.parquet.*'ceiling'"):
        tabulate_refiner(scores, **out, default="initial")
    assert not out["csv"].exists()


def test_views_differences(tmp_path, out):
    names = ("own_target", "other_target", "own_source", "other_source", "copy_source")
    means = {name: {"mask_iou": 0.9 - 0.1 * i} for i, name in enumerate(names)}
    tabulate_views(write_scores(tmp_path / "s.parquet", means), **out)
    table = read(out["csv"])
    assert table.loc["own_target − other_target", "mask_iou"]["value"] == pytest.approx(0.1)
    assert table.loc["own_target − own_source", "mask_iou"]["value"] == pytest.approx(0.2)


def by_policy(path: Path) -> Path:
    """The scores with both reference policies, of one seed; `one photo` is 0.1 higher."""
    frame = pd.read_parquet(path)
    one = frame.assign(references="one photo", value=frame["value"] + 0.1)
    frame = pd.concat([frame.assign(references="all photos"), one])
    frame.assign(seed="0").to_parquet(path)
    return path


def write_subjects(root: Path, living: int) -> Path:
    """A benchmark's folder whose first subjects are dogs and whose others are mugs."""
    words = {f"s{s}": "dog" if s < living else "mug" for s in range(SUBJECTS)}
    for name in words:
        (root / "dataset" / name).mkdir(parents=True)
        (root / "dataset" / name / "00.jpg").write_bytes(b"only listed")
    text = (REPOSITORY / "config" / "prompts" / "dreambench.txt").read_text()
    classes = "\n".join(f"{name},{word}" for name, word in words.items())
    text = f"Classes\n\nsubject_name,class\n{classes}\n\n{text[text.index('Prompts') :]}"
    (root / "dataset" / "prompts_and_classes.txt").write_text(text)
    return root


@pytest.fixture
def dreambench(tmp_path) -> dict:
    means = {
        "toffeenet": {"dino": 0.6, "clip_t": 0.3},
        "text_only": {"dino": 0.4, "clip_t": 0.31},
        "wrong_subject": {"dino": 0.3, "clip_t": 0.3},
    }
    photos = {"oracle": {"dino": 0.8}}
    return {
        "scores": [by_policy(write_scores(tmp_path / "s.parquet", means))],
        "oracle": by_policy(write_scores(tmp_path / "o.parquet", photos)),
        "benchmark": write_subjects(tmp_path / "benchmark", living=0),
        "gate": {"dino": None, "clip_i": None, "tolerance": 0.01},
        "encoders": "zoo/a, zoo/b",
        "resolution": 64,
    }


PUBLISHED = REPOSITORY / "config/published"


def test_dreambench_stands_beside_the_published_methods(dreambench, out):
    published = PUBLISHED / "dreambench.csv"
    tabulate_dreambench(**dreambench, published=published, **out, source="world")
    table = read(out["csv"])
    both = table.loc[("text_only", "dino")].set_index("setting")["value"]
    shared = "class prompt; encoders zoo/a, zoo/b"
    assert both[f"one photo; {shared}"] - both[f"all photos; {shared}"] == pytest.approx(0.1)
    table = table[~table["setting"].str.startswith("one photo")]
    assert table.loc["gap_closed(toffeenet)", "dino"]["value"] == pytest.approx(0.5)
    assert table.loc["toffeenet − wrong_subject", "dino"]["value"] == pytest.approx(0.3)
    paper = table.loc["ToffeeNet", "dino"]
    assert (paper["value"], paper["source"]) == (0.728, "published")
    assert paper["setting"].startswith("SD2.1, 1 reference image; Toffee (arXiv 2406.09305)")
    assert set(table["source"]) == {"measured", "published"}
    assert np.isnan(paper["stderr"]) and np.isnan(paper["n"])
    # every published number is there, with where it was printed
    rows = pd.read_csv(published)
    numbers = rows[["dino", "clip_i", "clip_t"]].notna().to_numpy().sum()
    printed = table[table["source"] == "published"]
    assert len(printed) == numbers
    assert printed["setting"].str.contains("arXiv").all()
    text = out["page"].read_text()
    assert "| text_only | all photos |" in text and "Metric encoders: zoo/a, zoo/b" in text


def test_contexts_and_prompts_that_change_the_subject_stand_apart(dreambench, tmp_path, out):
    means = {name: {"dino": 0.5, "clip_t": 0.3} for name in ("text_only", "toffeenet")}
    scores = by_policy(write_scores(tmp_path / "d.parquet", means | {"dreambooth": {"dino": 0.7}}))
    frame = pd.read_parquet(scores)
    texts = {"p0": "a mug in the jungle", "p1": "a purple mug"}
    frame = frame.assign(prompt=frame["prompt"].map(texts))
    changes = (frame["prompt"] == texts["p1"]) & (frame["method"] == "toffeenet")
    frame.assign(value=frame["value"] + 0.4 * changes).to_parquet(scores)
    given = dreambench | {"scores": [scores]}
    tabulate_dreambench(**given, published=PUBLISHED / "dreambench.csv", **out, source="world")
    rows = read(out["csv"]).loc[("toffeenet − dreambooth", "dino")].set_index("setting")["value"]
    shared = "all photos; class prompt; encoders zoo/a, zoo/b"
    found = [rows[setting] for setting in (shared, f"contexts; {shared}", f"changes; {shared}")]
    assert found == pytest.approx([0.0, -0.2, 0.2])
    assert "| text_only | contexts; all photos |" in out["page"].read_text()
    # Where all prompts are of one kind there is nothing to part.
    tabulate_dreambench(**dreambench, published=PUBLISHED / "dreambench.csv", **out, source="world")
    assert "contexts;" not in out["csv"].read_text()


def test_living_subjects_and_objects_stand_apart(dreambench, tmp_path, out):
    published = PUBLISHED / "dreambench.csv"
    tabulate_dreambench(**dreambench, published=published, **out, source="world")
    assert "living;" not in out["csv"].read_text(), "nothing lives in the world"
    dreambench["benchmark"] = write_subjects(tmp_path / "animals", living=3)
    tabulate_dreambench(**dreambench, published=published, **out, source="world")
    rows = read(out["csv"]).loc[("toffeenet", "dino")].set_index("setting")
    shared = "all photos; class prompt; encoders zoo/a, zoo/b"
    living, objects = (rows.loc[f"{kind}; {shared}"] for kind in ("living", "objects"))
    assert (living["n"], objects["n"]) == (3, 9)
    whole = rows.loc[shared, "value"]
    assert (3 * living["value"] + 9 * objects["value"]) / 12 == pytest.approx(whole)
    assert living["value"] != objects["value"]
    assert "| toffeenet | living; all photos |" in out["page"].read_text()


def test_dreambench_tells_of_the_gate_where_there_was_one(dreambench, out):
    def text():
        published = PUBLISHED / "dreambench.csv"
        tabulate_dreambench(**dreambench, published=published, **out, source="real")
        return out["page"].read_text()

    assert "The gate" not in text()
    rows = read(out["csv"]).loc[("oracle", "dino")]
    measured = rows[rows["setting"].str.startswith("all photos")]["value"].item()
    dreambench["gate"]["dino"] = round(measured + 0.009, 3)
    sentence = (
        f"score `dino` {measured:.3f} (published {measured + 0.009:.3f}), and may be 0.01 off."
    )
    assert sentence in " ".join(text().split())
    out["csv"].unlink()
    dreambench["gate"]["dino"] = 0.7
    with pytest.raises(ToffeeError, match="where 0.7000 was published, more than 0.01 off"):
        text()
    assert not out["csv"].exists()


def test_a_baseline_of_some_subjects_is_compared_on_those(dreambench, tmp_path, out):
    means = {"dreambooth": {"dino": 0.7, "clip_t": 0.3}}
    path = by_policy(write_scores(tmp_path / "d.parquet", means))
    frame = pd.read_parquet(path)
    frame[frame["subject"].isin(["s0", "s1", "s2"])].to_parquet(path)
    dreambench["scores"].append(path)
    tabulate_dreambench(**dreambench, published=PUBLISHED / "dreambench.csv", **out, source="world")
    table = read(out["csv"])
    table = table[table["setting"].str.startswith("all photos")]
    for method, change in (("dreambooth − text_only", 0.3), ("toffeenet − dreambooth", -0.1)):
        row = table.loc[method, "dino"]
        assert row["n"] == 3 and row["value"] == pytest.approx(change), method
        assert row["stderr"] == pytest.approx(0, abs=1e-9)  # the same noise in both
    assert table.loc["gap_closed(dreambooth)", "dino"]["n"] == 3
    own = table.loc["dreambooth", "dino"]
    assert own["setting"] == "all photos; token prompt; encoders zoo/a, zoo/b"


def test_note_of_not_comparable_depends_on_the_source(dreambench, out, tmp_path):
    published = tmp_path / "p.csv"
    published.write_text("method,backbone,reference_images,dino\nReal images,,,0.774\n")
    for source, expected in (("world", True), ("real", False)):
        tabulate_dreambench(**dreambench, published=published, **out, source=source)
        assert ("not comparable" in out["page"].read_text()) == expected


def test_published_rows_that_are_none_are_named(tmp_path):
    (tmp_path / "p.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ToffeeError, match="p.csv"):
        published_methods(tmp_path / "p.csv")


def test_base_has_a_line_for_each_way_of_drawing(tmp_path, out):
    means = {name: {"class_accuracy": 0.9} for name in ("text", "depth", "real")}
    tabulate_base(write_scores(tmp_path / "s.parquet", means), **out)
    methods = read(out["csv"]).index.get_level_values(0)
    assert list(methods) == ["real", "text", "depth"]


def test_dataset_holds_counts_and_accepted_against_rejected(tmp_path, out):
    funnel = tmp_path / "funnel.csv"
    funnel.write_text(
        "kind,filter,remaining\ngeneration,candidates,10\ngeneration,max_copy_rate,5\n"
        "all,candidates,10\nall,max_copy_rate,5\n"
    )
    quarantine = tmp_path / "quarantine.csv"
    quarantine.write_text("subject,file,reason,detail\nx,images/x.png,broken image,torn\n")
    means = {"accepted": {"efficientnet": 0.7}, "rejected": {"efficientnet": 0.5}}
    scores = write_scores(tmp_path / "s.parquet", means)
    frame = pd.read_parquet(scores)
    kinds = frame["prompt"].map({"p0": "generation", "p1": "colour"})
    changed = (kinds == "colour") & (frame["method"] == "accepted")  # less like the photo, rightly
    frame["value"] -= 0.4 * changed
    frame.assign(setting="all", kind=kinds).to_parquet(scores)
    published = REPOSITORY / "config/published/cost.csv"
    leakage = tmp_path / "leakage.csv"
    leakage.write_text(
        "subject,nearest,nearest_efficientnet_masked,nearest_histogram_masked,"
        "own_efficientnet_masked,own_histogram_masked,among,trained,untrained\n"
        "a,x,0.5,0.1,0.8,0.7,9,0.4,0.5\nb,y,0.7,0.3,0.8,0.7,9,0.6,0.5\n"
        "c,z,0.9,0.3,,,9,0.6,0.6\n"  # with a single photo
    )
    tabulate_dataset(funnel, quarantine, scores, leakage, published, LIMITS, **out)
    table = read(out["csv"])
    assert table.loc["Toffee", "pairs"]["value"].max() == 4_800_000
    by_kind = table.loc["accepted − rejected", "efficientnet"].set_index("setting")["value"]
    assert by_kind.to_dict() == pytest.approx({"all": 0.0, "generation": 0.2, "colour": -0.2})
    row, own = (
        table.loc[method, "efficientnet"].query("setting == 'generation'").squeeze()
        for method in ("accepted − rejected", "accepted")
    )
    assert row["stderr"] == pytest.approx(np.sqrt(2) * own["stderr"], rel=1e-4)  # not paired
    apart = table.loc["photos of the same subject − nearest training subject"]
    assert apart.loc["efficientnet_masked", "value"] == pytest.approx(0.2)
    assert apart.loc["efficientnet_masked", "n"] == 2
    nearest = table.loc["nearest training subject"].query("setting == ''")
    assert nearest.loc["efficientnet_masked", "n"].item() == 3
    listed = table[table["setting"] == "a ~ x"]
    assert list(listed["value"]) == [0.5, 0.1]
    control = table.loc["nearest of 9 training subjects − nearest of 9 other held-out subjects"]
    assert control["value"].item() == pytest.approx(0)
    assert table.loc["this run", "max_copy_rate"]["value"] == 0.8
    assert 5 in table["value"].to_numpy() and "broken image" in set(table["setting"])


def test_markdown_has_one_column_a_metric_and_gaps_for_missing_cells():
    table = pd.DataFrame(
        [
            ("a", "", "dino", 0.5, 0.01, 3, "measured"),
            ("b", "", "clip_t", -0.25, np.nan, 3, "measured"),
        ],
        columns=COLUMNS,
    )
    assert markdown(table).splitlines() == [
        "| measured | dino | clip_t | n |",
        "| --- | ---: | ---: | ---: |",
        "| a | 0.500 ± 0.010 | – | 3 |",
        "| b | – | −0.250 | 3 |",
    ]


def test_show_prints_tables_and_places(tmp_path, capsys):
    (tmp_path / "tables").mkdir()
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/pipeline.png").touch()
    for name in ("dreambench", "base"):
        (tmp_path / f"tables/{name}.md").write_text(f"## {name}\n")
    text = show(tmp_path)
    assert text.index("## base") < text.index("## dreambench") < text.index("pipeline.png")
    assert main([str(tmp_path / "nothing")]) == 1
    assert "no tables" in capsys.readouterr().err
