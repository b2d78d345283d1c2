"""How integrations fare: held back after failures, parked on wrong credentials, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from .tables import counters, integrations
from .upsert import as_text, insert

Name = tuple[str, str]


@dataclass(frozen=True)
class Health:
    """Of one integration. failures: in a row. not_before: nothing is sent until then."""

    digest: str
    parked: bool = False
    failures: int = 0
    failing_since: float | None = None
    not_before: float = 0.0


def all_health(connection: Connection) -> Mapping[Name, Health]:
    """By (receiver, integration); one that never failed may be missing."""
    return {
        (row.receiver, row.integration): Health(
            row.digest, row.parked, row.failures, row.failing_since, row.not_before
        )
        for row in connection.execute(select(integrations))
    }


def set_health(connection: Connection, name: Name, health: Health) -> None:
    row = {"receiver": name[0], "integration": name[1], **vars(health)}
    connection.execute(_SET_HEALTH, row)


@dataclass(frozen=True)
class Count:
    """One counter: `delivered`, `failed` and `dead` by reason, `maybe_twice`, `lease_lost`,
    `templates_failed`, and `alerts` by whatever the sink counts.
    """

    name: str
    receiver: str
    integration: str
    label: str = ""


def add(connection: Connection, counts: Mapping[Count, int]) -> None:
    """Raises each counter by so much."""
    rows = [vars(count) | {"value": value} for count, value in counts.items()]
    if rows:
        connection.execute(_ADD, rows)


def counted(connection: Connection) -> Mapping[Count, int]:
    """Every counter, over all processes and restarts."""
    return {
        Count(row.name, row.receiver, row.integration, row.label): row.value
        for row in connection.execute(select(counters))
    }


_state = insert(integrations)
_SET_HEALTH = as_text(
    _state.on_conflict_do_update(
        index_elements=[integrations.c.receiver, integrations.c.integration],
        set_={
            name: _state.excluded[name]
            for name in ("digest", "parked", "failures", "failing_since", "not_before")
        },
    )
)
_new = insert(counters)
_ADD = as_text(
    _new.on_conflict_do_update(
        index_elements=[
            counters.c.name,
            counters.c.receiver,
            counters.c.integration,
            counters.c.label,
        ],
        set_={"value": counters.c.value + _new.excluded.value},
    )
)
