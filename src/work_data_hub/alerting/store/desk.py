"""What an operator does by hand: silences, acknowledgements, resolutions, dead letters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select

from ..config import AlertsConfig
from ..errors import NotFound
from ..held_back import Hush
from ..silences import Silence
from ..sink import Incident, Status
from . import actions, incidents, letters, names, resolving, silences
from .actions import Action, Kind
from .database import Database
from .health import Name
from .history import DeadLetter
from .hush import hush
from .tables import IS_FIRING
from .tables import incidents as table
from .trace import Event, Trace, find


class Desk:
    """Acts on the store. Fingerprints and ids of silences may be abbreviated.

    Each method is one transaction, raises NotFound for a name that fits nothing or several things,
    and StoreUnavailable. `at` is the present.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def incident(self, fingerprint: str) -> Incident:
        """The open incident of this fingerprint, else the last one there was."""
        with self._read() as connection:
            return _latest(connection, names.fingerprint(connection, fingerprint))

    def actions(self, fingerprint: str) -> list[Action]:
        """What was done to its incidents, in order."""
        with self._read() as connection:
            return actions.of_fingerprint(connection, names.fingerprint(connection, fingerprint))

    def acknowledge(
        self, fingerprint: str, *, by: str, comment: str = "", at: datetime
    ) -> Incident:
        """No reminders of it until it is resolved, gets graver, or this is taken back."""
        return self._act(fingerprint, Kind.ACKNOWLEDGED, by=by, comment=comment, at=at)

    def withdraw(self, fingerprint: str, *, by: str, comment: str = "", at: datetime) -> Incident:
        """Takes its acknowledgement back."""
        return self._act(fingerprint, Kind.WITHDRAWN, by=by, comment=comment, at=at)

    def resolve(self, fingerprint: str, *, by: str, comment: str = "", at: datetime) -> Incident:
        """Closes it. What fires again afterwards is a new incident."""
        return self._act(fingerprint, Kind.RESOLVED, by=by, comment=comment, at=at)

    def silences(self, *, at: datetime | None = None) -> Sequence[Silence]:
        """Those that hold something back at this time or later; all there are without a time."""
        if not self._database.exists():
            return []
        with self._database.read() as connection:
            return silences.ending_after(connection, None if at is None else at.timestamp())

    def add_silence(self, silence: Silence, *, at: datetime) -> Silence:
        """Keeps it, under a new id."""
        named = replace(silence, id=silences.new_id())
        with self._database.write() as connection:
            silences.add(connection, named, now=at.timestamp())
        return named

    def expire_silence(self, id_: str, *, at: datetime) -> str:
        """Ends it now; gives its whole id. One that has not begun is deleted."""
        with self._write() as connection:
            whole = names.silence_id(connection, id_)
            (silence,) = (s for s in silences.ending_after(connection) if s.id == whole)
            if silence.ends_at <= at:
                raise NotFound(f"silence {whole} ended already")
            silences.expire(connection, silence, now=at.timestamp())
        return whole

    def dead_letters(self, ids: Sequence[int] = ()) -> list[DeadLetter]:
        """Those with these ids; every one without ids."""
        if not self._database.exists() and not ids:
            return []
        with self._read() as connection:
            return letters.chosen(connection, ids)

    def replay(
        self, ids: Sequence[int], *, known: Collection[Name], by: str, at: datetime
    ) -> list[DeadLetter]:
        """Has them told after all, as things are then; every one without ids.

        known: the (receiver, integration) of alerts.yml.
        """
        with self._write() as connection:
            found = letters.chosen(connection, ids)
            letters.replay(connection, found, known=known, by=by, now=at.timestamp())
        return found

    def drop(self, ids: Sequence[int], *, by: str, at: datetime) -> list[DeadLetter]:
        """Deletes them; every one without ids."""
        with self._write() as connection:
            found = letters.chosen(connection, ids)
            letters.drop(connection, found, by=by, now=at.timestamp())
        return found

    def trace(self, name: str, config: AlertsConfig, *, at: datetime) -> tuple[Trace | Event, Hush]:
        """What is known of an incident, by fingerprint or event key, and what holds back now."""
        with self._read() as connection:
            return find(connection, name), hush(connection, config, now=at.timestamp())

    def _act(
        self, fingerprint: str, kind: Kind, *, by: str, comment: str, at: datetime
    ) -> Incident:
        now = at.timestamp()
        with self._write() as connection:
            name = names.fingerprint(connection, fingerprint)
            query = select(table.c.id).where(IS_FIRING, table.c.fingerprint == name)
            id_ = connection.execute(query).scalar()
            if id_ is None:
                raise NotFound(f"incident {name} is over already")
            is_acknowledged = _latest(connection, name).acknowledged is not None
            if kind is Kind.WITHDRAWN and not is_acknowledged:
                raise NotFound(f"incident {name} is not acknowledged")
            actions.note(connection, id_, kind, by=by, comment=comment, at=now)
            if kind is Kind.RESOLVED:
                resolving.resolve_one(connection, id_, now=now)
            else:
                actions.show_again(connection, id_)
            return _latest(connection, name)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        self._must_exist()
        with self._database.read() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        self._must_exist()
        with self._database.write() as connection:
            yield connection

    def _must_exist(self) -> None:
        if not self._database.exists():
            raise NotFound(f"nothing has been published yet: there is no {self._database.name}")


def _latest(connection: Connection, fingerprint: str) -> Incident:
    found = incidents.listed(connection, fingerprint=fingerprint)
    return next((incident for incident in found if incident.status is Status.FIRING), found[0])
