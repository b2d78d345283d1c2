"""Routing: what changed enters its groups, and the groups' conversations are told when to look."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text, update

from ..route import Route
from ..timing import first_flush, tick_at_or_after
from .direct import execute_many
from .incidents import json_text
from .tables import IS_ACTIVE, IS_CHANGED, IS_OPEN, conversations, groups, incidents, members
from .upsert import as_text, insert

BATCH = 500


def route_changed(
    connection: Connection,
    routes_for: Callable[[Mapping[str, str]], Sequence[Route]],
    route_of: Callable[[str], Route],
    *,
    now: float,
    limit: int = BATCH,
) -> int:
    """Puts changed incidents into their groups and lets the groups' conversations know.

    routes_for: the routes that take these labels. route_of: the route of this id.
    Gives how many incidents it looked at; 0 when none is left.
    """
    changed = connection.execute(_CHANGED, {"limit": limit}).all()
    if not changed:
        return 0
    # Few questions for many incidents: publishers wait meanwhile, and a server may be far away.
    ids = [row.id for row in changed]
    groups_of: dict[int, list[Row[Any]]] = {id_: [] for id_ in ids}
    for group in connection.execute(_GROUPS_OF, {"ids": ids}):
        groups_of[group.incident_id].append(group)
    touched: dict[int, _Touched] = {}
    joining: list[_Joining] = []
    for row in changed:
        labels = json.loads(row.labels)
        known = groups_of[row.id]
        keys = {(group.receiver, group.group_key) for group in known}
        for group in known:
            if group.active:
                _touch(touched, group.id, route_of(group.route), None)
        for route in routes_for(labels):
            # PostgreSQL would keep another key than it is asked for.
            key = (route.receiver, route.group_key(labels).replace("\0", "\ufffd"))
            if key not in keys:
                due_at = first_flush(
                    started_at=row.started_at,
                    received_at=row.received_at,
                    group_wait_s=route.group_wait_s,
                )
                joining.append(_Joining(row.id, key, route, labels, due_at))
    _join(connection, joining, touched, now=now)
    _let_know(connection, touched, now=now)
    connection.execute(update(incidents).where(incidents.c.id.in_(ids)).values(changed=False))
    return len(ids)


@dataclass
class _Touched:
    """A group in which something changed. urgent_at: when it is due if it was never flushed."""

    group_interval_s: float
    urgent_at: float | None = None


@dataclass(frozen=True)
class _Joining:
    """An incident that enters a group. key: receiver and group key. due_at: of a new group."""

    incident_id: int
    key: tuple[str, str]
    route: Route
    labels: Mapping[str, str]
    due_at: float


def _touch(
    touched: dict[int, _Touched], group_id: int, route: Route, urgent_at: float | None
) -> None:
    entry = touched.setdefault(group_id, _Touched(route.group_interval_s))
    if urgent_at is not None:
        entry.urgent_at = min(urgent_at, entry.urgent_at or urgent_at)


def _join(
    connection: Connection,
    joining: Sequence[_Joining],
    touched: dict[int, _Touched],
    *,
    now: float,
) -> None:
    """Makes them members of their groups, of new ones where there are none."""
    first = {one.key: one for one in reversed(joining)}
    found = _active_groups(connection, first)
    made = [
        _new_group(first[key]) for key in dict.fromkeys(j.key for j in joining) if key not in found
    ]
    if made:
        execute_many(connection, _NEW_GROUP, made)
        found |= _active_groups(connection, first.keys() - found.keys())
    execute_many(
        connection,
        _NEW_MEMBER,
        [{"group_id": found[j.key], "incident_id": j.incident_id} for j in joining],
    )
    for j in joining:
        _touch(touched, found[j.key], j.route, j.due_at if j.due_at <= now else None)


def _active_groups(
    connection: Connection, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """The ids of the active groups among these."""
    of_receiver: dict[str, list[str]] = {}
    for receiver, key in keys:
        of_receiver.setdefault(receiver, []).append(key)
    return {
        (receiver, row.group_key): row.id
        for receiver, wanted in of_receiver.items()
        for row in connection.execute(_ACTIVE_GROUPS, {"of": receiver, "keys": wanted})
    }


def _new_group(first: _Joining) -> dict[str, Any]:
    receiver, key = first.key
    return {
        "receiver": receiver,
        "route": first.route.id,
        "group_key": key,
        "labels": json_text(first.route.group_labels(first.labels)),
        "active": True,
        "first_due_at": first.due_at,
    }


def _let_know(connection: Connection, touched: Mapping[int, _Touched], *, now: float) -> None:
    """Makes the open conversations of these groups due at their next tick, not later."""
    c = conversations.c
    if not touched:
        return
    query = select(c.id, c.group_id, c.due_at, c.flushed_at).where(
        IS_OPEN, c.group_id.in_(list(touched))
    )
    planned = []
    for row in connection.execute(query):
        entry = touched[row.group_id]
        if row.flushed_at is None:
            next_at = entry.urgent_at
        else:
            next_at = tick_at_or_after(
                now, flushed_at=row.flushed_at, group_interval_s=entry.group_interval_s
            )
        due = min((at for at in (row.due_at, next_at) if at is not None), default=now)
        planned.append({"which": row.id, "next": due})
    execute_many(connection, _PLAN, planned)


_CHANGED = (
    select(
        incidents.c.id,
        incidents.c.labels,
        incidents.c.started_at,
        incidents.c.received_at,
    )
    .where(IS_CHANGED)
    .order_by(incidents.c.id)
    .limit(bindparam("limit"))
)
_GROUPS_OF = (
    select(
        members.c.incident_id,
        groups.c.id,
        groups.c.receiver,
        groups.c.route,
        groups.c.group_key,
        groups.c.active,
    )
    .join(members, members.c.group_id == groups.c.id)
    .where(members.c.incident_id.in_(bindparam("ids", expanding=True)))
)
_ACTIVE_GROUPS = select(groups.c.id, groups.c.group_key).where(
    IS_ACTIVE,
    groups.c.receiver == bindparam("of"),
    groups.c.group_key.in_(bindparam("keys", expanding=True)),
)
_NEW_GROUP = as_text(insert(groups))
_NEW_MEMBER = as_text(insert(members))
_PLAN = text("UPDATE alert_conversations SET due_at = :next, dirty = dirty + 1 WHERE id = :which")
