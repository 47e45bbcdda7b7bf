"""The files of a repository, from the Hugging Face hub or from its cache on this machine.

HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE mean what they mean to huggingface_hub.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from toffee.config.models import COMMIT, DEFAULT_REVISION, TORCH_SUFFIX, HubPlace
from toffee.runtime.errors import ToffeeError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

LONGEST_NAME, LARGEST = 1000, 1 << 50
"""Characters of a path in a repository, and bytes of a file of it, that are taken as such."""
SHA256 = re.compile(r"^[0-9a-f]{64}$")
PART = re.compile(r"(.+?)(-\d{5}-of-\d{5}\.safetensors|\.safetensors\.index\.json)$")
"""Names of a part of weights (`model-00001-of-00002.safetensors`) and of the list of the parts."""

SHORT_COMMIT = re.compile(r"^[0-9a-f]{7,39}$")


class Lacking(ToffeeError):
    """A repository has not what a source asks for. An alternative may have it."""


class Gone(Lacking):
    """A repository or a commit does not exist, or is private. A mirror may have it."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a commit: its size in bytes, and its SHA-256 where the hub knows it (LFS)."""

    size: int
    sha256: str | None = None


@dataclass(frozen=True)
class Repository:
    """A repository at one commit, and its files by path; `cached`: those that the cache has;
    `folder`: a copy of it on this machine, where that is read."""

    repo: str
    commit: str
    files: dict[str, RemoteFile]
    cached: bool = False
    folder: Path | None = None

    @property
    def key(self) -> str:
        """repository@commit, as in the lock."""
        return f"{self.repo}@{self.commit}"


def look_up(repo: str, revision: str | None, wanted_files: list[str]) -> Repository:
    """The commit that a revision stands for, with its files; offline, as the cache has it.

    Args:
        repo: owner/name.
        revision: commit, beginning of a commit, branch or tag; the default branch if None.
        wanted_files: patterns of what the cache must have whole.

    Raises:
        Gone: there is no such repository or commit, or not in the cache.
        ToffeeError: the repository is gated, or the hub cannot be reached.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff

    wanted = revision or DEFAULT_REVISION
    if constants.is_offline_mode():
        return look_up_cached(repo, wanted, wanted_files)
    try:
        if SHORT_COMMIT.match(wanted):
            wanted = whole_commit(repo, wanted)
        url = f"{constants.ENDPOINT}/api/models/{repo}/revision/{quote(wanted, safe='')}"
        # HfApi.model_info sends the same request, but without retries.
        response = http_backoff(
            "GET",
            url,
            params={"blobs": True},
            headers=build_hf_headers(),
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        )
        hf_raise_for_status(response)
        commit, found = _listing(response.json())
    except HfHubHTTPError as error:
        raise readable_error(error, repo, wanted) from error
    except transport_errors() as error:
        raise ToffeeError(f"cannot reach the hub at {constants.ENDPOINT}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToffeeError(f"{constants.ENDPOINT} does not answer as a hub ({error!r})") from error
    if not found:
        raise ToffeeError(f"{repo} at {commit}: the hub lists no file, expected those of a model")
    if not COMMIT.match(commit) or (COMMIT.match(wanted) and commit != wanted):
        raise ToffeeError(f"{repo}: the hub answers for revision {wanted} with {commit}")
    return Repository(repo, commit, found)


def _listing(answer: Any) -> tuple[str, dict[str, RemoteFile]]:
    """The commit and the files of an answer of the hub.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none, or a name, a size or a digest
            is no such thing.
    """
    found = {}
    for one in answer["siblings"]:
        name, size = one["rfilename"], one["size"]
        sha256 = (one.get("lfs") or {}).get("sha256")
        if not isinstance(name, str) or not name.isprintable() or len(name) > LONGEST_NAME:
            raise ValueError(f"a file is called {str(name)[:100]!r}")
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < LARGEST:
            raise ValueError(f"{name} has {str(size)[:100]} bytes")
        if sha256 is not None and not SHA256.match(str(sha256)):
            raise ValueError(f"{name} has SHA-256 {str(sha256)[:100]!r}")
        found[name] = RemoteFile(size, sha256)
    if not isinstance(answer["sha"], str):
        raise TypeError(f"its commit is {str(answer['sha'])[:100]!r}")
    return answer["sha"], found


def reach_hub() -> None:
    """Ask the hub for any answer at all; offline it is not asked.

    Raises:
        ToffeeError: there is none.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.is_offline_mode():
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except transport_errors() as error:
        raise ToffeeError(f"cannot reach the hub at {constants.ENDPOINT}: {error}") from error


