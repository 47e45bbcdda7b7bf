"""The card of a data set: README.md, with YAML at its beginning."""

from pathlib import Path
from typing import Any

from toffee.data.texts import parse_yaml, read_text
from toffee.runtime.errors import ToffeeError


def card_licence(repo: str, revision: str | None) -> str:
    """The licence in a data set's card; "" if there is none.

    Raises:
        ToffeeError: there is a card, and it cannot be read.
    """
    path = Path(repo, "README.md") if revision is None else _fetched(repo, revision)
    if path is None or not path.exists():
        return ""
    try:
        values = _front_matter(path)
    except ToffeeError as error:
        raise ToffeeError(f"{error}; or give data.real.subjects.licence") from error
    licence = values.get("license") or ""
    names = licence if isinstance(licence, list) else [licence]
    if not all(isinstance(one, str) for one in names):
        raise ToffeeError(
            f"{path}: license is {str(licence)[:80]}, expected a text or a list of texts; "
            "or give data.real.subjects.licence"
        )
    return ", ".join(names)


def _fetched(repo: str, revision: str) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repo, "README.md", repo_type="dataset", revision=revision))
    except Exception as error:
        absent = isinstance(error, EntryNotFoundError)
        if absent and not isinstance(error, LocalEntryNotFoundError):
            return None
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ToffeeError(f"{repo}: its card cannot be fetched ({text})") from error


def _front_matter(path: Path) -> dict[str, Any]:
    head, *lines = read_text(path).splitlines() or [""]
    if head.rstrip() != "---":
        return {}
    ends = (number for number, line in enumerate(lines) if line.rstrip() == "---")
    values = parse_yaml("\n".join(lines[: next(ends, 0)]), path)
    return values if isinstance(values, dict) else {}
