"""Silences, kept. What they mean: ../silences.py."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from ..matchers import Matcher, Op
from ..silences import Silence
from ..timing import moment
from .tables import silences


def new_id() -> str:
    """Twelve hex digits: short enough to type, too many to meet twice."""
    return secrets.token_hex(6)


def add(connection: Connection, silence: Silence, *, now: float) -> None:
    connection.execute(
        silences.insert().values(
            id=silence.id,
            matchers=json.dumps([astuple(m) for m in silence.matchers], ensure_ascii=False),
            starts_at=silence.starts_at.timestamp(),
            ends_at=silence.ends_at.timestamp(),
            created_by=silence.created_by,
            comment=silence.comment,
            created_at=now,
        )
    )


def ending_after(connection: Connection, at: float | None = None) -> Sequence[Silence]:
    """Those in force at this time or later, by their beginning; all there are without a time."""
    query = select(silences).order_by(silences.c.starts_at, silences.c.id)
    if at is not None:
        query = query.where(silences.c.ends_at > at)
    return [_silence(row) for row in connection.execute(query)]


def expire(connection: Connection, silence: Silence, *, now: float) -> Silence | None:
    """Ends it now; gives what it has become. One that had not begun is gone: it held nothing."""
    at = silences.c.id == silence.id
    if silence.starts_at.timestamp() >= now:
        connection.execute(delete(silences).where(at))
        return None
    ended = replace(silence, ends_at=min(silence.ends_at, moment(now)))
    connection.execute(update(silences).where(at).values(ends_at=ended.ends_at.timestamp()))
    return ended


def forget(connection: Connection, *, before: float) -> int:
    """Deletes those that ended before this time; gives how many."""
    return connection.execute(delete(silences).where(silences.c.ends_at < before)).rowcount


@lru_cache(maxsize=1_000)  # dispatchers read the same ones many times a second
def _matchers(text: str) -> tuple[Matcher, ...]:
    return tuple(Matcher(name, Op(op), value) for name, op, value in json.loads(text))


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        id=row.id,
        matchers=_matchers(row.matchers),
        starts_at=moment(row.starts_at),
        ends_at=moment(row.ends_at),
        created_by=row.created_by,
        comment=row.comment,
    )
