"""What others than the router count in its store, so that it outlives them and adds up over all.

    added = Tally({Total("runs", ("sales", "nightly"), "failure"): 1})
    store.add_up(added, cursor="tally:1", value="42", expected="41", most={"runs": 100})

Whoever counts from a log moves its cursor in the transaction that adds, so nothing counts twice.
Names are held to so many where they are written: one that has its own rows keeps them, and one that
came too late is under `other` from its first count on. No total ever falls.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from .alert_counts import OTHER
from .tables import latest, totals
from .upsert import as_text, insert

# How much was put under `other`, by the name of the total.
OVERFLOWED = "overflowed"
# The label of what is not a count: the seconds that a histogram's observations make together.
SUM = "sum"


@dataclass(frozen=True)
class Total:
    """One number. of: the label values that are bounded; label: the one that is a closed set."""

    name: str
    of: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True)
class Latest:
    """The value that the latest event had. at: its time, in seconds since the epoch."""

    value: float
    at: float


@dataclass(frozen=True)
class Tally:
    """What was counted: to be added, or all that is there."""

    totals: Mapping[Total, float] = field(default_factory=dict)
    latest: Mapping[Total, Latest] = field(default_factory=dict)


def add(connection: Connection, added: Tally, *, most: Mapping[str, int]) -> None:
    """Adds the totals, and keeps of each latest value the later one. most: of each name.

    A latest value of what is under `other` is nobody's, and not kept.
    """
    known = _known(connection)
    sums: Counter[Total] = Counter()
    for total, value in added.totals.items():
        is_one_too_many = not _has_room(known, total, most)
        sums[_other(total) if is_one_too_many else total] += value  # type: ignore[assignment]
        if is_one_too_many and total.label != SUM:
            sums[Total(OVERFLOWED, (total.name,))] += value  # type: ignore[assignment]
    if sums:
        rows = [_row(total) | {"value": float(value)} for total, value in sums.items()]
        connection.execute(_ADD, rows)
    kept = {total: of for total, of in added.latest.items() if _has_room(known, total, most)}
    if kept:
        connection.execute(_KEEP, [_row(total) | vars(of) for total, of in kept.items()])


def read(connection: Connection) -> Tally:
    """All that was ever counted."""
    return Tally(
        {_total(row): row.value for row in connection.execute(select(totals))},
        {_total(row): Latest(row.value, row.at) for row in connection.execute(select(latest))},
    )


def _known(connection: Connection) -> dict[str, set[tuple[str, ...]]]:
    found: dict[str, set[tuple[str, ...]]] = {}
    for table in (totals, latest):
        for row in connection.execute(select(table.c.name, table.c.of).distinct()):
            found.setdefault(row.name, set()).add(tuple(json.loads(row.of)))
    return found


def _has_room(
    known: dict[str, set[tuple[str, ...]]], total: Total, most: Mapping[str, int]
) -> bool:
    names = known.setdefault(total.name, set())
    if total.of not in names:
        taken = len(names) - (_other(total).of in names)
        if taken >= most.get(total.name, taken + 1):
            return False
        names.add(total.of)
    return True


def _other(total: Total) -> Total:
    return Total(total.name, tuple(OTHER for _ in total.of), total.label)


def _row(total: Total) -> dict[str, str | float]:
    of = json.dumps(total.of, ensure_ascii=False)
    return {"name": total.name, "of": of, "label": total.label}


def _total(row: object) -> Total:
    return Total(row.name, tuple(json.loads(row.of)), row.label)  # type: ignore[attr-defined]


_new_total = insert(totals)
_ADD = as_text(
    _new_total.on_conflict_do_update(
        index_elements=[totals.c.name, totals.c.of, totals.c.label],
        set_={"value": totals.c.value + _new_total.excluded.value},
    )
)
_new_latest = insert(latest)
_KEEP = as_text(
    _new_latest.on_conflict_do_update(
        index_elements=[latest.c.name, latest.c.of, latest.c.label],
        set_={"value": _new_latest.excluded.value, "at": _new_latest.excluded.at},
        where=_new_latest.excluded.at >= latest.c.at,
    )
)
