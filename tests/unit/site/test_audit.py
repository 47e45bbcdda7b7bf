import pytest

from toffee.runtime.errors import ToffeeError
from toffee.site.audit import read_audit


def write(path, *lines):
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    return path


def test_verdict_and_findings(tmp_path):
    head = ("verdict", "bytes", "1 finding", "2026-01-02T03:04:05+00:00")
    found = read_audit(write(tmp_path / "a", head, ("bytes", "x.csv", "abc", "def")))
    assert (found["verdict"], found["summary"], found["time"]) == head[1:]
    assert found["findings"]["rows"] == [["bytes", "x.csv", "abc", "def"]]


@pytest.mark.parametrize(
    "lines, said",
    [
        ([], "line 1"),
        ([("clean",)], "line 1"),
        ([("verdict", "clean", "0 findings", "now"), ("bytes", "x.csv")], "line 2"),
    ],
)
def test_anything_else_is_an_error(tmp_path, lines, said):
    with pytest.raises(ToffeeError, match=said):
        read_audit(write(tmp_path / "a", *lines))
    with pytest.raises(ToffeeError, match="missing"):
        read_audit(tmp_path / "missing")
