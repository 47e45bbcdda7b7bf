"""What a record of a job must look like, and its JSON schema.

python -m toffee.provenance.schema        writes workflow/schemas/record.schema.json
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from toffee.provenance.record import files_of
from toffee.runtime.files import write_text
from toffee.runtime.project import PROJECT

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Salted = Annotated[str, Field(pattern=r"^[0-9a-f]{16}:[0-9a-f]{64}$")]
Seconds = Annotated[float, Field(ge=0)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
"""A size, as file systems have it."""
Moment = Annotated[AwareDatetime, Field(strict=False, lt=datetime(9999, 1, 1, tzinfo=UTC))]
"""A time to which a tolerance can be added."""
Kept = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""Name of a text that is kept beside the records (see `toffee.provenance.kept`)."""

Paths = dict[str, str | list[str]]


class Strict(BaseModel):
    """A part of a record; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Read(Strict):
    """An input as it was read."""

    sha256: Sha256 = Field(description="digest of the file, or of the folder's sorted list")
    size: Bytes = Field(description="bytes")
    record: Sha256 | None = Field(
        default=None, description="digest of the record of the job that wrote it"
    )


class File(Strict):
    """A file as it was written."""

    sha256: Sha256
    size: Bytes = Field(description="bytes")
    mtime_ns: int = Field(description="time of change, nanoseconds since 1970")


class Made(Strict):
    """An output: a file, or a folder with its files."""

    sha256: Sha256 = Field(description="digest of the file, or of the folder's sorted list")
    size: Bytes = Field(description="bytes")
    mtime_ns: int | None = Field(default=None, description="of a file; nanoseconds since 1970")
    files: dict[str, File] | Sha256 | None = Field(
        default=None,
        description="of a folder, by path in it; where they are many, the digest of the Parquet "
        "table beside the record, <output>.json.files, that lists them",
    )


class Code(Strict):
    """The code that ran."""

    sha256: Sha256 | None = Field(description="digest of the meaning of all of it")
    modules: dict[str, str] = Field(description="file of the folder workflow → its own digest")


class Environment(Strict):
    """What it ran on."""

    lock: Sha256 | None = Field(description="digest of envs/requirements.txt")
    python: str
    machine: str
    installed: Kept = Field(
        description="file of records/shared, the installed packages with their digests"
    )
    cpu: str = Field(description="model of the processor")
    container: str | None = Field(description="none: not in one, as far as it can tell")
    host: Salted = Field(description="salt and SHA-256 of salt and name")
    user: Salted = Field(description="salt and SHA-256 of salt and name")


class Git(Strict):
    """State of the checkout."""

    commit: str | None
    changed: bool | None = Field(description="whether files, or code that is not tracked, differed")
    diff: Sha256 | None = Field(None, description="digest of what differed")
    changes: Kept | None = Field(None, description="file of records/shared, what differed")

    @model_validator(mode="after")
    def _knows_both_or_nothing(self) -> "Git":
        if (self.commit is None) != (self.changed is None):
            raise ValueError("expected commit and changed, or none of them where there is no git")
        return self


class Attempt(Strict):
    """An earlier attempt: one that did not end well (costs are missing where it was killed), or
    that had to be repeated because another job of its submission did not."""

    start: Moment
    seconds: Seconds | None = None
    cpu_seconds: Seconds | None = None
    gpu_seconds: Seconds | None = None
    peak_memory_mb: Seconds | None = None


class Record(Strict):
    """The record of a job."""

    version: Literal[2]  # VERSION
    rule: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    wildcards: dict[str, str]
    root: str = Field(description="results folder, as paths are written")
    input: Paths = Field(description="paths by name")
    output: Paths = Field(description="paths by name")
    inputs: dict[str, Read] = Field(description="what was read, by path")
    outputs: Annotated[dict[str, Made], Field(min_length=1)] = Field(
        description="what was written, by path"
    )
    log: str
    benchmark: str
    params: dict[str, Any] = Field(description="the values that the job used")
    code: Code
    config: Kept = Field(description="file of records/config, the whole configuration of the run")
    run: Kept | None = Field(
        None, description="file of records/shared, the command line and the values that it gave"
    )
    environment: Environment
    git: Git
    seed: int | None
    device: str = Field(description="cpu, or the name of the GPU")
    threads: Annotated[int, Field(ge=1)]
    processes: Annotated[int, Field(ge=1)] = Field(
        1, description="how many it might train in; their sums are rounded in another order"
    )
    seconds: Seconds = Field(description="wall time, from the start of the process")
    cpu_seconds: Seconds
    gpu_seconds: Seconds = Field(description="wall time times GPUs in use")
    peak_memory_mb: Seconds
    start: Moment
    end: Moment
    slurm_job_id: str | None
    attempt: Annotated[int, Field(ge=1)] = Field(description="1 where nothing went wrong before")
    earlier: list[Attempt]
    sha256: Sha256 = Field(description="digest of all of the above, see record.seal")

    @model_validator(mode="after")
    def _writes_below_its_root(self) -> "Record":
        for path in (self.log, self.benchmark, *self.outputs):
            pure = PurePosixPath(path)
            inside = pure.is_relative_to(self.root) and ".." not in pure.parts
            if not inside or PurePosixPath(self.root).is_absolute():
                raise ValueError(f"expected paths below {self.root}, got {path}")
        for path in (self.log, self.benchmark, *self.inputs, *self.outputs, *_listed(self)):
            if not _is_path(path):
                raise ValueError(
                    f"expected paths of at most 4096 bytes in UTF-8, got {path[:80]!r}"
                )
        if set(files_of(self.output)) != set(self.outputs):
            raise ValueError("expected output and outputs to be the same paths")
        return self

    @property
    def job(self) -> str:
        """Its name for people: the rule and the wildcards."""
        return " ".join([self.rule, *self.wildcards.values()])


def _listed(record: Record) -> Iterator[str]:
    """Names of files in folders that a job wrote."""
    for made in record.outputs.values():
        yield from made.files if isinstance(made.files, dict) else ()


def _is_path(text: str) -> bool:
    """Whether a file system can have a path: no NUL, UTF-8, not too long."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return False
    return b"\0" not in data and len(data) < 4096 and max(map(len, data.split(b"/"))) < 256


SCHEMA = PROJECT / "workflow" / "schemas" / "record.schema.json"


def schema_text() -> str:
    """The JSON schema of records, for readers that are not this package."""
    return json.dumps(Record.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_text(SCHEMA, schema_text())
    print(f"wrote {SCHEMA}")
