import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr, ttest_ind, ttest_rel

from toffee.evaluation.statistics import (
    COLUMNS,
    difference,
    gap_closed,
    in_common,
    paired_difference,
    spearman,
    summarise,
)
from toffee.runtime.errors import ToffeeError


def scores(values: dict[str, np.ndarray], metric: str = "dino") -> pd.DataFrame:
    """Long form of method → values [subjects, prompts]."""
    return pd.DataFrame(
        [
            (method, "", f"s{s}", f"p{p}", metric, value)
            for method, table in values.items()
            for (s, p), value in np.ndenumerate(table)
        ],
        columns=["method", "setting", "subject", "prompt", "metric", "value"],
    )


@pytest.fixture
def values() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    base = random.normal(size=(12, 3)) + random.normal(size=(12, 1))
    return {
        "base": base,
        "better": base + 0.5 + 0.1 * random.normal(size=(12, 3)),
        "ceiling": base + 2 + 0.1 * random.normal(size=(12, 3)),
    }


def test_standard_error_is_over_subjects(values):
    row = summarise(scores({"a": values["base"]})).iloc[0]
    means = values["base"].mean(1)
    assert row.value == pytest.approx(means.mean())
    assert row.stderr == pytest.approx(means.std(ddof=1) / np.sqrt(12))
    assert row.n == 12


def test_more_images_of_a_subject_are_no_more_evidence(values):
    once = scores({"a": values["base"]})
    pd.testing.assert_frame_equal(summarise(pd.concat([once] * 4)), summarise(once))


def test_subjects_weigh_the_same_whatever_their_number_of_images():
    frame = scores({"a": np.array([[0.0], [1.0]])})
    frame = pd.concat([frame, *[frame[frame["subject"] == "s1"]] * 9])
    assert summarise(frame).iloc[0].value == 0.5


def test_settings_are_separate_rows(values):
    frame = scores({"a": values["base"]})
    table = summarise(pd.concat([frame, frame.assign(setting="lambda = 2", value=frame.value + 1)]))
    assert list(table["setting"]) == ["", "lambda = 2"]
    assert table["value"].diff().iloc[1] == pytest.approx(1)


def test_paired_difference_is_the_paired_t_test(values):
    row = paired_difference(scores(values), "better", "base").iloc[0]
    t = ttest_rel(values["better"].mean(1), values["base"].mean(1)).statistic
    assert row.value == pytest.approx((values["better"] - values["base"]).mean())
    assert row.value / row.stderr == pytest.approx(t)
    assert row.method == "better − base"


def test_paired_difference_does_not_depend_on_row_order(values):
    frame = scores(values)
    pd.testing.assert_frame_equal(
        paired_difference(frame.sample(frac=1, random_state=1), "better", "base"),
        paired_difference(frame, "better", "base"),
    )


def test_difference_to_photos_pairs_subject_means(values):
    photos = scores({"oracle": values["ceiling"][:, :2]}).assign(prompt="")
    row = paired_difference(
        pd.concat([scores({"base": values["base"]}), photos]), "oracle", "base"
    ).iloc[0]
    expected = values["ceiling"][:, :2].mean(1) - values["base"].mean(1)
    assert row.value == pytest.approx(expected.mean())
    assert row.stderr == pytest.approx(expected.std(ddof=1) / np.sqrt(12))


def test_nothing_is_dropped_to_make_pairs(values):
    frame = scores(values)
    missing_subject = frame[(frame["method"] != "base") | (frame["subject"] != "s3")]
    with pytest.raises(ToffeeError, match="'s3'"):
        paired_difference(missing_subject, "better", "base")
    missing_cell = frame[
        (frame["method"] != "base") | (frame["subject"] != "s3") | (frame["prompt"] != "p1")
    ]
    with pytest.raises(ToffeeError, match="s3.*p1"):
        paired_difference(missing_cell, "better", "base")


def test_difference_of_independent_groups_is_welchs(values):
    groups = {"a": values["base"], "b": values["better"][:7]}
    row = difference(scores(groups), "a", "b").iloc[0]
    t = ttest_ind(groups["a"].mean(1), groups["b"].mean(1), equal_var=False).statistic
    assert row.value / row.stderr == pytest.approx(t)
    assert (row.method, row.n) == ("a − b", 7)
    with pytest.raises(ToffeeError, match="'c'"):
        difference(scores(groups), "a", "c")


