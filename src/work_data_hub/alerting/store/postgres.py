"""PostgreSQL under the store, by psycopg 3: every wait for it ends, and writers take turns.

The limits hold whatever has become of the server: it gives up on a lock or a statement by itself,
and where it does not answer at all (stopped, cut off) the connection gives up on it.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError

# Transactions on the store's tables are the only ones that take this lock: "WDH alerts" in ASCII.
WRITERS_LOCK = 0x57_44_48_61_6C_65_72_74
# Whoever stands still in the middle of a transaction holds up all the others no longer than this.
_IDLE_WRITER_S = 5.0
# A lock that is held says so, rather than that a statement was slow.
_LOCK_SHARE = 0.95
# The server's own limit comes first and says more.
_SILENCE_SHARE = 1.25


def engine_for(url: URL, *, timeout_s: float) -> Engine:
    """An engine that waits for the server so long: for a connection, a lock, a statement."""
    engine = create_engine(
        url,
        pool_timeout=timeout_s,
        hide_parameters=True,  # they hold the error texts of other people's programs
        use_native_hstore=False,  # saves a question at each process's first connection
    )
    silence_s = timeout_s * _SILENCE_SHARE

    def connect(_dialect: Any, _record: Any, given: list[Any], named: dict[str, Any]) -> Any:
        waits = {"connect_timeout": round(timeout_s), **named}
        # `begin` opens transactions, in the same breath as it takes the lock.
        connection = _Impatient.connect(*given, **waits, autocommit=True)
        connection.silence_s = silence_s
        connection.adapters.register_dumper(str, _WithoutNul)
        return connection

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", _remember_process)
    event.listen(engine, "checkout", _refuse_dead)
    return engine


def begin(connection: Connection, *, reads: bool, timeout_s: float) -> None:
    """Opens a transaction in one exchange with the server.

    A writer waits here until no other writes: publishing, routing, claiming see what those before
    them did, as on SQLite. A reader sees one moment, and waits for nobody.
    """
    kind = "REPEATABLE READ READ ONLY" if reads else "READ COMMITTED"
    limits = {
        "statement_timeout": timeout_s,
        "lock_timeout": timeout_s * _LOCK_SHARE,
        "idle_in_transaction_session_timeout": _IDLE_WRITER_S,
    }
    said = [f"BEGIN ISOLATION LEVEL {kind}"]
    said += [f"SET LOCAL {name} = {round(limit_s * 1000)}" for name, limit_s in limits.items()]
    if not reads:
        said.append(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        driver.execute("; ".join(said), prepare=False)
    except psycopg.Error:
        if driver.closed:
            connection.invalidate()
        raise


def first_of_each(
    connection: Connection, statement: str, rows: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, ...] | None]:
    """What the statement gives for each of these rows, all sent before the first answer is read."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    found: list[tuple[Any, ...] | None] = []
    try:
        with driver.cursor() as cursor:
            cursor.executemany(statement, rows, returning=True)
            for _ in rows:
                found.append(cursor.fetchone())
                cursor.nextset()
    except psycopg.Error:
        if driver.closed:
            connection.invalidate()
        raise
    return found


def problem_of(error: BaseException) -> str:
    """What went wrong, in a line, with what to do. Details are left out: they quote values."""
    diag = error.diag if isinstance(error, psycopg.Error) else None
    if diag is None or diag.message_primary is None:
        return " ".join(str(error).split())
    advice = _ADVICE.get(diag.sqlstate or "")
    return f"{diag.message_primary} ({advice})" if advice else diag.message_primary


# By https://www.postgresql.org/docs/current/errcodes-appendix.html
_ADVICE = {
    "55P03": "another process has been writing for too long",
    "57014": "the server is too slow, or a table is locked",
    "25006": "WDH_ALERTS_URL leads to a standby: name the primary",
    "42501": "let this user create and write tables in the database",
    "53100": "make room on the server's disk",
}


class _Impatient(psycopg.Connection[Any]):
    """Gives up, and closes itself, when the server says nothing for so long."""

    silence_s: float

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **named: Any) -> Any:
        return super().wait(self._within(gen), *args, **named)

    def _within(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The driver's exchange with the server; asked some ten times a second while silent."""
        ends_at = time.monotonic() + self.silence_s
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > ends_at:
                    self.close()
                    raise psycopg.OperationalError(
                        f"the server has not answered for {self.silence_s:g} s"
                    )
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value


class _WithoutNul(StrDumperUnknown):
    """PostgreSQL's texts hold every character but this one."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def _remember_process(_driver: Any, record: Any) -> None:
    record.info["process"] = os.getpid()


def _refuse_dead(driver: psycopg.Connection[Any], record: Any, fairy: Any) -> None:
    """An idle connection with something to read has been told goodbye: the pool makes another.

    So a server that was started again is no error, and no question is spent on it. A connection
    that was open when the process forked is its parent's.
    """
    if record.info["process"] != os.getpid():
        record.dbapi_connection = fairy.dbapi_connection = None
        raise DisconnectionError("this connection belongs to another process")
    with selectors.DefaultSelector() as ready:
        ready.register(driver.fileno(), selectors.EVENT_READ)
        if ready.select(timeout=0):
            raise DisconnectionError("the server has closed this connection")
