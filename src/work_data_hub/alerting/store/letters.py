"""Dead letters in an operator's hands: told after all, or dropped."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from .. import troubles
from ..errors import NotFound
from ..telling import told_from_text, told_to_text
from . import actions, resolving
from .actions import Kind
from .health import Name
from .history import DeadLetter, buried
from .tables import conversations, dead_letters, deliveries, members
from .tables import incidents as incidents_table


def chosen(connection: Connection, ids: Sequence[int]) -> list[DeadLetter]:
    """Those with these ids, in order; every one without ids. Raises NotFound for one not there."""
    found = {letter.id: letter for letter in buried(connection, ids=ids or None, limit=None)}
    if missing := [id_ for id_ in ids if id_ not in found]:
        raise NotFound(f"no dead letter is called {', '.join(map(str, missing))}")
    return [found[id_] for id_ in sorted(found)]


def replay(
    connection: Connection,
    letters: Sequence[DeadLetter],
    *,
    known: Collection[Name],
    by: str,
    now: float,
) -> None:
    """Lets the conversations tell what was given up, as it is by now, with the next dispatch.

    known: the (receiver, integration) that alerts.yml has; nobody could tell the others: NotFound.
    """
    for letter in letters:
        if letter.name not in known:
            raise NotFound(
                f"dead letter {letter.id} is for {letter.integration} of receiver"
                f" {letter.receiver}, which alerts.yml does not have, or has switched off;"
                " put it back, or drop the letter"
            )
        _tell_again(connection, letter, now=now)
    _take_out(connection, letters, Kind.REPLAYED, by=by, now=now)


def drop(connection: Connection, letters: Sequence[DeadLetter], *, by: str, now: float) -> None:
    """Deletes them; what they said is told to nobody."""
    _take_out(connection, letters, Kind.DROPPED, by=by, now=now)


def _tell_again(connection: Connection, letter: DeadLetter, *, now: float) -> None:
    at = conversations.c.id == letter.conversation_id
    told = connection.execute(select(conversations.c.told).where(at)).scalar_one()
    last = select(deliveries.c.key).where(deliveries.c.conversation_id == letter.conversation_id)
    last = last.order_by(deliveries.c.id.desc()).limit(1)
    is_last = connection.execute(last).scalar() == json.loads(letter.notification)["key"]
    given_up = _fingerprints(letter)
    left = {name: said for name, said in told_from_text(told).items() if name not in given_up}
    connection.execute(
        update(conversations)
        .where(at)
        .values(
            told=told_to_text(left),
            ended=False,
            due_at=now,
            not_before=0.0,
            attempts=0,
            failing_since=None,
            dirty=conversations.c.dirty + 1,
            # Nothing was said since: to say the same is one more attempt, under the same key, and
            # who had it is not told again.
            sequence=conversations.c.sequence - int(is_last),
            # Whoever is telling something else of it just now would record the old state.
            lease_token=conversations.c.lease_token + 1,
            lease_until=0.0,
        )
    )


def _take_out(
    connection: Connection, letters: Sequence[DeadLetter], kind: Kind, *, by: str, now: float
) -> None:
    for letter in letters:
        for row in _told_of(connection, letter):
            about = f"dead letter {letter.id}, {letter.integration} of receiver {letter.receiver}"
            actions.note(connection, row.id, kind, by=by, comment=about, at=now)
    connection.execute(
        delete(dead_letters).where(dead_letters.c.id.in_([letter.id for letter in letters]))
    )
    left = set(
        connection.execute(select(dead_letters.c.receiver, dead_letters.c.integration)).all()
    )
    for name in {letter.name for letter in letters} - {(row[0], row[1]) for row in left}:
        labels = troubles.labels_of(troubles.DEAD_LETTERS, name)
        resolving.resolve(connection, labels, at=None, event_key=None, now=now)


def _told_of(connection: Connection, letter: DeadLetter) -> Sequence[Row[Any]]:
    """The incidents of the letter's episode that it was to tell of."""
    query = (
        select(incidents_table.c.id)
        .join(members, members.c.incident_id == incidents_table.c.id)
        .join(conversations, conversations.c.group_id == members.c.group_id)
        .where(
            conversations.c.id == letter.conversation_id,
            incidents_table.c.fingerprint.in_(_fingerprints(letter)),
        )
    )
    return connection.execute(query).all()


def _fingerprints(letter: DeadLetter) -> set[str]:
    return {incident["fingerprint"] for incident in json.loads(letter.notification)["incidents"]}
