"""Events that have a key: each counts once, however often it is published."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from ..alert import shortened
from .direct import first_of_each
from .tables import events
from .upsert import as_text, insert


def are_new(
    connection: Connection, found: Sequence[tuple[str | None, str | None]], *, now: float
) -> list[bool]:
    """Notes these (key, fingerprint of what fired); which were not there before.

    What has no key is new. fingerprint: None for a resolution.
    """
    keyed = [
        {"key": shortened(key), "at": now, "fingerprint": fingerprint}
        for key, fingerprint in found
        if key is not None
    ]
    noted = iter(first_of_each(connection, _EVENT, keyed))
    return [key is None or next(noted) is not None for key, _ in found]


_EVENT = as_text(insert(events).on_conflict_do_nothing().returning(events.c.at))
