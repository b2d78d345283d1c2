"""Conversations: what one integration has been told of one episode; claimed by lease.

A claim raises the row's token. Whoever records must show it: a dispatcher that was paused past
its lease finds another's token there, and changes nothing (LeaseLost).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)

from ..errors import LeaseLost
from ..sink import Receipt
from ..telling import StoredIncident, Told, told_from_text, told_to_text
from .database import database_now
from .incidents import json_text, stored_incident
from .tables import IS_OPEN, conversations, groups, incidents, integrations, members

LEASE_S = 5.0


@dataclass(frozen=True)
class Claim:
    """A conversation in this dispatcher's hands, as it stood when it was claimed."""

    conversation_id: int
    token: int
    group_id: int
    receiver: str
    integration: str
    route_id: str
    group_key: str
    group_labels: Mapping[str, str]
    dirty: int
    sequence: int
    opened: bool
    told: Told
    receipt: Receipt | None
    noticed_at: float | None
    attempts: int
    failing_since: float | None
    due_at: float


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


def claim(
    connection: Connection, receiver: str, integration: str, *, now: float, limit: int
) -> list[Claim]:
    """Leases what this integration must hear by now, the longest due first."""
    given = {"of": receiver, "with": integration, "now": now, "limit": limit}
    rows = connection.execute(_DUE, given).all()
    if rows:
        connection.execute(_LEASE, {"ids": [row.id for row in rows]})
    return [_claim(row) for row in rows]


def renew(connection: Connection, claims: Iterable[Claim]) -> None:
    """Prolongs the leases that are still held; a lost one shows when it is recorded."""
    for held in claims:
        connection.execute(_RENEW, {"which": held.conversation_id, "token": held.token})


def release(connection: Connection, held: Claim) -> None:
    """Gives a claim back as it was, nothing having been tried."""
    _record(connection, held, _RELEASE, {})


def progress(connection: Connection, held: Claim, made: Progress) -> None:
    """Records what was told, or that there was nothing to tell. Raises LeaseLost."""
    _record(
        connection,
        held,
        _PROGRESS,
        {
            "new_told": told_to_text(made.told),
            "new_opened": made.opened,
            "new_receipt": json_text(made.receipt.values) if made.receipt else "{}",
            "new_noticed_at": made.noticed_at,
            "new_flushed_at": made.flushed_at,
            "new_ended": made.ended,
            "new_sequence": held.sequence + made.notified,
            "claimed_dirty": held.dirty,
            "new_due_at": made.due_at,
            "due_if_changed": made.due_if_changed,
        },
    )


def postpone(
    connection: Connection,
    held: Claim,
    *,
    since: float,
    until: float,
    receipt: Receipt | None = None,
) -> None:
    """Records a failure that is worth another try. Raises LeaseLost.

    receipt: of what was reached all the same; the next try begins with it.
    """
    known = receipt if receipt and receipt.values else held.receipt
    given = {
        "new_attempts": held.attempts + 1,
        "new_failing_since": since,
        "new_not_before": until,
        "new_receipt": json_text(known.values) if known else "{}",
    }
    _record(connection, held, _POSTPONE, given)


def incidents_of(connection: Connection, group_id: int) -> list[StoredIncident]:
    """All incidents of the episode, in the order they came."""
    return [stored_incident(row) for row in connection.execute(_INCIDENTS, {"group": group_id})]


def next_due(connection: Connection, known: Collection[tuple[str, str]]) -> float | None:
    """When the first of these (receiver, integration) has something to hear; None for never."""
    found = [
        max(row.at, row.held_until or 0.0)
        for row in connection.execute(_NEXT_DUE)
        if (row.receiver, row.integration) in known
    ]
    return min(found, default=None)


def _claim(row: Row[Any]) -> Claim:
    receipt = json.loads(row.receipt)
    return Claim(
        conversation_id=row.id,
        token=row.lease_token + 1,
        group_id=row.group_id,
        receiver=row.receiver,
        integration=row.integration,
        route_id=row.route,
        group_key=row.group_key,
        group_labels=json.loads(row.labels),
        dirty=row.dirty,
        sequence=row.sequence,
        opened=row.opened,
        told=told_from_text(row.told),
        receipt=Receipt(receipt) if receipt else None,
        noticed_at=row.noticed_at,
        attempts=row.attempts,
        failing_since=row.failing_since,
        due_at=row.due_at,
    )


