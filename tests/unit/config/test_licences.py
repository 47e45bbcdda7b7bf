"""Licences: one spelling, what several add up to, what may be shared."""

import pytest

from toffee.config.licences import combined, may_be_shared, parts_of


def test_one_spelling_whatever_the_source_wrote():
    assert parts_of("  CC-BY-4.0 ") == ["cc-by-4.0"]
    assert parts_of("MVImgNet  Terms of Use") == ["mvimgnet terms of use"]
    assert parts_of("mit AND apache-2.0 and MIT") == ["apache-2.0", "mit"]
    assert parts_of(" ") == ["unknown"]


def test_all_licences_apply_in_whatever_order_they_came():
    one, other = ["mit", "cc-by-4.0", "MIT"], ["cc-by-4.0 AND mit"]
    assert combined(one) == combined(reversed(one)) == combined(other) == "cc-by-4.0 AND mit"
    assert combined(["", "mit"]) == "mit AND unknown"


@pytest.mark.parametrize(
    ("licence", "allowed", "shared"),
    [
        ("mit", ["MIT"], True),
        ("cc-by-4.0 AND mit", ["mit", "cc-by-4.0"], True),
        ("cc-by-4.0 AND mit", ["mit"], False),
        ("cc-by-nc-4.0", ["cc-by-4.0"], False),
        ("", ["mit"], False),
        ("unknown", ["unknown"], False),
        ("mit", [], False),
        ("unknown", None, True),
    ],
)
def test_only_what_is_wholly_allowed_is_shared(licence, allowed, shared):
    assert may_be_shared(licence, allowed) is shared
