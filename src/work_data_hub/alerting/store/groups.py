"""Groups: which incidents are told together, to which receiver, episode by episode."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    bindparam,
    exists,
    false,
    literal,
    select,
    update,
)

from ..own_receiver import OWN_ROUTE
from ..sink import Status
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

_CONFIG_DIGEST = "config_digest"


def note_config(
    connection: Connection,
    digest: str,
    integrations: Collection[tuple[str, str]],
    *,
    off: Iterable[tuple[str, str]],
    now: float,
) -> None:
    """Has open incidents routed again where another configuration was the last to route them.

    integrations: every (receiver, integration) that there is; off: those that have no address
    here, and may have one in another process. Conversations with what is neither end.
    """
    _end_conversations_but_with(connection, {*integrations, *off})
    query = select(notes.c.value).where(notes.c.name == _CONFIG_DIGEST)
    if connection.execute(query).scalar() == digest:
        return
    put(connection, _CONFIG_DIGEST, digest)
    for receiver, integration in integrations:  # one that was gone for a while
        connection.execute(_TAKE_UP, {"of": receiver, "with": integration, "now": now})
    connection.execute(update(incidents).where(IS_FIRING).values(changed=True))


def has_changed(connection: Connection) -> bool:
    """Some incident has not been routed in its present state."""
    return connection.execute(_ANY_CHANGED).first() is not None


def converse(connection: Connection, integrations: Iterable[tuple[str, str]]) -> None:
    """Begins the conversations that active groups lack with these (receiver, integration)."""
    for receiver, integration in integrations:
        connection.execute(_CONVERSE, {"of": receiver, "with": integration})


def close(connection: Connection, group_ids: Sequence[int]) -> None:
    """Ends these episodes: what fires next in such a group is a new one."""
    if group_ids:
        connection.execute(_CLOSE, {"ids": group_ids})


def _end_conversations_but_with(
    connection: Connection, integrations: Collection[tuple[str, str]]
) -> None:
    """Nobody will ever continue them: their integration was taken out of alerts.yml.

    With them ends what nobody else hears of any more, so that it can be forgotten.
    """
    for receiver, integration in connection.execute(_CONVERSING).all():
        if (receiver, integration) not in integrations:
            given = {"of": receiver, "with": integration}
            connection.execute(_CLOSE_UNHEARD, given)
            connection.execute(_END, given)


_ANY_CHANGED = select(incidents.c.id).where(IS_CHANGED).limit(1)
_new_conversation: dict[str, ColumnElement[Any]] = {
    "group_id": groups.c.id,
    "receiver": groups.c.receiver,
    "integration": bindparam("with", type_=Text),
    "group_key": groups.c.group_key,
    "ended": false(),
    "due_at": groups.c.first_due_at,
    "not_before": literal(0.0),
    "dirty": literal(0),
    "sequence": literal(0),
    "opened": false(),
    "told": literal("{}"),
    "receipt": literal("{}"),
    "attempts": literal(0),
    "lease_token": literal(0),
    "lease_until": literal(0.0),
}
_CONVERSE = conversations.insert().from_select(
    list(_new_conversation),
    select(*_new_conversation.values())
    .where(
        IS_ACTIVE,
        groups.c.receiver == bindparam("of"),
        ~select(conversations.c.id)
        .where(
            conversations.c.group_id == groups.c.id,
            conversations.c.receiver == groups.c.receiver,
            conversations.c.integration == bindparam("with", type_=Text),
        )
        .exists(),
    )
    # As they came: who claims goes by it. By the id alone SQLite would walk through all that ever
    # were.
    .order_by(groups.c.first_due_at, groups.c.id),
)
# Not those with receivers that stand in somebody's code: only the process with that has them.
_CONVERSING = (
    select(conversations.c.receiver, conversations.c.integration)
    .where(IS_OPEN, ~conversations.c.group_key.startswith(OWN_ROUTE, autoescape=True))
    .distinct()
)
_with = (
    conversations.c.receiver == bindparam("of"),
    conversations.c.integration == bindparam("with"),
)
_END = update(conversations).where(IS_OPEN, *_with).values(ended=True, due_at=None)
_TAKE_UP = (
    update(conversations)
    .where(
        conversations.c.ended,
        *_with,
        conversations.c.group_id.in_(
            select(groups.c.id).where(IS_ACTIVE, groups.c.receiver == bindparam("of"))
        ),
    )
    .values(ended=False, due_at=bindparam("now"), dirty=conversations.c.dirty + 1)
)
_others = conversations.alias("others")
# Of what has such a conversation and no other that is open, and of which nothing fires.
_CLOSE_UNHEARD = (
    update(groups)
    .where(
        IS_ACTIVE,
        groups.c.id.in_(select(conversations.c.group_id).where(IS_OPEN, *_with)),
        ~exists().where(
            _others.c.group_id == groups.c.id,
            _others.c.ended.is_(False),
            _others.c.integration != bindparam("with"),
        ),
        ~exists().where(
            members.c.group_id == groups.c.id,
            incidents.c.id == members.c.incident_id,
            incidents.c.status == Status.FIRING.value,
        ),
    )
    .values(active=False)
)
_CLOSE = (
    update(groups).where(groups.c.id.in_(bindparam("ids", expanding=True))).values(active=False)
)
