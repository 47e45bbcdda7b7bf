"""Download a file of the hub, and resume after a lost connection or a killed process.

huggingface_hub 2.4 downloads to a temporary name and starts again after a kill. Here the received
bytes are kept, and only the rest is requested.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from toffee.download.hub import RemoteFile, Repository, readable_error, transport_errors
from toffee.runtime.errors import ToffeeError

MIB = 2**20
TRIES = 5  # attempts in a row without a new byte
INCOMPLETE = ".incomplete"
BUSY = (408, 429, 500, 502, 503, 504)
"""Status codes after which a request is repeated: when the hub says so, or after 1, 2, 4, 8 and 8
seconds."""


def missing_bytes(file: RemoteFile, target: Path) -> int:
    """How many bytes of a file are still to be fetched."""
    if target.is_file() and target.stat().st_size == file.size:
        return 0
    partial = partial_path(target)
    return file.size - (min(partial.stat().st_size, file.size) if partial.is_file() else 0)


def fetch_file(repository: Repository, name: str, target: Path) -> Iterator[int]:
    """Fetch one file, and resume at the bytes that an earlier process received.

    Args:
        repository: where it is.
        name: path in the repository.
        target: where it goes; an incomplete file is `<target>.incomplete`.

    Yields:
        Bytes received since the last time.

    Raises:
        ToffeeError: the hub refuses, does not answer, or sends more than the file's size.
    """
    size = repository.files[name].size
    if missing_bytes(repository.files[name], target) == 0 and target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(target)
    cached = cached_path(repository, name)
    if cached is not None:
        shutil.copyfile(cached, partial)
        yield size
    else:
        # Unbuffered: a killed process loses no received byte.
        with open(partial, "ab", buffering=0) as file:
            yield from download(repository, name, size, file)
    os.replace(partial, target)


def download(repository: Repository, name: str, size: int, file: FileIO) -> Iterator[int]:
    """Append the rest of a file's bytes to an open file, through any number of connections."""
    failures = 0
    while (have := file.tell()) < size:
        reason = "the answer ends early"
        try:
            for count in receive(repository, name, have, file):
                yield count
                if file.tell() > size:
                    break
        except transport_errors() as error:
            reason = str(error) or type(error).__name__
        if file.tell() >= size:
            break
        failures = 0 if file.tell() > have else failures + 1
        if failures >= TRIES:
            raise ToffeeError(
                f"{name} of {repository.repo} stops at {have} of {size} bytes: {reason}; the "
                "received bytes are kept, start again to resume"
            )
        print(f"{name}: connection lost at {file.tell()} of {size} bytes", file=sys.stderr)
        time.sleep(min(2**failures, 8))
    if file.tell() > size:
        file.truncate(0)
        raise ToffeeError(f"{name} of {repository.repo} has more than the {size} bytes listed")


def receive(repository: Repository, name: str, have: int, file: FileIO) -> Iterator[int]:
    """One answer of the hub: the bytes of a file from position `have` on."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

    url = hf_hub_url(repository.repo, name, revision=repository.commit)
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with http_stream_backoff(
            "GET",
            url,
            headers=headers,
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            retry_on_exceptions=(),  # errors while the body is read are handled by the caller
            retry_on_status_codes=BUSY,
        ) as response:
            if response.status_code == 416:  # nothing follows
                file.truncate(0)
                size = repository.files[name].size
                raise ToffeeError(f"{name} of {repository.repo} ends at {have} of {size} bytes")
            hf_raise_for_status(response)
            if have and response.status_code != 206:  # the range was not understood
                file.truncate(0)
                file.seek(0)
            for block in response.iter_raw():
                file.write(block)
                yield len(block)
    except HfHubHTTPError as error:
        raise readable_error(error, repository.repo, repository.commit) from error


def cached_path(repository: Repository, name: str) -> Path | None:
    """Where a folder or the hub's cache on this machine has a file, if one has it."""
    if repository.folder is not None:
        return repository.folder / name
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository.repo, name, revision=repository.commit)
    return Path(found) if isinstance(found, str) else None


def partial_path(target: Path) -> Path:
    """The name of an incomplete file."""
    return target.with_name(target.name + INCOMPLETE)


def mebibytes(sizes: Iterator[int]) -> Iterator[None]:
    """Yield once per MiB received, and once for the rest."""
    waiting = 0
    for size in sizes:
        waiting += size
        while waiting >= MIB:
            waiting -= MIB
            yield
    if waiting:
        yield
