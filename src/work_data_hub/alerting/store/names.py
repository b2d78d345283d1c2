"""Abbreviated names: a fingerprint, a silence's id, by as much of it as tells it from others."""

from __future__ import annotations

from sqlalchemy import Column, Connection, select

from ..errors import NotFound
from .tables import incidents, silences

_SHOWN = 5


class NotHexadecimal(NotFound):
    """It cannot be the name of any."""


def fingerprint(connection: Connection, given: str) -> str:
    """The one that begins so. Raises NotFound."""
    return _the_one(connection, incidents.c.fingerprint, given, "incident")


def silence_id(connection: Connection, given: str) -> str:
    """The one that begins so. Raises NotFound."""
    return _the_one(connection, silences.c.id, given, "silence")


def _the_one(connection: Connection, column: Column[str], given: str, what: str) -> str:
    wanted = given.strip().lower()
    if not wanted or not set(wanted) <= set("0123456789abcdef"):
        raise NotHexadecimal(f"{given!r} names no {what}: those names are hexadecimal digits")
    # `g` comes after the last hexadecimal digit.
    query = select(column).where(column >= wanted, column < f"{wanted}g").distinct()
    found = connection.execute(query.order_by(column).limit(_SHOWN + 1)).scalars().all()
    if not found:
        raise NotFound(f"no {what} is called {given}")
    if len(found) > 1:
        more = ", ..." if len(found) > _SHOWN else ""
        named = ", ".join(found[:_SHOWN])
        raise NotFound(f"{given} may be any of {named}{more}; give more of it")
    return found[0]
