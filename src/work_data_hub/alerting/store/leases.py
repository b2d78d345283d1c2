"""Who may tell what: conversations are claimed by lease, and a lost lease shows.

A claim raises the row's token. Whoever records must hold the last one: a dispatcher that was paused
past its lease finds another's token there, and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select, update

from ..sink import Receipt
from ..telling import Told, told_from_text
from .database import database_now
from .incidents import from_json_text
from .tables import IS_OPEN, conversations, groups

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

    @property
    def name(self) -> tuple[str, str]:
        """Who is told: (receiver, integration)."""
        return self.receiver, self.integration


def claim(
    connection: Connection,
    receiver: str,
    integration: str,
    *,
    now: float,
    limit: int,
    but: Collection[int] = (),
) -> list[Claim]:
    """Leases what this integration must hear by now, the longest due first.

    but: conversations that are in the caller's hands, whatever a clock that stepped says.
    """
    given = {"of": receiver, "with": integration, "now": now, "limit": limit, **_but(but)}
    rows = connection.execute(_DUE, given).all()
    if rows:
        connection.execute(_LEASE, {"ids": [row.id for row in rows]})
    return [_claim(row) for row in rows]


def is_due(
    connection: Connection,
    receiver: str,
    integration: str,
    *,
    now: float,
    but: Collection[int] = (),
) -> bool:
    """`claim` would find something. For a look that is cheap, and holds up no writer."""
    given = {"of": receiver, "with": integration, "now": now, **_but(but)}
    return connection.execute(_ANY_DUE, given).first() is not None


def renew(connection: Connection, claims: Iterable[Claim]) -> None:
    """Prolongs the leases that are still held; a lost one shows when it is recorded."""
    if rows := _rows(claims):
        connection.execute(_RENEW, rows)


def release(connection: Connection, claims: Iterable[Claim]) -> None:
    """Gives claims back as they were, nothing having been tried; what was lost stays as it is."""
    if rows := _rows(claims):
        connection.execute(_RELEASE, rows)


def still_held(connection: Connection, claims: Collection[Claim]) -> set[int]:
    """The conversations among these that nobody else has claimed since: they may be recorded.

    It holds until the transaction ends, for no other writes meanwhile.
    """
    if not claims:
        return set()
    tokens = {held.conversation_id: held.token for held in claims}
    # Tokens only rise: together they are the same where each of them is. One row, as a rule.
    all_of_them = connection.execute(_SUM_OF_TOKENS, {"ids": list(tokens)}).one()
    if tuple(all_of_them) == (len(tokens), sum(tokens.values())):
        return set(tokens)
    found = connection.execute(_TOKENS, {"ids": list(tokens)})
    return {id_ for id_, token in found if tokens[id_] == token}


def _but(conversations: Collection[int]) -> dict[str, list[int]]:
    """None has the id 0; of an empty list SQLAlchemy would make a subquery."""
    return {"but": list(conversations) or [0]}


def _rows(claims: Iterable[Claim]) -> list[dict[str, int]]:
    return [{"which": held.conversation_id, "token": held.token} for held in claims]


def _claim(row: Row[Any]) -> Claim:
    receipt = json.loads(row.receipt) if row.receipt != "{}" else None
    return Claim(
        conversation_id=row.id,
        token=row.lease_token + 1,
        group_id=row.group_id,
        receiver=row.receiver,
        integration=row.integration,
        route_id=row.route,
        group_key=row.group_key,
        group_labels=from_json_text(row.labels),
        dirty=row.dirty,
        sequence=row.sequence,
        opened=row.opened,
        told=told_from_text(row.told) if row.told != "{}" else {},
        receipt=Receipt(receipt) if receipt else None,
        noticed_at=row.noticed_at,
        attempts=row.attempts,
        failing_since=row.failing_since,
        due_at=row.due_at,
    )


_c = conversations.c
_earlier = conversations.alias("earlier")
# The message of an older episode goes first: a late "resolved" would read as if this one were over.
IS_FIRST = ~(
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
IS_FREE = or_(_c.lease_until <= database_now(), _c.lease_until > database_now() + 2 * LEASE_S)
_is_due = (
    IS_OPEN,
    _c.receiver == bindparam("of"),
    _c.integration == bindparam("with"),
    _c.due_at <= bindparam("now"),
    _c.not_before <= bindparam("now"),
    IS_FREE,
    IS_FIRST,
    _c.id.not_in(bindparam("but", expanding=True)),
)
_ANY_DUE = select(_c.id).where(*_is_due).limit(1)
_DUE = (
    select(conversations, groups.c.route, groups.c.labels)
    .join(groups, groups.c.id == _c.group_id)
    .where(*_is_due)
    .order_by(_c.due_at, _c.id)
    .limit(bindparam("limit"))
)
_LEASE = (
    update(conversations)
    .where(_c.id.in_(bindparam("ids", expanding=True)))
    .values(lease_token=_c.lease_token + 1, lease_until=database_now() + LEASE_S)
)
_TOKENS = select(_c.id, _c.lease_token).where(_c.id.in_(bindparam("ids", expanding=True)))
_SUM_OF_TOKENS = select(func.count(), func.sum(_c.lease_token)).where(
    _c.id.in_(bindparam("ids", expanding=True))
)
_held = and_(_c.id == bindparam("which"), _c.lease_token == bindparam("token"))
_RENEW = update(conversations).where(_held).values(lease_until=database_now() + LEASE_S)
_RELEASE = update(conversations).where(_held).values(lease_until=0.0)
