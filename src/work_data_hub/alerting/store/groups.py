"""Groups: which incidents are told together, to which receiver, episode by episode."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from ..route import Route
from ..timing import first_flush, tick_at_or_after
from .incidents import json_text
from .notes import put
from .tables import (
    IS_ACTIVE,
    IS_CHANGED,
    IS_FIRING,
    IS_OPEN,
    conversations,
    groups,
    incidents,
    members,
    notes,
)

BATCH = 500
_CONFIG_DIGEST = "config_digest"


def note_config(connection: Connection, digest: str) -> None:
    """Has open incidents routed again where another configuration was the last to route them."""
    query = select(notes.c.value).where(notes.c.name == _CONFIG_DIGEST)
    if connection.execute(query).scalar() == digest:
        return
    put(connection, _CONFIG_DIGEST, digest)
    connection.execute(update(incidents).where(IS_FIRING).values(changed=True))


def has_changed(connection: Connection) -> bool:
    """Some incident has not been routed in its present state."""
    return connection.execute(_ANY_CHANGED).first() is not None


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
    active: dict[tuple[str, str], int] = {}
    joined = []
    for row in changed:
        labels = json.loads(row.labels)
        known = groups_of[row.id]
        keys = {(group.receiver, group.group_key) for group in known}
        for group in known:
            if group.active:
                _touch(touched, group.id, route_of(group.route), None)
        for route in routes_for(labels):
            key = (route.receiver, route.group_key(labels))
            if key in keys:
                continue
            due_at = first_flush(
                started_at=row.started_at,
                received_at=row.received_at,
                group_wait_s=route.group_wait_s,
            )
            if key not in active:
                active[key] = _active_group(connection, key[1], route, labels, due_at=due_at)
            joined.append({"group_id": active[key], "incident_id": row.id})
            _touch(touched, active[key], route, due_at if due_at <= now else None)
    if joined:
        connection.execute(members.insert(), joined)
    _let_know(connection, touched, now=now)
    connection.execute(update(incidents).where(incidents.c.id.in_(ids)).values(changed=False))
    return len(ids)


def converse(connection: Connection, integrations: Iterable[tuple[str, str]]) -> None:
    """Begins the conversations that active groups lack with these (receiver, integration)."""
    for receiver, integration in integrations:
        lacking = connection.execute(_LACKING, {"of": receiver, "with": integration}).all()
        if lacking:
            connection.execute(
                conversations.insert(),
                [_new_conversation(group, integration) for group in lacking],
            )


def lacks_conversation(connection: Connection, integrations: Iterable[tuple[str, str]]) -> bool:
    """Some active group has no conversation with one of these (receiver, integration)."""
    return any(
        connection.execute(_LACKING.limit(1), {"of": receiver, "with": integration}).first()
        for receiver, integration in integrations
    )


def close(connection: Connection, group_id: int) -> None:
    """Ends the episode: what fires next in this group is a new one."""
    connection.execute(update(groups).where(groups.c.id == group_id).values(active=False))


@dataclass
class _Touched:
    """A group in which something changed. urgent_at: when it is due if it was never flushed."""

    group_interval_s: float
    urgent_at: float | None = None


def _touch(
    touched: dict[int, _Touched], group_id: int, route: Route, urgent_at: float | None
) -> None:
    entry = touched.setdefault(group_id, _Touched(route.group_interval_s))
    if urgent_at is not None:
        entry.urgent_at = min(urgent_at, entry.urgent_at or urgent_at)


def _active_group(
    connection: Connection, key: str, route: Route, labels: Mapping[str, str], *, due_at: float
) -> int:
    """The id of the active group of this key, a new one where there is none."""
    given = {"of": route.receiver, "key": key}
    group_id = connection.execute(_ACTIVE_GROUP, given).scalar()
    if group_id is None:
        group_id = connection.execute(
            groups.insert().returning(groups.c.id),
            {
                "receiver": route.receiver,
                "route": route.id,
                "group_key": key,
                "labels": json_text(route.group_labels(labels)),
                "active": True,
                "first_due_at": due_at,
            },
        ).scalar_one()
    return int(group_id)


def _let_know(connection: Connection, touched: Mapping[int, _Touched], *, now: float) -> None:
    """Makes the open conversations of these groups due at their next tick, not later."""
    c = conversations.c
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
    if planned:
        connection.execute(_PLAN, planned)


def _new_conversation(group: Row[Any], integration: str) -> dict[str, Any]:
    return {
        "group_id": group.id,
        "receiver": group.receiver,
        "integration": integration,
        "group_key": group.group_key,
        "ended": False,
        "due_at": group.first_due_at,
        "not_before": 0.0,
        "dirty": 0,
        "sequence": 0,
        "opened": False,
        "told": "{}",
        "receipt": "{}",
        "attempts": 0,
        "lease_token": 0,
        "lease_until": 0.0,
    }


_ANY_CHANGED = select(incidents.c.id).where(IS_CHANGED).limit(1)
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
_ACTIVE_GROUP = select(groups.c.id).where(
    IS_ACTIVE, groups.c.receiver == bindparam("of"), groups.c.group_key == bindparam("key")
)
_LACKING = select(groups.c.id, groups.c.receiver, groups.c.group_key, groups.c.first_due_at).where(
    IS_ACTIVE,
    groups.c.receiver == bindparam("of"),
    ~select(conversations.c.id)
    .where(
        conversations.c.group_id == groups.c.id,
        conversations.c.receiver == groups.c.receiver,
        conversations.c.integration == bindparam("with"),
    )
    .exists(),
)
_PLAN = (
    update(conversations)
    .where(conversations.c.id == bindparam("which"))
    .values(due_at=bindparam("next"), dirty=conversations.c.dirty + 1)
)
