"""Push an exported folder, the dataset or the pipeline, to a hub, with a gate for its licences.

What is pushed is everything in the folder, as one commit. HF_TOKEN and HF_ENDPOINT mean what they
mean to huggingface_hub.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toffee.config.licences import HUB_LICENCES, UNKNOWN, parts_of
from toffee.download.hub import readable_error, transport_errors
from toffee.export.columns import LICENCE
from toffee.runtime.errors import ToffeeError
from toffee.runtime.text import printable

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
KNOWN = frozenset(HUB_LICENCES) - {UNKNOWN, "other"}
"""Licences that name a text. `other` and what else a source says of itself do not."""


@dataclass(frozen=True)
class Folder:
    """An exported folder.

    Attributes:
        kind: `dataset` or `model`, as the hub says.
        licences: how many things in it are under each: pairs, or the model as a whole.
    """

    path: Path
    kind: str
    licences: Counter[str]

    @property
    def files(self) -> list[Path]:
        """What would be pushed."""
        return sorted(path for path in self.path.rglob("*") if path.is_file())

    def require_known_licences(self) -> None:
        """Raise ToffeeError, in one line, where a licence is missing or names no text."""
        bad = [name for name in self.licences if not KNOWN.issuperset(parts_of(name))]
        if not bad:
            return
        known = ", ".join(
            sorted({part for name in self.licences for part in parts_of(name)} & KNOWN)
        )
        found = "; ".join(printable(name) for name in sorted(bad))
        way = "expected licences that the hub knows"
        if self.kind == "dataset":
            count = sum(self.licences[name] for name in bad)
            found = f"{count} of {self.licences.total()} pairs are under {found}"
            way = f"export without them: --config 'export={{licences: [{known}]}}'"
        else:
            found = f"its licence is {found}"
        raise ToffeeError(f"{self.path}: {found}; nothing is pushed, {way}")


def look_into(path: Path) -> Folder:
    """Read what kind of folder it is, and every licence in it.

    Raises:
        ToffeeError: it is neither an exported dataset nor an exported pipeline, or cannot be read.
    """
    if (path / "model_index.json").is_file():
        return Folder(path, "model", Counter([_licence_of_card(path / "README.md")]))
    files = sorted((path / "data").glob("*.parquet"))
    if not files:
        raise ToffeeError(
            f"{path}: expected an exported dataset (dataset/hub) or pipeline (pipeline)"
        )
    licences: Counter[str] = Counter()
    for file in files:
        licences.update(_licences_of_pairs(file))
    return Folder(path, "dataset", licences)


def push(folder: Folder, repo: str, public: bool, say: Callable[[str], None]) -> str:
    """Push a folder as one commit, after its licences were looked at; returns the address.

    Args:
        repo: owner/name; created where it does not exist.
        public: whether a new repository can be seen by everybody.

    Raises:
        ToffeeError: a licence is not known, the name is none, or the hub refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    folder.require_known_licences()
    if not REPOSITORY.fullmatch(repo):
        raise ToffeeError(f"--push {printable(repo)}: expected OWNER/NAME")
    api = HfApi()
    failures: tuple[type[Exception], ...] = (*transport_errors(), OSError, RuntimeError, ValueError)
    try:
        made = api.create_repo(repo, repo_type=folder.kind, private=not public, exist_ok=True)
        say(f"pushing {len(folder.files)} files to {made}")
        api.upload_folder(
            repo_id=repo,
            repo_type=folder.kind,
            folder_path=folder.path,
            delete_patterns="*",
            commit_message=f"Push {folder.path.name}",
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise ToffeeError(
                f"the hub refuses to write {repo} (HTTP {status}): set HF_TOKEN to a token that may"
            ) from error
        raise readable_error(error, repo, "main") from error
    except failures as error:
        raise ToffeeError(f"{repo}: not pushed ({error.__cause__ or error})") from error
    return str(made)


def _licences_of_pairs(file: Path) -> Counter[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        column = pq.read_table(file, columns=[LICENCE])[LICENCE]
    except (OSError, KeyError, pa.ArrowException) as error:
        raise ToffeeError(f"{file}: expected a column {LICENCE} ({error})") from None
    return Counter(one or UNKNOWN for one in column.to_pylist())


def _licence_of_card(card: Path) -> str:
    """The licences in a card's header, joined; `unknown` where it has none."""
    import yaml

    from toffee.data.texts import read_text

    head = read_text(card).split("---\n", 2)
    try:
        found = yaml.safe_load(head[1])["license"]
    except (yaml.YAMLError, KeyError, IndexError, TypeError):
        return UNKNOWN
    parts = found if isinstance(found, list) else [found]
    return " AND ".join(map(str, parts)) or UNKNOWN
