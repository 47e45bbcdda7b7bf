"""Table `ledger`: what each rule's jobs took and wrote, in all and for each accepted pair."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from toffee.provenance.results import Results
from toffee.provenance.schema import Attempt, Record
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, write_text

ALL = "all rules"
MOST_PAIRS = 10**9
COLUMNS = {
    "rule": "",
    "jobs": "jobs that ended well",
    "retries": "attempts before them that did not",
    "wall_seconds": "of all jobs, from the start of the process, failed attempts included",
    "cpu_seconds": "user and system, failed attempts included where they could say",
    "gpu_seconds": "wall seconds times GPUs in use",
    "peak_memory_mb": "of the largest process",
    "bytes_written": "outputs as they are now",
    "cpu_seconds_per_pair": "shared by the accepted pairs",
    "gpu_seconds_per_pair": "",
}


def write_ledger(
    results: Path,
    index: Path,
    csv: Path,
    page: Path,
    targets: Sequence[Path] = (),
    exports: Sequence[Path] = (),
) -> None:
    """Add up the records of the jobs that some files were made by.

    Args:
        results: the results folder, with its records.
        index: the dataset's index, for the number of accepted pairs.
        csv, page: one row per rule, the most costly first, and one for all of them; columns as in
            `COLUMNS`. The page also names jobs of the folder that do not count.
        targets, exports: files and folders; their jobs, and all that these were made from, count.
            None: all jobs.
    """
    found = Results(results)
    wanted = [found.written(path) for path in [*targets, *exports, index]]
    part = found.only(wanted) if targets else found
    pairs = accepted_pairs(index)
    table = ledger_of(part.records.values(), pairs)
    with atomic_path(csv) as temporary:
        temporary.write_text(ledger_text(table), encoding="utf-8")
    write_text(page, _page(table, pairs, found.left_over(part)))


def accepted_pairs(index: Path) -> int:
    """How many pairs the dataset's index accepts. Few rows are read at a time: the audit, which
    trusts no file, asks too.

    Raises:
        ToffeeError: it is no such index.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(index) as table:
            kind, rows = table.schema_arrow.field("accepted").type, table.metadata.num_rows
            if not pa.types.is_boolean(kind) or rows > MOST_PAIRS:
                raise ToffeeError(f"{index}: {rows} rows of {kind}, expected true or false")
            batches = table.iter_batches(1 << 16, columns=["accepted"])
            return sum(pc.sum(batch.column(0)).as_py() or 0 for batch in batches)
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{index}: expected the filter's index ({error})") from error


def ledger_of(records: Iterable[Record], pairs: int) -> pd.DataFrame:
    """The ledger of some jobs, which accepted pairs share."""
    rows = []
    for record in records:
        attempts: list[Record | Attempt] = [record, *record.earlier]
        rows.append(
            {
                "rule": record.rule,
                "jobs": 1,
                "retries": len(record.earlier),
                "wall_seconds": sum(one.seconds or 0 for one in attempts),
                "cpu_seconds": sum(one.cpu_seconds or 0 for one in attempts),
                "gpu_seconds": sum(one.gpu_seconds or 0 for one in attempts),
                "peak_memory_mb": max(one.peak_memory_mb or 0 for one in attempts),
                "bytes_written": sum(made.size for made in record.outputs.values()),
            }
        )
    jobs = pd.DataFrame(rows)
    how = dict.fromkeys(map(str, jobs.columns[1:]), "sum") | {"peak_memory_mb": "max"}
    table = jobs.groupby("rule").agg(how).sort_values(["gpu_seconds", "cpu_seconds"])[::-1]
    table.loc[ALL] = jobs.agg(how)
    for name in ("cpu_seconds", "gpu_seconds"):
        table[f"{name}_per_pair"] = table[name] / pairs if pairs else float("nan")
    counts = ["jobs", "retries", "bytes_written"]
    return table.reset_index(names="rule").astype(dict.fromkeys(counts, "int64"))[[*COLUMNS]]


def ledger_text(table: pd.DataFrame) -> str:
    """A ledger as CSV."""
    return table.to_csv(index=False, float_format="%.6g")


def _page(table: pd.DataFrame, pairs: int, left: Mapping[str, int]) -> str:
    shown = table.assign(bytes_written=[f"{size / 1e6:,.1f}" for size in table["bytes_written"]])
    shown = shown.rename(columns={"bytes_written": "MB_written"})
    names = {name: name.replace("_", " ") for name in shown.columns}
    body = shown.rename(columns=names).to_markdown(index=False, floatfmt=",.4g")
    meanings = (f"{name.replace('_', ' ')}: {text}" for name, text in COLUMNS.items() if text)
    more = ", ".join(f"{count} × {rule}" for rule, count in left.items())
    return (
        f"# Ledger\n\n{body}\n\n{'; '.join(meanings)}. {pairs} accepted pairs. Jobs that led to "
        "the tables, figures and exports of this run; an attempt that was killed could not say "
        "what it took.\n" + (f"\nIn this folder too, and not counted: {more}.\n" if more else "")
    )
