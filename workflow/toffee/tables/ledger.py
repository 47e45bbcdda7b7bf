"""Table `ledger`: what each rule's jobs took and wrote, in all and for each accepted pair."""

from pathlib import Path

import pandas as pd

from toffee.provenance.results import Results
from toffee.provenance.schema import Attempt, Record
from toffee.runtime.files import atomic_path, write_text

ALL = "all rules"
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


def write_ledger(results: Path, index: Path, csv: Path, page: Path) -> None:
    """Add up the records of a results folder.

    Args:
        results: the folder, with its records.
        index: the dataset's index, for the number of accepted pairs.
        csv, page: one row per rule, the most costly first, and one for all of them; columns as in
            `COLUMNS`.
    """
    rows = []
    for record in Results(results).records.values():
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
    pairs = int(pd.read_parquet(index, columns=["accepted"])["accepted"].sum())
    for name in ("cpu_seconds", "gpu_seconds"):
        table[f"{name}_per_pair"] = table[name] / pairs if pairs else float("nan")
    counts = ["jobs", "retries", "bytes_written"]
    table = table.reset_index(names="rule").astype(dict.fromkeys(counts, "int64"))[[*COLUMNS]]
    with atomic_path(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    write_text(page, _page(table, pairs))


def _page(table: pd.DataFrame, pairs: int) -> str:
    shown = table.assign(bytes_written=[f"{size / 1e6:,.1f}" for size in table["bytes_written"]])
    shown = shown.rename(columns={"bytes_written": "MB_written"})
    names = {name: name.replace("_", " ") for name in shown.columns}
    body = shown.rename(columns=names).to_markdown(index=False, floatfmt=",.4g")
    meanings = (f"{name.replace('_', ' ')}: {text}" for name, text in COLUMNS.items() if text)
    return (
        f"# Ledger\n\n{body}\n\n{'; '.join(meanings)}. {pairs} accepted pairs. Jobs that ran when "
        "this table was made; an attempt that was killed could not say what it took.\n"
    )
