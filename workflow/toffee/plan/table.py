"""A plan for people: the table, and a line for whatever there is too little of."""

from collections.abc import Callable

from toffee.config import Config
from toffee.plan.report import Plan, Row

GIB = 2**30


def table(plan: Plan) -> list[str]:
    """The plan as lines of text; rules that take next to nothing are one row."""
    hours, memory = f"{plan.device} hours", f"{plan.device} memory"
    head = ("rule", "jobs", hours, memory, "to download", "to store", "while running")
    large = [row for row in plan.rows if row.hours or row.store or row.download]
    rest = [row for row in plan.rows if row not in large]
    if rest:
        large.append(sum(rest, Row(f"{len(rest)} other rules")))
    lines = [head, *(_cells(row, row.at_once(plan.shards)) for row in large), _cells(plan.total)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    texts = [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)),
            ]
        )
        for line in lines
    ]
    rule = "-" * len(texts[0])
    needed = f"{shown(plan.needed)}, {shown(plan.total.store)} in the end"
    room = f"room needed in results/{plan.scale}: {needed}, free: {shown(plan.room)}"
    found = [*plan.found, ""] if plan.found else []
    return [*found, texts[0], rule, *texts[1:-1], rule, texts[-1], "", room, *plan.notes]


def _cells(row: Row, temporary: int = 0) -> tuple[str, ...]:
    hours = f"{row.hours:,.0f}" if row.hours >= 99.5 else f"{row.hours:.2g}"
    sizes = [shown(value) if value else "–" for value in (row.download, row.store)]
    at_work = row.while_running + temporary
    running = shown(at_work) if at_work else "–"
    memory = shown(row.memory) if row.memory else "–"
    return (row.rule, f"{row.jobs:,}", hours if row.hours else "–", memory, *sizes, running)


def refusals(plan: Plan, config: Config) -> list[str]:
    """What there is too little of, a line each: what, how much is needed, how much there is."""
    budget, total = config.budget, plan.total
    checks: list[tuple[str, float, float | None, Callable[[float], str]]] = [
        (f"the disk of results/{plan.scale}", plan.needed, plan.room, shown),
        ("budget.storage_gib", plan.needed, _bytes(budget.storage_gib), shown),
        ("budget.download_gib", total.download, _bytes(budget.download_gib), shown),
    ]
    hours = budget.gpu_hours if plan.device == "GPU" else budget.cpu_hours
    checks.append((f"budget.{plan.device.lower()}_hours", total.hours, hours, hours_shown))
    checks += [
        (
            f"budget.gpu_memory_gib of {row.rule}",
            row.memory,
            _bytes(budget.gpu_memory_gib),
            shown,
        )
        for row in plan.rows
        if plan.device == "GPU"
    ]
    return [
        f"{what} is too small: {show(needed)} needed, {show(available)} available"
        for what, needed, available, show in checks
        if available is not None and needed > available
    ]


def _bytes(gib: float | None) -> float | None:
    return None if gib is None else gib * GIB


def shown(size: float) -> str:
    """Bytes for people, in binary units."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 999.5 or unit == "TiB":
            return f"{size:,.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def hours_shown(hours: float) -> str:
    """Hours of a budget for people."""
    return f"{hours:,.0f} h" if hours >= 99.5 else f"{hours:.2g} h"
