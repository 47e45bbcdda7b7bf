"""Fetching DreamBench (arXiv 2208.12242): the repository google/dreambooth at one commit.

CC BY 4.0; some photos have the Unsplash licence (`toffee.data.loaders.photo_licences`). The folder:

    LICENSE...                            of the repository
    dataset/<subject>/00.jpg ...          as published
    dataset/prompts_and_classes.txt
    dataset/references_and_licenses.txt
    licences.csv                          the terms of every photo
    SHA256SUMS                            of what was published, for `sha256sum -c`
"""

import sys
from pathlib import Path

from PIL import Image

from toffee.data.loaders.dreambench import PROMPT_FILE, Benchmark, load_benchmark, parse_prompts
from toffee.data.loaders.photo_licences import LICENCE_FILE, read_licences, write_licences
from toffee.download.git import GitError, fetch_commit, write_files
from toffee.download.space import require_space
from toffee.provenance.digests import describe, tree_digest
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, remove
from toffee.runtime.progress import progress

WANTED = ("dataset/*", "LICENSE*", "README*")
SUMS = "SHA256SUMS"

SUBJECTS, PHOTOS, PROMPTS = 30, 158, 25
"""Subjects, photos of all of them, and prompts in each of the two lists, for objects and for live
subjects: the repository's content at commit 4f887af, and arXiv 2208.12242, section 4."""

SIZE = 111_700_000
"""Bytes of the repository at that commit."""

FOLDER_OF_YOURS = "a copy of yours can be named in data.real.benchmark (kind folder)"


def download_dreambench(url: str, revision: str, sha256: str | None, out: str | Path) -> None:
    """Fetch DreamBench and check all of it.

    Args:
        url: the git repository, or a mirror of it.
        revision: the commit.
        sha256: digest of the tree (SHA-256 of SHA256SUMS), where it is known.
        out: the folder, described above; it appears once it is complete and correct. The next
            attempt resumes from `<out>.partial`.

    Raises:
        ToffeeError: it cannot be fetched, the disk has no room, a file has another digest, or it is
            not complete: a subject, photo, prompt or licence is missing, or a photo is broken.
    """
    out = Path(out)
    work = out.with_name(f"{out.name}.partial")
    work.mkdir(parents=True, exist_ok=True)
    require_space(work, 2 * SIZE)  # as they arrive, and as files
    with atomic_path(out) as folder:
        try:
            write_files(work, fetch_commit(url, revision, work, WANTED, "DreamBench"), folder)
        except GitError as error:
            remove(work)
            raise ToffeeError(f"{work} was damaged ({error}) and is removed: start again") from None
        except ToffeeError as error:
            raise ToffeeError(f"DreamBench: {error}; {FOLDER_OF_YOURS}") from None
        digest = _write_sums(folder)
        if sha256 not in (None, digest):
            raise ToffeeError(f"DreamBench from {url} has SHA-256 {digest}, expected {sha256}")
        try:
            benchmark = load_benchmark(folder)
            check_dreambench(benchmark)
            licences = read_licences(folder / "dataset" / LICENCE_FILE, benchmark)
        except ToffeeError as error:  # name the repository: the folder is temporary
            raise ToffeeError(str(error).replace(str(folder), f"{url} at {revision}")) from None
        write_licences(licences, folder / "licences.csv")
    remove(work)
    print(f"DreamBench at {revision}: SHA-256 {digest} (data.dreambench.sha256)", file=sys.stderr)


def check_dreambench(benchmark: Benchmark) -> None:
    """Raise ToffeeError unless a benchmark has DreamBench's numbers of subjects, photos and
    prompts, and every photo decodes."""
    folder = benchmark.root / "dataset"
    listed = parse_prompts(folder / PROMPT_FILE)
    photos = [photo for subject in benchmark.subjects for photo in subject.photos]
    for what, found, expected in (
        ("subjects", len(benchmark), SUBJECTS),
        ("photos", len(photos), PHOTOS),
        ("object prompts", len(listed.object_prompts), PROMPTS),
        ("live subject prompts", len(listed.live_prompts), PROMPTS),
    ):
        if found != expected:
            raise ToffeeError(f"{folder}: {found} {what}, expected DreamBench's {expected}")
    for photo in progress(photos, desc="DreamBench: look into photos", unit="photo"):
        _look_into(photo)


def _look_into(photo: Path) -> None:
    """Decode a photo, at an eighth of its size, which reads all of its bytes."""
    try:
        with Image.open(photo) as picture:
            picture.draft("RGB", (1, 1))
            picture.load()
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error...
        raise ToffeeError(f"{photo}: broken image ({error}), expected a whole JPEG") from error


def _write_sums(folder: Path) -> str:
    """Write the SHA-256 of each file; returns that of them all."""
    files = describe(folder)["files"]
    lines = (f"{files[name]['sha256']}  {name}\n" for name in sorted(files))
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return tree_digest(files)
