"""What was ever loaded, counted in the transaction that loads it: `wdh_totals`.

The ledger says what a file is now; loaded anew, it forgets what it was. These only rise. There is
one writer at a time, so that adding is reading and writing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..file_report import FileReport

# Upper bounds, in seconds, of how long a file took.
BOUNDS_S = (0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)
_ROWS, _FILES, _BUCKET, _SECONDS = "rows", "files", "load_bucket", "load_s"
_BEYOND = "+Inf"


@dataclass(frozen=True)
class DomainTotals:
    """Of one domain. rows, files: by outcome. within: files by the index of their bound."""

    rows: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, float] = field(default_factory=dict)
    within: Mapping[int, int] = field(default_factory=dict)
    seconds: float = 0.0


def count_file(connection: Connection, domain: str, report: FileReport) -> None:
    """A file that was loaded, or that could not be."""
    at = bisect_left(BOUNDS_S, report.duration_s)
    _add(
        connection,
        domain,
        {
            (_ROWS, "loaded"): report.loaded,
            (_ROWS, "superseded"): report.superseded,
            (_ROWS, "quarantined"): report.quarantined,
            (_FILES, "failed" if report.failed else "loaded"): 1,
            (_BUCKET, str(BOUNDS_S[at]) if at < len(BOUNDS_S) else _BEYOND): 1,
            (_SECONDS, ""): report.duration_s,
        },
    )


def count_lost(connection: Connection, domain: str) -> None:
    """A file whose run ended before it could say why."""
    _add(connection, domain, {(_FILES, "failed"): 1})


def count_replay(connection: Connection, domain: str, *, rows: int) -> None:
    """Refused rows that were loaded after all, or superseded."""
    _add(connection, domain, {(_ROWS, "replayed"): rows})


def read(connection: Connection) -> dict[str, DomainTotals]:
    """By domain. Empty in a warehouse that an earlier version wrote last."""
    from sqlalchemy import inspect, select

    from .tables import totals

    if not inspect(connection).has_table(totals.name):
        return {}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in connection.execute(select(totals)):
        found.setdefault(row.domain, {}).setdefault(row.name, {})[row.label] = row.value
    return {domain: _totals(of) for domain, of in found.items()}


def _totals(of: Mapping[str, Mapping[str, float]]) -> DomainTotals:
    within: dict[int, int] = {}
    for bound, count in of.get(_BUCKET, {}).items():
        at = bisect_left(BOUNDS_S, float(bound))
        within[at] = within.get(at, 0) + round(count)
    return DomainTotals(
        rows=of.get(_ROWS, {}),
        files=of.get(_FILES, {}),
        within=within,
        seconds=of.get(_SECONDS, {}).get("", 0.0),
    )


def _add(connection: Connection, domain: str, counted: Mapping[tuple[str, str], float]) -> None:
    from sqlalchemy import insert, update

    from .tables import totals

    for (name, label), value in counted.items():
        if not value:
            continue
        mine = (totals.c.domain == domain, totals.c.name == name, totals.c.label == label)
        raised = update(totals).where(*mine).values(value=totals.c.value + value)
        if connection.execute(raised).rowcount == 0:
            row = {"domain": domain, "name": name, "label": label, "value": float(value)}
            connection.execute(insert(totals).values(row))
