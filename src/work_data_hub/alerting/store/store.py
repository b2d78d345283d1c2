"""The store as others than the router see it: what is open, what was told, cursors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ..matchers import Matcher
from ..sink import Incident, Status
from . import health, history, incidents, notes, reading, totals
from .database import Database
from .health import Count
from .history import Attempt, DeadLetter
from .reading import Reading
from .totals import Tally


class _NotGiven:
    pass


_NOT_GIVEN: Final = _NotGiven()


class Store:
    """Everything the router remembers, in one database that all its processes share.

    SQLite's file is made when first written to; reading before that finds nothing and makes
    nothing. In a PostgreSQL database, which must be there, tables are made at the first use.
    Every method raises StoreUnavailable when the database does not answer within two seconds.
    """

    def __init__(self, url: str, *, database_clock: Callable[[], float] = time.monotonic) -> None:
        self.database = Database(url, database_clock=database_clock)

    def incidents(
        self,
        *,
        status: Status | None = None,
        fingerprint: str | None = None,
        alertname: str | None = None,
        matchers: Sequence[Matcher] = (),
        limit: int | None = None,
    ) -> list[Incident]:
        """Incidents, the newest first: all that match, or so many of these."""
        if not self.database.exists():
            return []
        with self.database.read() as connection:
            return incidents.listed(
                connection,
                status=status,
                fingerprint=fingerprint,
                alertname=alertname,
                matchers=matchers,
                limit=limit,
            )

    def attempts(self, fingerprint: str) -> list[Attempt]:
        """What this incident's receivers were told, and what failed; the oldest first."""
        if not self.database.exists():
            return []
        with self.database.read() as connection:
            return history.attempts_for(connection, fingerprint)

    def dead_letters(self, *, limit: int = 1_000) -> list[DeadLetter]:
        """What was given up, the newest first."""
        if not self.database.exists():
            return []
        with self.database.read() as connection:
            return history.buried(connection, limit=limit)

    def parked(self) -> list[tuple[str, str]]:
        """The (receiver, integration) whose credentials were refused."""
        if not self.database.exists():
            return []
        with self.database.read() as connection:
            found = health.all_health(connection)
        return sorted(name for name, state in found.items() if state.parked)

    def counters(self) -> Mapping[Count, int]:
        """Deliveries, failures, duplicates: over all processes and restarts."""
        if not self.database.exists():
            return {}
        with self.database.read() as connection:
            return health.counted(connection)

    def reading(self, *, now: float) -> Reading:
        """What is open, due, given up and counted, in numbers. now: seconds since the epoch."""
        if not self.database.exists():
            return Reading()
        with self.database.read() as connection:
            return reading.read(connection, now=now)

    def get_cursor(self, name: str) -> str | None:
        """The text that `set_cursor` left under this name."""
        if not self.database.exists():
            return None
        with self.database.read() as connection:
            return notes.cursor(connection, name)

    def set_cursor(
        self, name: str, value: str, *, expected: str | _NotGiven | None = _NOT_GIVEN
    ) -> bool:
        """Keeps a small text. With `expected` (None: not there yet) only where that still holds.

        False where it does not: another process was faster, nothing was changed.
        """
        with self.database.write() as connection:
            if isinstance(expected, _NotGiven):
                notes.put_cursor(connection, name, value)
                return True
            return notes.swap_cursor(connection, name, value, expected)

    def add_up(
        self,
        added: Tally,
        *,
        most: Mapping[str, int],
        cursor: str | None = None,
        value: str = "",
        expected: str | None = None,
    ) -> bool:
        """Adds to the totals and moves the cursor of whoever counts, in one transaction.

        False, and nothing is added, where the cursor is not `expected` (None: not there yet).
        most: of each name, how many have totals of their own; the rest are `other`.
        """
        with self.database.write() as connection:
            if cursor is not None and not notes.swap_cursor(connection, cursor, value, expected):
                return False
            totals.add(connection, added, most=most)
            return True

    def totals(self) -> Tally:
        """All that `add_up` ever added."""
        if not self.database.exists():
            return Tally()
        with self.database.read() as connection:
            return totals.read(connection)

    def close(self) -> None:
        """Lets go of the database's connections; the next use opens it again."""
        self.database.close()
