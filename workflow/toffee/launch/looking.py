"""Snakemake in a run that only looks: a dry run, a list, a graph. It writes nothing.

Snakemake makes its folder `.snakemake` and more below it even for a dry run, which then fails for a
reader without the right to write. Here it makes them in a temporary folder, reads its own, and
takes what copied results were made with (see `toffee.launch.adopt`) from memory.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toffee.launch.adopt import Adopted, is_readable


def write_nothing(adopted: Adopted, state: str | Path = ".snakemake") -> None:
    """Let this process's Snakemake plan without writing.

    Args:
        adopted: what it has to know besides its own metadata.
        state: its own folder.
    """
    import snakemake.workflow
    from snakemake.io import Mtime, _IOFile
    from snakemake.jobs import Job
    from snakemake.persistence import MetadataRecord
    from snakemake.persistence.file import FilePersistence

    class ReadingPersistence(FilePersistence):
        """Snakemake's metadata, of which only the temporary folder is written."""

        def __init__(self, **options: Any) -> None:
            folder = tempfile.mkdtemp(prefix="toffee-plan-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            super().__init__(**{**options, "path": Path(folder)})
            own = Path(state).absolute()
            for name, kept in (
                ("_metadata_path", own / "metadata"),
                ("_incomplete_path", own / "incomplete"),
                ("_lockdir", own / "locks"),
            ):
                if kept.is_dir():
                    setattr(self, name, str(kept))

        def _read_record(self, key: str) -> Any:
            found = adopted.metadata.get(key)
            if found:
                return MetadataRecord.model_validate(found)
            kept = Path(self._record_path(self._metadata_path, key))
            return super()._read_record(key) if is_readable(kept) else None

        def _filter_incomplete_keys(self, keys: Iterable[str]) -> set[str]:
            return super()._filter_incomplete_keys(keys) - adopted.finished

    plain = _IOFile.mtime_uncached

    async def mtime_uncached(self: Any, skip_storage: bool = False) -> Any:
        time = adopted.times.get(str(self))
        return await plain(self, skip_storage) if time is None else Mtime(local=time)

    async def may_be_protected(self: Any) -> None:
        """Nothing is written, so that outputs may be write-protected."""

    Job.check_protected_output = may_be_protected
    snakemake.workflow.FilePersistence = ReadingPersistence
    _IOFile.mtime_uncached = mtime_uncached
