"""What is long over goes, a little at a time: episodes, events, resolutions, silences.

Nothing goes that is open, yet to be told, or a dead letter; the counters stay. A sweep walks each
table in the order of its keys and remembers where it stopped, in the transaction that deletes. So
it needs no index over times, which every publish() would pay for, and processes share the work.
At the end it begins again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, delete, exists, or_, select

from ..sink import Status
from . import notes, silences
from .tables import (
    IS_OPEN,
    conversations,
    dead_letters,
    deliveries,
    events,
    groups,
    incidents,
    members,
    resolutions,
)

# Looked at in one sweep, which holds up publish() meanwhile.
GROUPS_AT_ONCE = 50
ROWS_AT_ONCE = 250
# Enough for one sweep; an episode of thousands still goes in one.
DELETED_AT_ONCE = 250


def sweep(connection: Connection, *, before: float) -> int:
    """Deletes some of what was over before this time; gives how much, 0 for nothing here."""
    return (
        _sweep_episodes(connection, before)
        + _sweep_rows(connection, events, events.c.key, before)
        + _sweep_rows(connection, resolutions, resolutions.c.labels, before)
        + silences.forget(connection, before=before)
    )


def _sweep_episodes(connection: Connection, before: float) -> int:
    """The next episodes by id. Where the next one began after `before`, as do those that follow,
    or there is none, the round is over.
    """
    last = int(notes.cursor(connection, _cursor(groups)) or 0)
    found = connection.execute(_NEXT_GROUPS, {"last": last, "limit": GROUPS_AT_ONCE}).all()
    deleted, reached = 0, 0
    for row in found:
        if row.first_due_at >= before:
            break
        deleted += _delete_episode(connection, row.id, active=row.active, before=before)
        reached = row.id
        if deleted > DELETED_AT_ONCE:
            break
    if reached != last:
        notes.put_cursor(connection, _cursor(groups), str(reached))
    return deleted


def _delete_episode(connection: Connection, group_id: int, *, active: bool, before: float) -> int:
    """The whole episode where all of it is over.

    One that nobody hears of (a receiver without integrations) has no end: what is over leaves it.
    """
    given = {"group": group_id, "before": before}
    if connection.execute(_IS_KEPT, given).first():
        return 0
    ids = connection.execute(_MEMBERS, given).scalars().all()
    over = connection.execute(_MEMBERS_OVER, given).scalars().all()
    if len(over) == len(ids):
        for statement in (_DELIVERIES, _CONVERSATIONS, _MEMBERSHIPS, _GROUP):
            connection.execute(statement, given)
    elif active:
        _each(connection, _MEMBERSHIP, over, given)
    else:
        return 0
    _each(connection, _INCIDENT, over, given)
    return len(over) + (len(over) == len(ids))


def _each(
    connection: Connection, statement: Any, ids: Sequence[int], given: Mapping[str, Any]
) -> None:
    if ids:
        connection.execute(statement, [{"incident": id_, **given} for id_ in ids])


def _sweep_rows(connection: Connection, table: Table, key: Column[str], before: float) -> int:
    """The next rows by key."""
    last = notes.cursor(connection, _cursor(table)) or ""
    rows = select(key, table.c.at).where(key > last).order_by(key).limit(ROWS_AT_ONCE)
    found = connection.execute(rows).all()
    old = [of for of, at in found if at < before]
    if old:
        connection.execute(delete(table).where(key.in_(old)))
    reached = found[-1][0] if len(found) == ROWS_AT_ONCE else ""
    if reached != last:
        notes.put_cursor(connection, _cursor(table), reached)
    return len(old)


def _cursor(table: Table) -> str:
    return f"retention:{table.name}"


_of_group = conversations.c.group_id == bindparam("group")
_conversations = select(conversations.c.id).where(_of_group)
_is_over = (
    incidents.c.status == Status.RESOLVED.value,
    incidents.c.changed.is_(False),
    incidents.c.updated_at < bindparam("before"),
)
_NEXT_GROUPS = (
    select(groups.c.id, groups.c.active, groups.c.first_due_at)
    .where(groups.c.id > bindparam("last"))
    .order_by(groups.c.id)
    .limit(bindparam("limit"))
)
_IS_KEPT = (
    select(conversations.c.id)
    .where(
        _of_group,
        or_(IS_OPEN, exists().where(dead_letters.c.conversation_id == conversations.c.id)),
    )
    .limit(1)
)
_MEMBERS = select(members.c.incident_id).where(members.c.group_id == bindparam("group"))
_MEMBERS_OVER = (
    select(members.c.incident_id)
    .join(incidents, incidents.c.id == members.c.incident_id)
    .where(members.c.group_id == bindparam("group"), *_is_over)
)
_DELIVERIES = delete(deliveries).where(deliveries.c.conversation_id.in_(_conversations))
_CONVERSATIONS = delete(conversations).where(_of_group)
_MEMBERSHIPS = delete(members).where(members.c.group_id == bindparam("group"))
_MEMBERSHIP = _MEMBERSHIPS.where(members.c.incident_id == bindparam("incident"))
_GROUP = delete(groups).where(groups.c.id == bindparam("group"))
# An incident goes with the last of its episodes: other receivers have their own.
_INCIDENT = delete(incidents).where(
    incidents.c.id == bindparam("incident"),
    ~exists().where(members.c.incident_id == incidents.c.id),
)
