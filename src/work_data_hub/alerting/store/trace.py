"""All that the store knows of one incident, for `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from ..alert import shortened
from ..errors import NotFound
from ..sink import Status
from ..telling import StoredIncident, ToldIncident, told_from_text
from ..timing import moment
from . import actions, names
from .actions import Action
from .health import Health, all_health
from .history import Attempt, attempts_of
from .incidents import stored_incident
from .tables import conversations, dead_letters, events, groups, incidents, members


@dataclass(frozen=True)
class Event:
    """One event that had a key. fingerprint: what fired; None for a resolution."""

    key: str
    at: datetime
    fingerprint: str | None


@dataclass(frozen=True)
class Told:
    """One integration's conversation about an episode. said: of this incident; None for nothing.

    due_at: when it looks again; None for never. not_before: after a failure.
    """

    receiver: str
    integration: str
    ended: bool
    due_at: datetime | None
    not_before: datetime
    attempts_failed: int
    said: ToldIncident | None
    health: Health | None
    attempts: tuple[Attempt, ...]
    letters: tuple[int, ...]


@dataclass(frozen=True)
class Episode:
    """A group that the incident is in."""

    receiver: str
    route: str
    group_key: str
    active: bool
    others: int
    told: tuple[Told, ...]


@dataclass(frozen=True)
class Trace:
    """event: what was asked for by its key. changed: no dispatcher has seen the present state."""

    stored: StoredIncident
    received_at: datetime
    changed: bool
    event: Event | None
    actions: Sequence[Action]
    episodes: tuple[Episode, ...]


def find(connection: Connection, name: str) -> Trace | Event:
    """By event key or fingerprint; an Event alone where nothing is left of what it did.

    Raises NotFound.
    """
    event = _event(connection, name)
    if event is not None and event.fingerprint is None:
        return event
    if event is not None and event.fingerprint is not None:
        fingerprint = event.fingerprint
    else:
        fingerprint = _fingerprint(connection, name)
    row = _incident(connection, fingerprint, event)
    if row is None:
        assert event is not None
        return event
    stored = stored_incident(row)
    (stored,) = actions.with_acknowledgements([stored], actions.of_open(connection))
    done = [a for a in actions.of_fingerprint(connection, fingerprint) if a.incident_id == row.id]
    return Trace(
        stored=stored,
        received_at=moment(row.received_at),
        changed=row.changed,
        event=event,
        actions=done,
        episodes=tuple(_episodes(connection, stored)),
    )


def _fingerprint(connection: Connection, name: str) -> str:
    try:
        return names.fingerprint(connection, name)
    except names.NotHexadecimal:
        raise NotFound(f"no event and no incident is called {name}") from None


def _event(connection: Connection, key: str) -> Event | None:
    row = connection.execute(select(events).where(events.c.key == shortened(key))).first()
    return None if row is None else Event(row.key, moment(row.at), row.fingerprint)


def _incident(connection: Connection, fingerprint: str, event: Event | None) -> Row[Any] | None:
    """What the event opened or was folded into; else the open one, else the last."""
    query = (
        select(incidents)
        .where(incidents.c.fingerprint == fingerprint)
        .order_by(incidents.c.id.desc())
    )
    rows = connection.execute(query).all()
    if event is not None:
        at = event.at.timestamp()
        rows = [row for row in rows if row.received_at <= at] or rows
        return next(iter(rows), None)
    firing = (row for row in rows if row.status == Status.FIRING.value)
    return next(firing, None) or next(iter(rows), None)


def _episodes(connection: Connection, stored: StoredIncident) -> list[Episode]:
    query = (
        select(groups)
        .join(members, members.c.group_id == groups.c.id)
        .where(members.c.incident_id == stored.id)
        .order_by(groups.c.id)
    )
    return [_episode(connection, row, stored) for row in connection.execute(query).all()]


def _episode(connection: Connection, group: Row[Any], stored: StoredIncident) -> Episode:
    query = select(members.c.incident_id).where(members.c.group_id == group.id)
    size = len(connection.execute(query).all())
    health = all_health(connection)
    found = connection.execute(
        select(conversations)
        .where(conversations.c.group_id == group.id)
        .order_by(conversations.c.id)
    ).all()
    return Episode(
        receiver=group.receiver,
        route=group.route,
        group_key=group.group_key,
        active=group.active,
        others=size - 1,
        told=tuple(
            Told(
                receiver=row.receiver,
                integration=row.integration,
                ended=row.ended,
                due_at=None if row.due_at is None else moment(row.due_at),
                not_before=moment(row.not_before),
                attempts_failed=row.attempts,
                said=_said(row.told, stored),
                health=health.get((row.receiver, row.integration)),
                attempts=tuple(attempts_of(connection, row.id)),
                letters=_letters(connection, row.id, stored.incident.fingerprint),
            )
            for row in found
        ),
    )


def _said(told: str, stored: StoredIncident) -> ToldIncident | None:
    said = told_from_text(told).get(stored.incident.fingerprint)
    return said if said is not None and said.id == stored.id else None


def _letters(connection: Connection, conversation_id: int, fingerprint: str) -> tuple[int, ...]:
    """Those that were to tell of this incident."""
    query = select(dead_letters.c.id).where(
        dead_letters.c.conversation_id == conversation_id,
        dead_letters.c.notification.contains(fingerprint, autoescape=True),
    )
    return tuple(connection.execute(query.order_by(dead_letters.c.id)).scalars())
