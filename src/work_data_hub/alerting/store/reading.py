"""What the store looks like at one moment, in numbers. No query looks at what is finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, case, exists, func, select

from . import health
from .health import Count, Name
from .tables import (
    IS_CHANGED,
    IS_FIRING,
    IS_OPEN,
    conversations,
    dead_letters,
    incidents,
    members,
)


@dataclass(frozen=True)
class Due:
    """What one integration must have heard by now and has not. since: the oldest, in seconds."""

    count: int
    since: float


@dataclass(frozen=True)
class Open:
    """Incidents that are open. since: when the oldest began, in seconds."""

    count: int
    since: float


@dataclass(frozen=True)
class Reading:
    """open: incidents by (alertname, severity). unrouted: those nobody has looked at since they
    last changed. due, dead_letters, parked, failing: by (receiver, integration).
    """

    counters: Mapping[Count, int] = field(default_factory=dict)
    open: Mapping[tuple[str, str], Open] = field(default_factory=dict)
    unrouted: Due | None = None
    due: Mapping[Name, Due] = field(default_factory=dict)
    dead_letters: Mapping[Name, int] = field(default_factory=dict)
    parked: frozenset[Name] = frozenset()
    failing: frozenset[Name] = frozenset()


def read(connection: Connection, *, now: float) -> Reading:
    """All of it within one transaction, so that the numbers fit each other."""
    unrouted, unrouted_since = connection.execute(_UNROUTED).one()
    fares = health.all_health(connection)
    return Reading(
        counters=health.counted(connection),
        open={
            (row.alertname, row.severity): Open(row.n, row.since)
            for row in connection.execute(_OPEN)
        },
        unrouted=Due(unrouted, unrouted_since) if unrouted else None,
        due={
            (row.receiver, row.integration): Due(row.n, row.since)
            for row in connection.execute(_DUE, {"now": now})
        },
        dead_letters={
            (row.receiver, row.integration): row.n for row in connection.execute(_DEAD_LETTERS)
        },
        parked=frozenset(name for name, state in fares.items() if state.parked),
        failing=frozenset(name for name, state in fares.items() if state.failures),
    )


_OPEN = (
    select(
        incidents.c.alertname,
        incidents.c.severity,
        func.count().label("n"),
        func.min(incidents.c.started_at).label("since"),
    )
    .where(IS_FIRING)
    .group_by(incidents.c.alertname, incidents.c.severity)
)
# One that was never routed waits since it came; one that was, since it changed.
_UNROUTED = select(
    func.count(),
    func.min(
        case(
            (exists().where(members.c.incident_id == incidents.c.id), incidents.c.updated_at),
            else_=incidents.c.received_at,
        )
    ),
).where(IS_CHANGED)
_DUE = (
    select(
        conversations.c.receiver,
        conversations.c.integration,
        func.count().label("n"),
        func.min(conversations.c.due_at).label("since"),
    )
    .where(IS_OPEN, conversations.c.due_at <= bindparam("now"))
    .group_by(conversations.c.receiver, conversations.c.integration)
)
_DEAD_LETTERS = select(
    dead_letters.c.receiver, dead_letters.c.integration, func.count().label("n")
).group_by(dead_letters.c.receiver, dead_letters.c.integration)
