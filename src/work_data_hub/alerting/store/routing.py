"""Routing: what changed enters its groups, and the groups' conversations are told when to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text, update

from ..route import Route
from ..timing import first_flush, tick_at_or_after
from .direct import execute_many, first_of_each
from .incidents import from_json_text, json_text
from .tables import IS_CHANGED, IS_OPEN, conversations, groups, incidents, members
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
    these = {"last": changed[-1].id}
    groups_of: dict[int, list[Row[Any]]] = {row.id: [] for row in changed}
    for group in connection.execute(_GROUPS_OF, these):
        groups_of[group.incident_id].append(group)
    touched: dict[int, _Touched] = {}
    joining: list[_Joining] = []
    for row in changed:
        labels = from_json_text(row.labels)
        known = groups_of[row.id]
        keys = {(group.receiver, group.group_key) for group in known}
        for group in known:
            # Also one that is over: whoever told its end first was not the last to hear of it.
            _touch(touched, group.id, route_of(group.route), row.updated_at)
        for route in routes_for(labels):
            # PostgreSQL would keep another key than it is asked for.
            key = (route.receiver, route.group_key(labels).replace("\0", "\ufffd"))
            if key not in keys:
                due_at = first_flush(
                    started_at=row.started_at,
                    received_at=row.received_at,
                    group_wait_s=route.group_wait_s,
                )
                joining.append(_Joining(row.id, key, route, labels, row.received_at, due_at))
    _join(connection, joining, touched, now=now)
    _let_know(connection, touched, now=now)
    connection.execute(_SEEN, these)
    return len(changed)


@dataclass
class _Touched:
    """A group in which something changed: since when. urgent_at: when it is due if it was never
    flushed.
    """

    group_interval_s: float
    changed_at: float
    urgent_at: float | None = None


@dataclass(frozen=True)
class _Joining:
    """An incident that enters a group. key: receiver and group key. due_at: of a new group.

    received_at: when it came.
    """

    incident_id: int
    key: tuple[str, str]
    route: Route
    labels: Mapping[str, str]
    received_at: float
    due_at: float


def _touch(
    touched: dict[int, _Touched],
    group_id: int,
    route: Route,
    changed_at: float,
    urgent_at: float | None = None,
) -> None:
    entry = touched.setdefault(group_id, _Touched(route.group_interval_s, changed_at))
    entry.changed_at = min(changed_at, entry.changed_at)
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
    keys = list(dict.fromkeys(one.key for one in joining))
    given = [{"receiver": receiver, "group_key": key} for receiver, key in keys]
    ids = dict(zip(keys, first_of_each(connection, _ACTIVE_GROUP, given), strict=True))
    lacking = [key for key, found in ids.items() if found is None]
    made = first_of_each(connection, _NEW_GROUP, [_new_group(first[key]) for key in lacking])
    ids |= zip(lacking, made, strict=True)
    group_of = {key: found[0] for key, found in ids.items() if found is not None}
    execute_many(
        connection,
        _NEW_MEMBER,
        [{"group_id": group_of[j.key], "incident_id": j.incident_id} for j in joining],
    )
    for j in joining:
        urgent_at = j.due_at if j.due_at <= now else None
        _touch(touched, group_of[j.key], j.route, j.received_at, urgent_at)


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
            # The tick after the change: where nobody was there to look, it is due since. Times to
            # come are of before the clock stepped back.
            next_at = tick_at_or_after(
                min(entry.changed_at, now),
                flushed_at=min(row.flushed_at, now),
                group_interval_s=entry.group_interval_s,
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
        incidents.c.updated_at,
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
    )
    .join(members, members.c.group_id == groups.c.id)
    # Not by a join: SQLite would then begin with the members of all that ever happened.
    .where(
        members.c.incident_id.in_(
            select(incidents.c.id).where(IS_CHANGED, incidents.c.id <= bindparam("last"))
        )
    )
)
_SEEN = (
    update(incidents).where(IS_CHANGED, incidents.c.id <= bindparam("last")).values(changed=False)
)
_ACTIVE_GROUP = text(
    "SELECT id FROM alert_groups WHERE active AND receiver = :receiver AND group_key = :group_key"
)
_NEW_GROUP = as_text(insert(groups).returning(groups.c.id))
_NEW_MEMBER = as_text(insert(members))
_PLAN = text("UPDATE alert_conversations SET due_at = :next, dirty = dirty + 1 WHERE id = :which")
