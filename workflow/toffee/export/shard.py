"""One shard of the dataset as one Parquet file, and a summary of it.

Neither depends on how many shards there are, so more of them change none that is there. Images are
copied as they stand in the shard: nothing is encoded anew, and masks stay lossless.
"""

import json
import os
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from toffee.config.licences import combined, may_be_shared
from toffee.config.sections.filter import SCORES
from toffee.data.loaders.prompt_parts import noun_phrase
from toffee.export.columns import LICENCE, SEED, SUBJECT_PROMPT, Columns
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, file_digest, write_text
from toffee.runtime.progress import progress
from toffee.storage.reader import Shard
from toffee.synthesis.filter import judge, read_scores, thresholds_of

ROW_GROUP = 256  # rows; small, because the hub's viewer and streaming readers fetch row groups
UNUSED_SEED = f"{SEED}edits"
_PNG = b"\x89PNG"


@dataclass(frozen=True)
class Summary:
    """What a shard's Parquet file holds, and what was left out of it.

    Attributes:
        shard: the shard's name.
        sha256, size: of the Parquet file; size in bytes.
        memory: bytes of its rows in Arrow.
        columns: its columns.
        candidates, accepted, exported: samples by kind.
        licences: exported samples by licence.
        left_out: accepted samples that may not be shared, by licence.
        scores: sum of each score over the exported samples.
    """

    shard: str
    sha256: str
    size: int
    memory: int
    columns: Columns
    candidates: dict[str, int]
    accepted: dict[str, int]
    exported: dict[str, int]
    licences: dict[str, int]
    left_out: dict[str, int]
    scores: dict[str, float]

    @property
    def rows(self) -> int:
        """Rows of the Parquet file."""
        return sum(self.exported.values())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Summary":
        """Read a summary. Raises ToffeeError where the file is none."""
        try:
            values: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(**(values | {"columns": Columns.read(values["columns"])}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ToffeeError(f"{path}: expected the summary of an exported shard") from error

    def save(self, path: str | os.PathLike) -> None:
        """Write it as JSON."""
        write_text(path, json.dumps(asdict(self), indent=1) + "\n")


def export_shard(
    shard: str | os.PathLike,
    thresholds: Mapping[str, float | str],
    model_licences: Mapping[str, str],
    licences: Collection[str] | None,
    out: str | os.PathLike,
    summary: str | os.PathLike,
    calibration: str | os.PathLike | None = None,
) -> Summary:
    """Write the accepted samples of a shard that may be shared.

    They are checked here as the filter checks them, and not read from its index, which every
    further shard changes.

    Args:
        shard: the finished shard.
        thresholds: the filter's, by name (config section `filter`).
        model_licences: licence of each model that a sample is drawn with, by role.
        licences: licences that may be shared; None shares everything.
        out: Parquet file to write; without rows where nothing is left.
        summary: JSON file to write (see `Summary`).
        calibration: what quantiles among the thresholds are looked up in.

    Raises:
        ToffeeError: the shard cannot be read, or lacks a column.
    """
    rows, _ = judge(read_scores([shard]), thresholds_of(thresholds, calibration))
    with Shard(shard) as source:
        accepted = rows[rows["accepted"]]
        places = accepted["row"].to_numpy()
        found = _licences(source, model_licences)[places]
        shared = np.array([may_be_shared(licence, licences) for licence in found], bool)
        exported = accepted[shared].assign(licence=found[shared])
        columns = Columns(source.formats, source.types)
        memory = _write(source, columns, exported, out)
        scores = {
            score: float(np.sum(source.column(score)[exported["row"].to_numpy()]))
            for score in SCORES
        }
    result = Summary(
        shard=Path(shard).stem,
        sha256=file_digest(out),
        size=Path(out).stat().st_size,
        memory=memory,
        columns=columns,
        candidates=_counts(rows["kind"]),
        accepted=_counts(accepted["kind"]),
        exported=_counts(exported["kind"]),
        licences=_counts(found[shared]),
        left_out=_counts(found[~shared]),
        scores=scores,
    )
    result.save(summary)
    return result


def _licences(shard: Shard, model_licences: Mapping[str, str]) -> np.ndarray:
    """The licence of every row: of its photographs and of the models that drew it."""
    models = combined(model_licences.values())
    pairs = zip(shard.column("subject_licence"), shard.column("donor_licence"), strict=True)
    known: dict[tuple[str, str], str] = {}
    return np.array(
        [known.setdefault(pair, combined([*pair, models])) for pair in pairs], dtype=object
    )


def _write(shard: Shard, columns: Columns, rows: pd.DataFrame, out: str | os.PathLike) -> int:
    """Write rows group by group; the bytes that they take in Arrow."""
    memory, schema = 0, columns.schema()
    # A page index lets readers fetch single rows; chunks by content let an upload of a changed
    # file send what changed only.
    with (
        atomic_path(out) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression="snappy",
            write_page_index=True,
            use_content_defined_chunking=True,
        ) as writer,
    ):
        starts = range(0, len(rows), ROW_GROUP)
        for start in progress(starts, desc=f"export {shard.path.stem}", unit="group"):
            table = _table(shard, columns, rows.iloc[start : start + ROW_GROUP], schema)
            memory += table.nbytes
            writer.write_table(table)
    return memory


def _table(shard: Shard, columns: Columns, rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    places, ids = rows["row"].to_numpy(), list(rows["sample_id"])
    arrays: dict[str, list] = {LICENCE: list(rows["licence"])}
    for name in columns.formats:
        arrays[columns.field(name)] = [
            _image(shard.encoded(name, place), f"{sample}_{name}")
            if shard.has(name, place)
            else None
            for place, sample in zip(places, ids, strict=True)
        ]
    for name in columns.types:
        arrays[name] = shard.column(name)[places].tolist()
        if name.startswith(SEED):
            arrays[name] = [str(seed) for seed in arrays[name]]
    if SUBJECT_PROMPT not in arrays:
        arrays[SUBJECT_PROMPT] = [noun_phrase(word) for word in arrays["class_word"]]
    if UNUSED_SEED in arrays:  # a generation pair has no edit that could be drawn again
        pairs = zip(arrays[UNUSED_SEED], rows["kind"], strict=True)
        arrays[UNUSED_SEED] = [None if kind == "generation" else seed for seed, kind in pairs]
    return pa.Table.from_pydict(arrays, schema=schema)


def _image(data: bytes, name: str) -> dict:
    return {"bytes": data, "path": f"{name}.{'png' if data.startswith(_PNG) else 'jpg'}"}


def _counts(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(map(str, values)).items()))
