"""The chain behind a number or a file on one screen; `toffee.provenance.trace` has all of it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from toffee.provenance.trace import NOT_SHOWN, commit_text, cost_text, size_text

ROWS, INPUTS, DOWNLOADS, VALUES, JOBS, OTHERS = 2, 3, 8, 2, 2, 1
"""Most lines for the number's rows, what its job read, the downloads, the job's values, the jobs
behind it, and other files that nobody made: with headings and the rest 24 lines."""

DIGITS = 12
DOWNLOAD = "download_"


def screen(
    tree: Mapping[str, Any], cells: Sequence[Mapping[str, Any]], width: int = 100
) -> Iterator[str]:
    """At most 24 lines about a file, or about a number of a table.

    Args:
        tree: the file's chain, as `trace` gives it.
        cells: the rows of the number, as `cell` gives them; none of a file.
        width: characters of a line.
    """
    for line in _lines(tree, cells, width):
        yield line if len(line) <= width else f"{line[: width - 1]}…"


def _lines(
    tree: Mapping[str, Any], cells: Sequence[Mapping[str, Any]], width: int
) -> Iterator[str]:
    for row in cells[:ROWS]:
        yield cell_line(row)
    if len(cells) > ROWS:
        yield f"  and {len(cells) - ROWS} more rows (--json)"
    yield f"in    {_file(tree)}"
    # The commit first: a narrow screen cuts the line's end off.
    yield f"by    {tree['job']}  {commit_text(tree)}  {tree['start'][:19]}Z  {cost_text(tree)}"
    values = {k: v for k, v in tree["params"].items() if k not in (*NOT_SHOWN, "function")}
    told = (f"{k} = {v}" for k, v in values.items() if v is not None and not _is_digest(k))
    yield from _wrapped("with  ", ", ".join(told) or "no values", width, VALUES)
    method = str(cells[0]["method"]) if cells else ""
    yield from _listed("read", [_read(one) for one in _nearest(tree["inputs"], method)], INPUTS)
    jobs, downloads, others = _behind(tree)
    if jobs:
        seconds = sum(one["cpu_seconds"] + one["gpu_seconds"] for one in jobs.values())
        counted = Counter(str(one["job"]).partition(" ")[0] for one in jobs.values())
        text = ", ".join(f"{rule} ×{n}" if n > 1 else rule for rule, n in counted.items())
        count = f"{len(jobs)} more job{'s' * (len(jobs) > 1)}{_of_other_code(tree, jobs.values())}"
        text = f"{count}, {seconds:,.0f} CPU and GPU seconds: {text}"
        yield from _wrapped("after ", text, width, JOBS)
    yield from _listed("downloads", downloads, DOWNLOADS)
    if others:
        text = f"{len(others)} files that no job made: {', '.join(others)}"
        yield from _wrapped("from  ", text, width, OTHERS)
    yield "whole tree: --all; as JSON: --json"


def cell_line(row: Mapping[str, Any]) -> str:
    """A row of a table, as a sentence."""
    return (
        f"{row['method']}, {row['metric']} = {row['value']} ± {row['stderr'] or '–'} "
        f"(n {row['n'] or '–'}, {row['source']}; {row['setting'] or 'no setting'})"
    )


def _of_other_code(tree: Mapping[str, Any], jobs: Iterable[Mapping[str, Any]]) -> str:
    """How many jobs did not run what is at the commit that the line of the file's own job names."""
    count = sum(bool(one["changed"]) or one["commit"] != tree["commit"] for one in jobs)
    return f" ({count} with changes or of another commit)" if count else ""


def _is_digest(name: str) -> bool:
    return name.endswith(("digest", "digests"))


def _file(one: Mapping[str, Any]) -> str:
    return f"{one['path']}  sha256 {one['sha256'][:DIGITS]}…  {size_text(one['size'])}"


def _read(one: Mapping[str, Any]) -> str:
    return _file(one) + (f"  by {one['job']}" if "job" in one else "")


def _nearest(inputs: Sequence[Mapping[str, Any]], method: str) -> list[Mapping[str, Any]]:
    """Inputs in their order, but first what was made for the number's own method."""
    return sorted(inputs, key=lambda one: method not in str(one.get("job", "")).split()[1:])


def _listed(head: str, lines: Sequence[str], most: int) -> Iterator[str]:
    """A heading and lines, of which the last one may only count."""
    shown = lines if len(lines) <= most else lines[: most - 1]
    if lines:
        yield f"{head} ({len(lines)})"
    for line in shown:
        yield f"  {line}"
    if len(lines) > len(shown):
        yield f"  and {len(lines) - len(shown)} more"


def _wrapped(head: str, text: str, width: int, most: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        max_lines=most,
        placeholder=" …",
    )


def _behind(tree: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
    """The jobs that a file's own job comes after, by what they wrote; what was downloaded; other
    files that no job made."""
    jobs: dict[str, Any] = {}
    downloads: dict[str, str] = {}
    others: dict[str, None] = {}
    waiting = [(tree, False)]
    while waiting:
        one, of_download = waiting.pop(0)
        if "job" not in one:
            if not of_download:  # else it is a part of what that job downloaded
                others.setdefault(one["path"])
            continue
        is_download = str(one["job"]).startswith(DOWNLOAD)
        if is_download:
            downloads.setdefault(one["path"], "")
            downloads[one["path"]] = max(downloads[one["path"]], _file(one) + _source(one), key=len)
        elif one is not tree and not one.get("above"):
            jobs.setdefault(one["path"], one)
        waiting += [(below, is_download) for below in one.get("inputs", [])]
    return jobs, list(downloads.values()), list(others)


def _source(one: Mapping[str, Any]) -> str:
    """Where a download is from."""
    source = (one.get("params") or {}).get("source")
    if not isinstance(source, Mapping):
        return ""
    name, revision = source.get("repo"), str(source.get("revision", ""))
    where = f"{name}@{revision[:DIGITS]}" if name else f"zoo/{source.get('zoo')}"
    return f"  from {where}"
