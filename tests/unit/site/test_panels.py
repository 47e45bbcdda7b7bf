import pandas as pd
import pytest

from toffee.runtime.errors import ToffeeError
from toffee.site.panels import describe_table, metric_groups
from toffee.tables.tidy import TABLE

ROWS = [
    ("ours", "all photos; encoders x", "copy_rate", 0.25, 0.01, 30, "measured"),
    ("ours", "all photos; encoders x", "dino", 0.5, 0.01, 30, "measured"),
    ("ours", "one photo; encoders x", "dino", 0.75, 0.01, 29, "measured"),
    ("ours − theirs", "one photo; encoders x", "dino", -0.125, 0.01, 30, "measured"),
    ("this run", "encoders x", "pairs", 1234.0, None, 1234, "measured"),
    ("Paper", "SD2.1; Table 2", "dino", 0.7, None, None, "published"),
]


def described(tmp_path, rows):
    path = tmp_path / "table.csv"
    pd.DataFrame(rows, columns=list(TABLE)).to_csv(path, index=False)
    return describe_table(path)


def test_published_rows_share_the_heads_of_the_measured_ones(tmp_path):
    table = described(tmp_path, ROWS)
    first, second = table["panels"]
    assert first["metrics"] == ["dino", "copy_rate"]  # what was published comes first
    assert [group["title"] for group in first["groups"]] == ["measured", "difference", "published"]
    measured, difference, published = (group["rows"] for group in first["groups"])
    assert [row["cells"] for row in measured] == [
        ["0.500 ± 0.010", "0.250 ± 0.010"],
        ["0.750 ± 0.010", "–"],
    ]
    assert difference[0]["cells"][0] == "−0.125 ± 0.010"
    assert published[0] | {"cells": None} == {
        "method": "Paper",
        "setting": "SD2.1; Table 2",
        "n": "",
        "cells": None,
    }
    assert published[0]["cells"] == ["0.700", "–"]
    assert second["metrics"] == ["pairs"]
    assert table["published"]


def test_rows_with_few_of_the_metrics_have_a_panel_of_their_own(tmp_path):
    metrics = ("a", "b", "c", "d", "e")
    rows = [("accepted", "", metric, 0.5, 0.01, 30, "measured") for metric in metrics]
    rows += [("nearest", "", metric, 0.25, 0.01, 30, "measured") for metric in ("d", "e")]
    rows += [("Paper", "", "d", 0.7, None, None, "published")]
    first, second = described(tmp_path, rows)["panels"]
    assert first["metrics"] == ["d", "a", "b", "c", "e"] and len(first["groups"]) == 2
    assert second["metrics"] == ["d", "e"]
    assert [row["method"] for row in second["groups"][0]["rows"]] == ["nearest"]
    assert len(described(tmp_path, rows[5:])["panels"]) == 1  # nothing else to stand beside


def test_what_all_measured_settings_say_is_said_once(tmp_path):
    table = described(tmp_path, ROWS)
    assert table["conditions"] == ["encoders x"]
    settings = [row["setting"] for row in table["panels"][0]["groups"][0]["rows"]]
    assert settings == ["all photos", "one photo"]
    assert described(tmp_path, ROWS[-1:])["conditions"] == []


def test_metrics_group_by_rows_in_common():
    rows = [{"a", "b"}, {"c"}, {"d"}, {"c", "b"}]
    assert metric_groups(rows) == [{"a", "b", "c"}, {"d"}]


def test_a_table_without_its_columns_is_an_error(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ToffeeError, match="table.csv"):
        describe_table(path)
