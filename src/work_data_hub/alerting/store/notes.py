"""Small texts by name: cursors of the feeds that publish here."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from .tables import notes
from .upsert import as_text, insert

_CURSOR = "cursor:"


def cursor(connection: Connection, name: str) -> str | None:
    return connection.execute(select(notes.c.value).where(notes.c.name == _CURSOR + name)).scalar()


def put_cursor(connection: Connection, name: str, value: str) -> None:
    put(connection, _CURSOR + name, value)


def put(connection: Connection, name: str, value: str) -> None:
    """Keeps the text under exactly this name, in the place of the one that was there."""
    connection.execute(_PUT, {"name": name, "value": value})


def swap_cursor(connection: Connection, name: str, value: str, expected: str | None) -> bool:
    """Sets it where it is still `expected` (None: not there yet); False where it is not."""
    if expected is None:
        row = {"name": _CURSOR + name, "value": value}
        return connection.execute(_PUT_FIRST, row).rowcount == 1
    moved = update(notes).where(notes.c.name == _CURSOR + name, notes.c.value == expected)
    return connection.execute(moved.values(value=value)).rowcount == 1


_new = insert(notes)
_PUT_FIRST = as_text(_new.on_conflict_do_nothing())
_PUT = as_text(
    _new.on_conflict_do_update(index_elements=[notes.c.name], set_={"value": _new.excluded.value})
)
