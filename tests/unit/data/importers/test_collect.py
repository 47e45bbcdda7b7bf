"""Imports that were killed, and go on from their journal."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from toffee.data.importers.collect import Made, collect, each

CAPTIONS = ["eine schöne Tasse", "one line\u2028and another", "茶碗"]


class Import:
    """Items with captions in many letters; those beyond `stop` are never reached."""

    def __init__(self, out: Path, stop: int = len(CAPTIONS)) -> None:
        self.out, self.stop = out, stop
        self.made: list[int] = []

    def make(self, item: SimpleNamespace) -> Made:
        if item.number == self.stop:
            raise KeyboardInterrupt
        self.made.append(item.number)
        row = {"name": item.name, "caption": CAPTIONS[item.number]}
        return Made({f"{item.name}.txt": b"x"}, row)

    def run(self) -> list[int]:
        """The numbers of the items that had to be made."""
        items = [SimpleNamespace(name=f"ü{n}", number=n) for n in range(len(CAPTIONS))]
        tables = {"table.csv": ("name", "caption")}
        collect(self.out, items, each(self.make), tables, limit=None, settings={}, what="items")
        return self.made


def killed(out: Path, stop: int) -> Path:
    """The journal of an import that was killed at an item."""
    with pytest.raises(KeyboardInterrupt):
        Import(out, stop).run()
    (journal,) = out.parent.rglob("journal.jsonl")
    return journal


def test_no_line_of_a_journal_ends_within_a_text(tmp_path: Path) -> None:
    killed(tmp_path / "out", stop=2)
    assert Import(tmp_path / "out").run() == [2]
    rows = (tmp_path / "out" / "table.csv").read_text("utf-8")
    assert all(caption in rows for caption in CAPTIONS)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_journal_that_is_cut_anywhere_goes_on(tmp_path: Path, earlier: bool) -> None:
    """Also within a letter of several bytes, as earlier versions wrote them."""
    journal = killed(tmp_path / "out", stop=2)
    if earlier:
        entries = [json.loads(line) for line in journal.read_text("utf-8").split("\n")[:-1]]
        lines = (json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        journal.write_text("".join(lines), "utf-8")
    whole = journal.read_bytes()
    second = whole.index(b"\n") + 1
    for length in range(second, len(whole) - 1):
        journal.write_bytes(whole[:length])
        made = Import(tmp_path / "out", stop=2)
        with pytest.raises(KeyboardInterrupt):
            made.run()
        assert made.made == [1], length
