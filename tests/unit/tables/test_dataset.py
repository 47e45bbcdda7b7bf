"""Table `dataset`: counts and shares against a funnel that is counted by hand."""

import math
from pathlib import Path

import pandas as pd
import pytest

from toffee.data.loaders.subjects import Quarantined, write_quarantine
from toffee.runtime.errors import ToffeeError
from toffee.tables.dataset import count_pairs
from toffee.tables.published import published_pairs

PUBLISHED = Path(__file__).parents[3] / "config" / "published" / "cost.csv"
FUNNEL = """kind,filter,remaining
generation,candidates,100
generation,scored,90
generation,min_text_alignment,60
colour,candidates,20
colour,scored,20
colour,min_text_alignment,5
style,candidates,30
style,scored,0
style,min_text_alignment,0
all,candidates,150
all,scored,110
all,min_text_alignment,65
"""


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    (tmp_path / "funnel.csv").write_text(FUNNEL)
    items = [("a", "broken image"), ("b", "broken image"), ("c", "mask of another size")]
    write_quarantine(
        [Quarantined(name, f"{name}.jpg", reason, "") for name, reason in items],
        tmp_path / "quarantine.csv",
    )
    return pd.concat(
        [
            count_pairs(tmp_path / "funnel.csv", tmp_path / "quarantine.csv"),
            published_pairs(PUBLISHED),
        ]
    )


def cell(table: pd.DataFrame, method: str, setting: str, metric: str) -> pd.Series:
    (found,) = [
        row
        for _, row in table.iterrows()
        if (row["method"], row["setting"], row["metric"]) == (method, setting, metric)
    ]
    return found


def test_columns(table: pd.DataFrame) -> None:
    assert list(table.columns) == [
        *("method", "setting", "metric", "value", "stderr", "n", "source")
    ]
    assert not table.duplicated(["method", "setting", "metric"]).any()


@pytest.mark.parametrize(
    ("setting", "candidates", "pairs"),
    [("generation", 100, 60), ("colour", 20, 5), ("editing", 50, 5), ("all", 150, 65)],
)
def test_counts_and_yield(table: pd.DataFrame, setting: str, candidates: int, pairs: int) -> None:
    assert cell(table, "this run", setting, "candidates")["value"] == candidates
    assert cell(table, "this run", setting, "pairs")["value"] == pairs
    share = cell(table, "this run", setting, "yield")
    assert share["value"] == pairs / candidates and share["n"] == candidates
    assert share["stderr"] ** 2 == pytest.approx(share["value"] * (1 - share["value"]) / candidates)
    assert share["source"] == "measured"


def test_yield_of_each_filter_is_of_what_reached_it(table: pd.DataFrame) -> None:
    found = cell(table, "this run", "editing", "yield_min_text_alignment")
    assert (found["value"], found["n"]) == (5 / 20, 20)
    assert cell(table, "this run", "all", "yield_scored")["value"] == 110 / 150
    nothing = cell(table, "this run", "style", "yield_min_text_alignment")
    assert math.isnan(nothing["value"]) and nothing["n"] == 0


def test_quarantine_by_reason(table: pd.DataFrame) -> None:
    for reason, count in (("broken image", 2), ("mask of another size", 1), ("all", 3)):
        assert cell(table, "this run", reason, "quarantined")["value"] == count


def test_published_rows(table: pd.DataFrame) -> None:
    for setting, count in (("all", 4_800_000), ("editing", 1_600_000), ("generation", 3_200_000)):
        row = cell(table, "Toffee", setting, "pairs")
        assert (row["value"], row["source"]) == (count, "published")


def test_malformed_inputs_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "funnel.csv").write_text("kind,remaining\n")
    (tmp_path / "quarantine.csv").write_text("subject,file,reason,detail\n")
    with pytest.raises(ToffeeError, match="funnel.csv: column filter is missing"):
        count_pairs(tmp_path / "funnel.csv", tmp_path / "quarantine.csv")
    (tmp_path / "funnel.csv").write_text(FUNNEL)
    with pytest.raises(ToffeeError, match="none.csv: cannot be read"):
        count_pairs(tmp_path / "funnel.csv", tmp_path / "none.csv")
    table = count_pairs(tmp_path / "funnel.csv", tmp_path / "quarantine.csv")
    assert cell(table, "this run", "all", "quarantined")["value"] == 0
    (tmp_path / "cost.csv").write_text("system,pairs,note\nToffee,100,many\n")
    with pytest.raises(ToffeeError, match="cost.csv: no row Toffee that says"):
        published_pairs(tmp_path / "cost.csv")