def _record(connection: Connection, held: Claim, statement: Any, values: dict[str, Any]) -> None:
    given = {"which": held.conversation_id, "token": held.token, **values}
    if connection.execute(statement, given).rowcount != 1:
        raise LeaseLost(f"{held.receiver}/{held.integration} {held.group_key}")


_c = conversations.c
_earlier = conversations.alias("earlier")
# The message of an older episode goes first: a late "resolved" would read as if this one were over.
_is_first = ~(
    select(_earlier.c.id)
    .where(
        IS_OPEN,
        _earlier.c.receiver == _c.receiver,
        _earlier.c.integration == _c.integration,
        _earlier.c.group_key == _c.group_key,
        _earlier.c.id < _c.id,
    )
    .exists()
)
# A lease that ends later than any can was written before the clock stepped back.
_is_free = or_(_c.lease_until <= database_now(), _c.lease_until > database_now() + 2 * LEASE_S)
_DUE = (
    select(conversations, groups.c.route, groups.c.labels)
    .join(groups, groups.c.id == _c.group_id)
    .where(
        IS_OPEN,
        _c.receiver == bindparam("of"),
        _c.integration == bindparam("with"),
        _c.due_at <= bindparam("now"),
        _c.not_before <= bindparam("now"),
        _is_free,
        _is_first,
    )
    .order_by(_c.due_at, _c.id)
    .limit(bindparam("limit"))
)
_LEASE = (
    update(conversations)
    .where(_c.id.in_(bindparam("ids", expanding=True)))
    .values(lease_token=_c.lease_token + 1, lease_until=database_now() + LEASE_S)
)
_held = and_(_c.id == bindparam("which"), _c.lease_token == bindparam("token"))
_RENEW = update(conversations).where(_held).values(lease_until=database_now() + LEASE_S)
_RELEASE = update(conversations).where(_held).values(lease_until=0.0)
_PROGRESS = (
    update(conversations)
    .where(_held)
    .values(
        told=bindparam("new_told"),
        opened=bindparam("new_opened"),
        receipt=bindparam("new_receipt"),
        noticed_at=bindparam("new_noticed_at"),
        flushed_at=bindparam("new_flushed_at"),
        ended=bindparam("new_ended"),
        sequence=bindparam("new_sequence"),
        attempts=0,
        failing_since=None,
        not_before=0.0,
        lease_until=0.0,
        due_at=case(
            (_c.dirty == bindparam("claimed_dirty"), bindparam("new_due_at")),
            else_=bindparam("due_if_changed"),
        ),
    )
)
_POSTPONE = (
    update(conversations)
    .where(_held)
    .values(
        attempts=bindparam("new_attempts"),
        failing_since=bindparam("new_failing_since"),
        not_before=bindparam("new_not_before"),
        receipt=bindparam("new_receipt"),
        lease_until=0.0,
    )
)
_INCIDENTS = (
    select(incidents)
    .join(members, members.c.incident_id == incidents.c.id)
    .where(members.c.group_id == bindparam("group"))
    .order_by(incidents.c.id)
)


def _later(one: ColumnElement[float], other: ColumnElement[float]) -> ColumnElement[float]:
    return case((one > other, one), else_=other)


_NEXT_DUE = (
    select(
        _c.receiver,
        _c.integration,
        func.min(_later(_c.due_at, _c.not_before)).label("at"),
        integrations.c.not_before.label("held_until"),
    )
    .outerjoin(
        integrations,
        and_(
            integrations.c.receiver == _c.receiver,
            integrations.c.integration == _c.integration,
        ),
    )
    .where(IS_OPEN, _c.due_at.is_not(None), _is_free, _is_first)
    .group_by(_c.receiver, _c.integration, integrations.c.not_before)
)
