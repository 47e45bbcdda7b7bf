"""Fetching base models, from the zoo's folders or from the hub's repositories.

From every source only JSON, text and safetensors files are accepted, and each is compared with its
known SHA-256. The model gets its final name once all of it is complete and correct.
"""

import json
import os
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from toffee.config.catalogue import load_catalogue
from toffee.config.models import ALLOWED_SUFFIXES, HubFiles, HubSource, Source, ZooSource
from toffee.download.fetch import fetch_from_hub, remove_work
from toffee.download.space import require_space
from toffee.provenance.paths import spelled
from toffee.provenance.record import when_recorded
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, file_digest, write_text
from toffee.runtime.progress import progress
from toffee.runtime.project import PROJECT

MANIFEST = "manifest.json"


def download_model(
    role: str,
    source: Mapping[str, Any],
    zoo: str | Path,
    config: Mapping[str, Any],
    out: str | Path,
) -> None:
    """Fetch the base model of one role, with the mirrors and folders that the catalogue has for it.

    Args:
        role, source, zoo, out: as in `fetch_model`; the source is without mirrors and folders.
        config: the run's configuration. Its section `models` names the catalogue, which has these,
            and the lock file. They do not change the model, so they are no params.

    Raises:
        ToffeeError: as in `fetch_model`, or the catalogue cannot be read.
    """
    models = config["models"]
    lock, catalogue = (os.path.relpath(PROJECT / models[key]) for key in ("lock", "catalogue"))
    if "zoo" not in source:
        source = _with_places(source, load_catalogue(catalogue, models["set"]).get(role))
    fetch_model(role, source, spelled(str(zoo)), lock, out)
    when_recorded(partial(remove_work, out))


def _with_places(source: Mapping[str, Any], known: Source | None) -> dict[str, Any]:
    """A source with the mirrors and folders of the catalogue's entry."""
    whole = HubFiles.model_validate(dict(source))
    if not isinstance(known, HubSource):
        return whole.model_dump()
    first, *others = (
        place.model_copy(update={"mirrors": entry.mirrors, "folder": entry.folder})
        for place, entry in zip(whole.candidates, known.candidates, strict=False)
    )
    return first.model_copy(update={"alternatives": others}).model_dump()


def fetch_model(
    role: str, source: Mapping[str, Any], zoo: str | Path, lock: str | Path, out: str | Path
) -> None:
    """Fetch the base model of one role and check every byte of it.

    Args:
        role: what the model is for; used in messages.
        source: leaves of a `ZooSource` or a `HubFiles`.
        zoo: folder of the zoo, with its manifest.
        lock: file of the digests that models of the hub must have (see `toffee.download.lock`).
        out: the model's folder, in hub layout; it appears once it is complete. The next attempt
            resumes from `<out>.partial`.

    Raises:
        ToffeeError: a file is missing, has another digest than recorded, is of a format that is not
            allowed, the hub refuses, or the disk has no room.
    """
    if "zoo" not in source:
        fetch_from_hub(role, HubFiles.model_validate(dict(source)), lock, out)
        return
    with atomic_path(out) as temporary:
        temporary.mkdir()
        expected = fetch_from_zoo(ZooSource.model_validate(dict(source)), Path(zoo), temporary)
        verify(role, temporary, expected)


def fetch_from_zoo(source: ZooSource, zoo: Path, folder: Path) -> dict[str, str]:
    """Copy a model out of the zoo.

    Returns:
        SHA-256 of every file, by its path inside the model.

    Raises:
        ToffeeError: the manifest or a file is missing, or the disk has no room.
    """
    files = manifest_files(zoo, source.zoo)
    require_space(folder, sum(entry["size"] for entry in files.values()))
    for name in progress(sorted(files), desc=f"copy {source.zoo}", unit="file"):
        origin, target = zoo / source.zoo / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # copyfile, not copy: a read-only checkout must not make a read-only model.
            shutil.copyfile(origin, target)
        except FileNotFoundError as error:
            raise ToffeeError(f"{origin} is listed in {zoo / MANIFEST} but missing") from error
    return {name: entry["sha256"] for name, entry in files.items()}


def verify(role: str, folder: Path, expected: Mapping[str, str]) -> None:
    """Compare a fetched model with the digests that are known for it.

    Args:
        role: used in messages.
        folder: the fetched model.
        expected: SHA-256 by path inside the model.

    Raises:
        ToffeeError: a file is missing, of a format that is not allowed, or has another digest.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in ALLOWED_SUFFIXES:
            name = path.relative_to(folder)
            raise ToffeeError(f"{role}: {name} is none of {', '.join(ALLOWED_SUFFIXES)}")
    for file, digest in sorted(expected.items()):
        if not (folder / file).is_file():
            raise ToffeeError(f"{role}: {file} is missing from the download")
        found = file_digest(folder / file)
        if found != digest:
            raise ToffeeError(f"{role}: {file} has SHA-256 {found}, expected {digest}")


def manifest_files(zoo: Path, part: str) -> dict[str, dict[str, Any]]:
    """Files of one model of the zoo: path inside the model → {sha256, size}.

    Raises:
        ToffeeError: the manifest is missing or broken, has no such model, or names a file outside
        it.
    """
    path = zoo / MANIFEST
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
    except OSError as error:
        raise ToffeeError(f"cannot read {path}: {error.strerror}; see target zoo") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ToffeeError(f"{path} is not a zoo manifest: expected JSON with parts") from error
    if part not in parts:
        raise ToffeeError(f"{path} has no model {part}, expected one of: {', '.join(parts)}")
    files = parts[part].get("files", {})
    for name, entry in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ToffeeError(f"{path}: {part} lists {name}, expected a path inside the model")
        if not isinstance(entry, dict) or not {"sha256", "size"} <= entry.keys():
            raise ToffeeError(f"{path}: {part}/{name} has no sha256 and size")
    return files


def write_manifest(zoo: str | Path, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the manifest of a zoo from its folders.

    Args:
        zoo: folder of the zoo, one sub-folder per model.
        records: how each model was trained, by sub-folder: command, seed, steps, seconds, losses.

    Raises:
        ToffeeError: a folder of `records` is missing or holds a format that is not allowed.
    """
    zoo = Path(zoo)
    parts = {}
    for part, record in sorted(records.items()):
        folder = zoo / part
        if not folder.is_dir():
            raise ToffeeError(f"{folder} is missing")
        verify(part, folder, {})
        files = {
            str(path.relative_to(folder)): {
                "sha256": file_digest(path),
                "size": path.stat().st_size,
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        parts[part] = {"files": files, **record}
    write_text(zoo / MANIFEST, json.dumps({"parts": parts}, indent=1) + "\n")
