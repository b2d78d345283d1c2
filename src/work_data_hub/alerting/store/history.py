"""What came of each attempt, and the dead letters: what will not be tried again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from ..errors import Reason
from ..sink import Notification, Purpose
from ..timing import moment
from .direct import execute_many
from .tables import conversations, dead_letters, deliveries, incidents, members
from .upsert import as_text, insert


@dataclass(frozen=True)
class Attempt:
    """One attempt to tell an integration. outcome: delivered, failed or dead."""

    at: datetime
    receiver: str
    integration: str
    purpose: Purpose
    key: str
    outcome: str
    reason: Reason | None
    detail: str | None
    attempt: int
    latency_s: float


@dataclass(frozen=True)
class Tried:
    """What is kept of an attempt, as the table has it."""

    conversation_id: int
    key: str
    purpose: str
    outcome: str
    reason: str | None
    detail: str | None
    attempt: int
    at: float
    latency_s: float


@dataclass(frozen=True)
class DeadLetter:
    """A notification that was given up. notification: what it said, as JSON."""

    id: int
    at: datetime
    receiver: str
    integration: str
    reason: Reason
    detail: str
    attempts: int
    notification: str
    conversation_id: int

    @property
    def name(self) -> tuple[str, str]:
        return self.receiver, self.integration


def note_attempts(connection: Connection, tried: Iterable[Tried]) -> None:
    execute_many(connection, _TRIED, [vars(one) for one in tried])


def bury(
    connection: Connection,
    conversation_id: int,
    notification: Notification,
    *,
    integration: str,
    reason: Reason,
    detail: str,
    at: float,
) -> int:
    """Keeps the notification as a dead letter; gives its id."""
    return int(
        connection.execute(
            dead_letters.insert().returning(dead_letters.c.id),
            {
                "conversation_id": conversation_id,
                "receiver": notification.receiver,
                "integration": integration,
                "reason": reason.value,
                "detail": detail,
                "attempts": notification.attempt,
                "at": at,
                "notification": _text(notification),
            },
        ).scalar_one()
    )


def buried(
    connection: Connection, *, ids: Collection[int] | None = None, limit: int | None = 1_000
) -> list[DeadLetter]:
    """Dead letters, the newest first."""
    query = select(dead_letters).order_by(dead_letters.c.id.desc()).limit(limit)
    if ids is not None:
        query = query.where(dead_letters.c.id.in_(ids))
    return [
        DeadLetter(
            row.id,
            moment(row.at),
            row.receiver,
            row.integration,
            Reason(row.reason),
            row.detail,
            row.attempts,
            row.notification,
            row.conversation_id,
        )
        for row in connection.execute(query)
    ]


def attempts_for(connection: Connection, fingerprint: str) -> list[Attempt]:
    """What was said, or tried, of this incident's groups; the oldest first."""
    groups_of = (
        select(members.c.group_id)
        .join(incidents, incidents.c.id == members.c.incident_id)
        .where(incidents.c.fingerprint == fingerprint)
    )
    return _attempts(connection, conversations.c.group_id.in_(groups_of))


def attempts_of(connection: Connection, conversation_id: int) -> list[Attempt]:
    """What one integration was told of one episode, or tried; the oldest first."""
    return _attempts(connection, conversations.c.id == conversation_id)


def _attempts(connection: Connection, condition: ColumnElement[bool]) -> list[Attempt]:
    query = (
        select(deliveries, conversations.c.receiver, conversations.c.integration)
        .join(conversations, conversations.c.id == deliveries.c.conversation_id)
        .where(condition)
        .order_by(deliveries.c.id)
    )
    return [
        Attempt(
            moment(row.at),
            row.receiver,
            row.integration,
            Purpose(row.purpose),
            row.key,
            row.outcome,
            row.reason and Reason(row.reason),
            row.detail,
            row.attempt,
            row.latency_s,
        )
        for row in connection.execute(query)
    ]


def _text(notification: Notification) -> str:
    return json.dumps(_plain(notification), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return dict(value) if hasattr(value, "keys") else value


_TRIED = as_text(insert(deliveries))