def check_access(repository: Repository, name: str) -> None:
    """Ask whether a file may be fetched: a gated repository lists its files to everybody.

    Raises:
        ToffeeError: it may not, or the hub cannot be reached.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    if repository.cached or repository.folder is not None:
        return
    try:
        get_hf_file_metadata(hf_hub_url(repository.repo, name, revision=repository.commit))
    except HfHubHTTPError as error:
        raise readable_error(error, repository.repo, repository.commit) from error
    except transport_errors() as error:
        raise ToffeeError(f"cannot reach {repository.repo}: {error}") from error


def look_up_cached(repo: str, revision: str, wanted_files: list[str]) -> Repository:
    """A repository as the hub's cache on this machine (HF_HOME) has it.

    Raises:
        Gone: it is not there.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot = snapshot_download(
            repo, revision=revision, local_files_only=True, allow_patterns=wanted_files
        )
    except LocalEntryNotFoundError as error:
        raise Gone(
            f"HF_HUB_OFFLINE is set and {repo} at {revision} is not whole in the cache "
            f"{constants.HF_HUB_CACHE}: fetch it where there is a network, or unset HF_HUB_OFFLINE"
        ) from error
    found = look_into(Path(snapshot), repo, Path(snapshot).name)
    return Repository(repo, found.commit, found.files, cached=True)


def look_into(folder: Path, repo: str, commit: str) -> Repository:
    """A repository as a folder of this machine has it."""
    files = {
        path.relative_to(folder).as_posix(): RemoteFile(path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    }
    return Repository(repo, commit, files, folder=folder)


def whole_commit(repo: str, short: str) -> str:
    """The commit that begins with `short`; the hub itself takes only whole ones."""
    from huggingface_hub import HfApi

    for commit in HfApi().list_repo_commits(repo):
        if commit.commit_id.startswith(short):
            return commit.commit_id
    return short  # a branch may have such a name


def choose(repository: Repository, source: HubPlace) -> dict[str, RemoteFile]:
    """The files of a repository that a source wants, by path in the repository.

    Weights that are named as one file are also taken in parts, with the index of the parts.

    Raises:
        Lacking: a file that is named is missing, or there are no safetensors.
        ToffeeError: the repository names a file outside of it.
    """
    cache = ", as the cache has it," if repository.cached else ""
    where = f"{repository.repo} at {repository.commit}{cache}"
    if repository.folder is not None:
        where = f"{repository.folder} (for {repository.key})"
    for pattern in patterns(source):
        if not any(matches(name, pattern) for name in repository.files):
            if pattern.endswith(".safetensors"):
                raise Lacking(f"{where} holds no {pattern}{_other_weights(repository, pattern)}")
            if "*" not in pattern:
                raise Lacking(f"{where} holds no {pattern}")
    chosen = {
        name: file
        for name, file in sorted(repository.files.items())
        if is_wanted(name, source)
        and not (_whole(name) != name and _whole(name) in repository.files)
    }
    for name in chosen:
        if ".." in name.split("/") or name.startswith("/"):
            raise ToffeeError(f"{where} names a file {name!r}, expected a path inside the model")
    return chosen


def _other_weights(repository: Repository, pattern: str) -> str:
    """What to do about a repository without safetensors."""
    folder = pattern.rpartition("/")[0]
    for name in sorted(repository.files):
        if name.endswith(TORCH_SUFFIX) and name.rpartition("/")[0] == folder:
            return (
                f", and a pickle is taken only where the catalogue says so: name {name} in `files` "
                "with torch: true, or a commit that holds one (the hub's conversions are pull "
                "requests, revision refs/pr/N), or a folder of yours"
            )
    return ", and no other format is taken"


def patterns(source: HubPlace) -> list[str]:
    """The patterns of a source, as paths in its repository."""
    prefix = f"{source.subfolder}/" if source.subfolder else ""
    return [prefix + pattern for pattern in source.files]


def is_wanted(name: str, source: HubPlace) -> bool:
    """Whether a source wants a file of its repository."""
    return any(matches(name, pattern) for pattern in patterns(source))


def matches(name: str, pattern: str) -> bool:
    """Whether a path fits a pattern; a star stays within its folder."""
    if name.count("/") != pattern.count("/"):
        return False
    return fnmatchcase(name, pattern) or _whole(name) == pattern


def _whole(name: str) -> str:
    """The one file whose part or index a file is; another file's own name."""
    return PART.sub(r"\1.safetensors", name)


def readable_error(error: "HfHubHTTPError", repo: str, revision: str) -> ToffeeError:
    """One line that says what the user can do about an error of the hub."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"{constants.ENDPOINT}/{repo}"
    if isinstance(error, GatedRepoError):
        return ToffeeError(
            f"{repo} is gated: accept its licence at {page} and set HF_TOKEN to a token of that "
            "account, or name a repository that you may read in the catalogue"
        )
    if isinstance(error, RevisionNotFoundError):
        return Gone(f"{repo} has no revision {revision}: see {page}/commits")
    if isinstance(error, RepositoryNotFoundError | DisabledRepoError):
        return Gone(
            f"{repo} is not on the hub, or private: look at {page}, set HF_TOKEN if you may read "
            "it, or add a mirror to the catalogue"
        )
    status = error.response.status_code
    if status in (401, 403):
        return ToffeeError(
            f"the hub refuses {repo} (HTTP {status}): HF_TOKEN is set to a token that is wrong or "
            "may not read it"
        )
    return ToffeeError(f"the hub fails to serve {repo} at {revision} (HTTP {status}): try later")


def transport_errors() -> tuple[type[Exception], ...]:
    """The exceptions of a connection that cannot be made or is lost."""
    import httpx2

    return (httpx2.TransportError,)