def test_gap_closed_of_base_and_ceiling_themselves(values):
    frame = scores(values)
    nothing = gap_closed(frame, "base", "base", "ceiling").iloc[0]
    everything = gap_closed(frame, "base", "ceiling", "ceiling").iloc[0]
    assert (nothing.value, nothing.stderr) == (0, 0)
    assert (everything.value, everything.stderr) == (pytest.approx(1), pytest.approx(0))


def test_gap_closed_with_a_constant_gap_has_the_usual_error(values):
    values["ceiling"] = values["base"] + 2
    row = gap_closed(scores(values), "base", "better", "ceiling").iloc[0]
    gain = (values["better"] - values["base"]).mean(1)
    assert row.value == pytest.approx(gain.mean() / 2)
    assert row.stderr == pytest.approx(gain.std(ddof=1) / np.sqrt(12) / 2)
    assert row.method == "gap_closed(better)"


def test_gap_closed_error_is_the_delta_methods():
    random = np.random.default_rng(1)
    base = random.normal(size=(2000, 1))
    gap = 2 + 0.5 * random.normal(size=(2000, 1))
    gain = 0.4 * gap + 0.3 * random.normal(size=(2000, 1))
    values = {"base": base, "better": base + gain, "ceiling": base + gap}
    row = gap_closed(scores(values), "base", "better", "ceiling").iloc[0]
    residual = gain - row.value * gap
    delta = residual.std(ddof=1) / np.sqrt(2000) / gap.mean()
    assert row.stderr == pytest.approx(delta, rel=0.01)


def test_gap_that_is_none_is_not_a_number(values):
    values["ceiling"] = values["base"] - 1
    row = gap_closed(scores(values), "base", "better", "ceiling").iloc[0]
    assert np.isnan(row.value) and np.isnan(row.stderr)


def test_values_that_are_not_finite_are_named(values):
    frame = scores(values)
    frame.loc[3, "value"] = np.nan
    with pytest.raises(ToffeeError, match="s1.*not finite"):
        summarise(frame)
    with pytest.raises(ToffeeError, match="missing column 'prompt'"):
        summarise(frame.drop(columns="prompt"))


def test_what_methods_have_in_common_is_compared_and_no_more(values):
    """A method that was drawn for a part is compared on that part, seed by seed."""
    frame = scores(values).assign(seed="0")
    frame = pd.concat([frame, frame[frame["method"] != "better"].assign(seed="1", value=9.0)])
    part = (frame["method"] != "better") | (frame["subject"].isin(["s0", "s1"]))
    part &= (frame["method"] != "better") | (frame["prompt"] != "p2")
    photos = frame[frame["method"] == "base"].assign(method="photos", prompt="", seed="0")
    found = in_common(pd.concat([frame[part], photos]), ["base", "better", "photos"])
    cells = found[found["prompt"] != ""].groupby("method")[["subject", "prompt", "seed"]]
    assert set(found["subject"]) == {"s0", "s1"} and set(found["method"]) == {
        "base",
        "better",
        "photos",
    }
    assert {len(group) for _, group in cells} == {4} and set(found["seed"]) == {"0"}
    row = paired_difference(found, "better", "base").iloc[0]
    expected = (values["better"] - values["base"])[:2, :2].mean()
    assert row.value == pytest.approx(expected) and row.n == 2


def test_nothing_in_common_is_an_error(values):
    frame = scores(values)
    frame.loc[frame["method"] == "better", "subject"] += "x"
    with pytest.raises(ToffeeError, match="no subject and prompt that all of base, better have"):
        in_common(frame, ["base", "better"])


def test_spearman_is_scipys_on_the_means_over_subjects():
    random = np.random.default_rng(0)
    order = ["b", "c", "a", "d", "e", "f"]  # not the alphabet's
    frames = []
    for place, setting in enumerate(order):
        part = scores({"m": 0.3 * place + random.normal(size=(9, 4))})
        frames.append(part.assign(setting=setting))
    frame = pd.concat(frames)
    row = spearman(frame, order, "x").iloc[0]
    means = frame.groupby(["setting", "subject"])["value"].mean().groupby("setting").mean()[order]
    assert row.value == pytest.approx(spearmanr(range(6), means).statistic)
    each = frame.pivot_table(index="subject", columns="setting", values="value")[order].to_numpy()
    drawn = [
        spearmanr(range(6), each[random.integers(9, size=9)].mean(0)).statistic for _ in range(500)
    ]
    assert row.stderr == pytest.approx(np.std(drawn), rel=0.15) and row.n == 9
    assert row.method == "spearman(x)"


