"""Conversations: what one integration has been told of one episode, and when it must hear next.

Only those that are still held by lease are recorded: see `leases`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    func,
    select,
    text,
)

from ..sink import Receipt
from ..telling import StoredIncident, Told, told_to_text
from .direct import execute_many
from .incidents import json_text, stored_incident
from .leases import IS_FIRST, IS_FREE, Claim
from .tables import IS_OPEN, conversations, incidents, members


@dataclass(frozen=True)
class Progress:
    """What a conversation has come to. due_if_changed: where the group changed since the claim."""

    told: Told
    opened: bool
    receipt: Receipt | None
    noticed_at: float | None
    flushed_at: float
    ended: bool
    due_at: float | None
    due_if_changed: float
    notified: bool


@dataclass(frozen=True)
class Delay:
    """A failure that is worth another try. receipt: the next one begins with it."""

    since: float
    until: float
    receipt: Receipt | None


def progress(connection: Connection, made: Iterable[tuple[Claim, Progress]]) -> None:
    """Records what was told, or that there was nothing to tell."""
    rows = [
        {
            "which": held.conversation_id,
            "token": held.token,
            "told": told_to_text(new.told),
            "opened": new.opened,
            "receipt": _receipt_text(new.receipt),
            "noticed_at": new.noticed_at,
            "flushed_at": new.flushed_at,
            "ended": new.ended,
            "sequence": held.sequence + new.notified,
            "dirty": held.dirty,
            "due_at": new.due_at,
            "due_if_changed": new.due_if_changed,
        }
        for held, new in made
    ]
    execute_many(connection, _PROGRESS, rows)


def postpone(connection: Connection, delays: Iterable[tuple[Claim, Delay]]) -> None:
    """Records what is to be tried again."""
    rows = [
        {
            "which": held.conversation_id,
            "token": held.token,
            "attempts": held.attempts + 1,
            "failing_since": delay.since,
            "not_before": delay.until,
            "receipt": _receipt_text(delay.receipt),
        }
        for held, delay in delays
    ]
    execute_many(connection, _POSTPONE, rows)


def try_at_once(
    connection: Connection, receiver: str, integration: str, *, failing_since: float
) -> None:
    """What has failed by this way, since then and not before, waits no longer.

    For a way that is well again: what had failed even before has another reason.
    """
    given = {"of": receiver, "with": integration, "since": failing_since}
    connection.execute(_TRY_AT_ONCE, given)


def incidents_of(
    connection: Connection, group_ids: Sequence[int]
) -> Mapping[int, list[StoredIncident]]:
    """By group: all incidents of the episode, in the order they came."""
    found: dict[int, list[StoredIncident]] = {id_: [] for id_ in group_ids}
    if found:
        for row in connection.execute(_INCIDENTS, {"ids": list(found)}).all():
            found[row.group_id].append(stored_incident(row))
    return found


def due_times(connection: Connection) -> Mapping[tuple[str, str], float]:
    """When each (receiver, integration) has something to hear next; one with nothing is missing."""
    found = connection.execute(_DUE_TIMES)
    return {(row.receiver, row.integration): row.at for row in found}


def _receipt_text(receipt: Receipt | None) -> str:
    return json_text(receipt.values) if receipt and receipt.values else "{}"


_PROGRESS = text(
    "UPDATE alert_conversations SET told = :told, opened = :opened, receipt = :receipt,"
    " noticed_at = :noticed_at, flushed_at = :flushed_at, ended = :ended, sequence = :sequence,"
    " attempts = 0, failing_since = NULL, not_before = 0, lease_until = 0,"
    " due_at = CASE WHEN dirty = :dirty THEN :due_at ELSE :due_if_changed END"
    " WHERE id = :which AND lease_token = :token"
)
_POSTPONE = text(
    "UPDATE alert_conversations SET attempts = :attempts, failing_since = :failing_since,"
    " not_before = :not_before, receipt = :receipt, lease_until = 0"
    " WHERE id = :which AND lease_token = :token"
)
_TRY_AT_ONCE = text(
    "UPDATE alert_conversations SET not_before = 0"
    " WHERE NOT ended AND receiver = :of AND integration = :with"
    " AND attempts > 0 AND failing_since >= :since"
)
_INCIDENTS = (
    select(incidents, members.c.group_id)
    .join(members, members.c.incident_id == incidents.c.id)
    .where(members.c.group_id.in_(bindparam("ids", expanding=True)))
    .order_by(incidents.c.id)
)
_c = conversations.c


def _later(one: ColumnElement[float], other: ColumnElement[float]) -> ColumnElement[float]:
    return case((one > other, one), else_=other)


_DUE_TIMES = (
    select(_c.receiver, _c.integration, func.min(_later(_c.due_at, _c.not_before)).label("at"))
    .where(IS_OPEN, _c.due_at.is_not(None), IS_FREE, IS_FIRST)
    .group_by(_c.receiver, _c.integration)
)
