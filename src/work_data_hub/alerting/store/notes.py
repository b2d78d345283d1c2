"""Small texts by name: cursors of the feeds that publish here."""

from __future__ import annotations

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from .tables import notes

_CURSOR = "cursor:"


def cursor(connection: Connection, name: str) -> str | None:
    return connection.execute(select(notes.c.value).where(notes.c.name == _CURSOR + name)).scalar()


def put_cursor(connection: Connection, name: str, value: str) -> None:
    row = insert(notes).values(name=_CURSOR + name, value=value)
    connection.execute(
        row.on_conflict_do_update(index_elements=[notes.c.name], set_={"value": value})
    )


def swap_cursor(connection: Connection, name: str, value: str, expected: str | None) -> bool:
    """Sets it where it is still `expected` (None: not there yet); False where it is not."""
    if expected is None:
        row = insert(notes).values(name=_CURSOR + name, value=value)
        return connection.execute(row.on_conflict_do_nothing()).rowcount == 1
    moved = update(notes).where(notes.c.name == _CURSOR + name, notes.c.value == expected)
    return connection.execute(moved.values(value=value)).rowcount == 1