def test_spearman_of_monotone_and_flat_curves():
    order = [f"{n}" for n in range(6)]
    frame = pd.concat(
        [scores({"m": np.full((3, 2), float(n))}).assign(setting=n_) for n, n_ in enumerate(order)]
    )
    assert spearman(frame, order, "x").iloc[0].value == 1
    assert spearman(frame, order[::-1], "x").iloc[0].value == -1
    assert np.isnan(spearman(frame.assign(value=1.0), order, "x").iloc[0].value)


def trained(values: np.ndarray, method: str = "m") -> pd.DataFrame:
    """Scores of one prompt from values [subjects, trainings]."""
    rows = [
        (method, "", f"s{subject}", "p", "dino", value, str(training))
        for (subject, training), value in np.ndenumerate(values)
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS, "training"])


def test_errors_over_subjects_and_trainings_are_those_of_repeated_experiments():
    """Both are drawn anew in every experiment; the spread of its means is what is claimed."""
    random = np.random.default_rng(0)
    means, claimed = [], []
    for _ in range(400):
        subject, training = random.normal(size=(20, 1)), random.normal(size=(1, 5))
        values = 0.3 * subject + 0.2 * training + 0.1 * random.normal(size=(20, 5))
        row = summarise(trained(values)).iloc[0]
        means.append(row.value)
        claimed.append(row.stderr**2)
    assert np.var(means) == pytest.approx(np.mean(claimed), rel=0.15)
    over_subjects_alone = 0.3**2 / 20
    assert np.mean(claimed) > 2 * over_subjects_alone


def test_trainings_that_agree_add_nothing(values):
    once = scores(values)
    thrice = pd.concat([once.assign(training=str(number)) for number in range(3)])
    pd.testing.assert_frame_equal(summarise(thrice), summarise(once))
    whole = paired_difference(once, "better", "base")
    pd.testing.assert_frame_equal(paired_difference(thrice, "better", "base"), whole)


def test_a_method_of_one_training_is_compared_with_each_training_of_another():
    random = np.random.default_rng(3)
    several, once = random.normal(size=(6, 3)), random.normal(size=(6, 1))
    frame = pd.concat([trained(several, "a"), trained(once, "b")])
    row = paired_difference(frame, "a", "b").iloc[0]
    alone = summarise(trained(several - once)).iloc[0]
    assert (row.value, row.stderr) == (pytest.approx(alone.value), pytest.approx(alone.stderr))
    back = paired_difference(frame, "b", "a").iloc[0]
    assert (back.value, back.stderr) == (pytest.approx(-row.value), pytest.approx(row.stderr))


def test_trainings_that_do_not_match_are_named():
    frame = trained(np.ones((3, 2)))
    with pytest.raises(ToffeeError, match="subject 's2' has none of training 1, but of another"):
        summarise(frame.iloc[:-1])
    other = trained(np.ones((3, 3)), "b")
    with pytest.raises(ToffeeError, match="trainings 0, 1, 2 and 0, 1 are no pairs"):
        paired_difference(pd.concat([frame, other]), "b", "m")


def test_what_trainings_have_in_common_is_what_all_of_them_have():
    """A hard prompt that one training lacks makes no method better."""
    frame = pd.concat([trained(np.tile([0.9, 0.1], (3, 1)), name) for name in ("net", "base")])
    hard = [
        pd.concat([one.assign(prompt="easy"), one.assign(prompt="hard", value=one["value"] - 0.5)])
        for _, one in frame.groupby("method", sort=False)
    ]
    frame = pd.concat(hard)
    lacks = (frame["method"] == "net") & (frame["prompt"] == "hard") & (frame["training"] == "1")
    found = in_common(frame[~lacks], ["net", "base"])
    assert set(found["prompt"]) == {"easy"}
    assert paired_difference(found, "net", "base")["value"].item() == pytest.approx(0)
