"""The database under the store: opened when first used, one short transaction at a time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Float, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ... import locations
from ..errors import StoreUnavailable
from .direct import driver_of
from .upgrade import is_current, make_tables

# The caller of publish() is a step of somebody's pipeline: it does not wait longer.
BUSY_TIMEOUT_S = 2.0
# How often a writer asks SQLite for its turn. By itself it would come to ask ten times a second
# only, and miss the moments between two transactions of a dispatcher that is at it for long.
ASK_EVERY_S = 0.001
_READS = "wdh_reads"


class database_now(FunctionElement[float]):  # noqa: N801 - SQLAlchemy's functions are named so
    """The database's own time, in seconds since the epoch."""

    type = Float(53)
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(_element: Any, _compiler: Any, **_: Any) -> str:
    return "database_now()"  # see Database: the clock it was given


@compiles(database_now, "postgresql")
def _postgres_now(_element: Any, _compiler: Any, **_: Any) -> str:
    # Not now(), which is the moment the transaction began: it may have waited for its turn.
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class Database:
    """Transactions on the router's tables, which are made when missing. SQLite or PostgreSQL.

    Whatever the driver raises comes out as StoreUnavailable. Safe for threads.
    database_clock: what SQLite's clock is, for leases; they expire by it in every process of the
    machine alike. One that is never set: a step of the wall clock would end them, or keep them.
    """

    def __init__(self, url: str, *, database_clock: Callable[[], float] = time.monotonic) -> None:
        self._url = make_url(locations.with_psycopg3(url))
        self._clock = database_clock
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        # One that is open and in nobody's hands: the pool's way there and back is long.
        self._spare: deque[Connection] = deque()

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        kept = {key: self._url.query[key] for key in ("host", "port") if key in self._url.query}
        return self._url.set(query=kept).render_as_string(hide_password=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other writer overlaps; it is on disk when this returns."""
        with self._unavailable():
            engine = self._opened()
            if self._is_postgres:  # there the pool looks whether the server is still there
                with engine.begin() as connection:
                    yield connection
                return
            connection = self._writer(engine)
            driver = driver_of(connection)
            try:
                # SQLAlchemy's own begin and commit cost more than SQLite's.
                _begin_to_write(driver)
                yield connection
                (connection if connection.in_transaction() else driver).commit()
            except BaseException:
                (connection if connection.in_transaction() else driver).rollback()
                connection.close()
                raise
            if self._spare:
                connection.close()
            else:
                self._spare.append(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view that holds up no writer."""
        with self._unavailable(), self._opened().connect() as connection:
            yield connection.execution_options(**{_READS: True})

    def exists(self) -> bool:
        """False for a SQLite file that nobody has made yet; nothing is opened."""
        path = _sqlite_path(self._url)
        return path is None or path.exists()

    def close(self) -> None:
        with self._opening:
            while self._spare:
                self._spare.pop().close()
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    def _writer(self, engine: Engine) -> Connection:
        try:
            return self._spare.pop()
        except IndexError:
            return engine.connect()

    def _opened(self) -> Engine:
        if self._engine is None:
            if not self._opening.acquire(timeout=BUSY_TIMEOUT_S):
                raise StoreUnavailable(f"{self.name}: it does not answer another thread either")
            try:
                if self._engine is None:
                    self._engine = self._open()
            finally:
                self._opening.release()
        return self._engine

    def _open(self) -> Engine:
        engine = self._postgres() if self._is_postgres else self._sqlite()
        event.listen(engine, "begin", self._begin)
        try:
            with engine.connect().execution_options(**{_READS: True}) as connection:
                makes_tables = not is_current(connection)
            if makes_tables:
                with engine.begin() as connection:
                    make_tables(connection)
        except BaseException:
            engine.dispose()
            raise
        return engine

    @property
    def _is_postgres(self) -> bool:
        return self._url.drivername == "postgresql+psycopg"

    def _postgres(self) -> Engine:
        try:
            from .postgres import engine_for
        except ImportError as err:
            raise StoreUnavailable(
                f"{self.name}: no driver for PostgreSQL; pip install 'work-data-hub[postgres]'"
            ) from err
        return engine_for(self._url, timeout_s=BUSY_TIMEOUT_S)

    def _sqlite(self) -> Engine:
        path = _sqlite_path(self._url)
        if path is None:
            raise StoreUnavailable(
                f"{self.name}: a store is sqlite:///FILE or postgresql://USER@HOST/DATABASE"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            self._url,
            connect_args={"timeout": BUSY_TIMEOUT_S},
            pool_timeout=BUSY_TIMEOUT_S,
            hide_parameters=True,  # they hold the error texts of other people's programs
        )
        event.listen(engine, "connect", self._prepare)
        return engine

    def _begin(self, connection: Connection) -> None:
        reads = bool(connection.get_execution_options().get(_READS))
        if self._is_postgres:
            from .postgres import begin

            begin(connection, reads=reads, timeout_s=BUSY_TIMEOUT_S)
        elif reads:
            driver_of(connection).execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000:.0f}")
            driver_of(connection).execute("BEGIN")
        elif not driver_of(connection).in_transaction:  # `write` has begun it
            _begin_to_write(driver_of(connection))

    def _prepare(self, connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # `_begin` opens transactions, not pysqlite
        connection.create_function("database_now", 0, self._clock)
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: what publish() returned survives a power cut. https://sqlite.org/pragma.html#pragma_synchronous
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def _unavailable(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as err:
            if self._is_postgres:
                raise self._postgres_failed(err.orig or err) from None
            raise StoreUnavailable(f"{self.name}: {_advised(str(err.orig))}") from err
        except sqlite3.Error as err:
            raise StoreUnavailable(f"{self.name}: {_advised(str(err))}") from err
        except PoolTimeout:
            raise StoreUnavailable(f"{self.name}: too many threads write at once") from None
        except OSError as err:
            raise StoreUnavailable(f"{self.name}: {err.strerror or err}") from err
        except Exception as err:
            if self._is_postgres and _is_psycopgs(err):
                raise self._postgres_failed(err) from None
            raise

    def _postgres_failed(self, err: BaseException) -> StoreUnavailable:
        """Without the error itself: it quotes rows, and what was wrong with the URL."""
        from .postgres import problem_of

        problem = problem_of(err)
        if password := self._url.password:
            problem = problem.replace(str(password), "***")
        return StoreUnavailable(f"{self.name}: {problem}")


def _begin_to_write(driver: sqlite3.Connection) -> None:
    """IMMEDIATE: a writer that began as a reader would be refused where it should wait."""
    driver.execute("PRAGMA busy_timeout=0")
    given_up_at = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as err:
            is_busy = err.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > given_up_at:
                raise
        time.sleep(ASK_EVERY_S)


def _is_psycopgs(err: Exception) -> bool:
    import psycopg

    return isinstance(err, psycopg.Error)


def _sqlite_path(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


# What to do about what SQLite says. https://sqlite.org/rescode.html
_ADVICE = {
    "database is locked": f"another process has been writing for {BUSY_TIMEOUT_S:g} s",
    "readonly database": "let this user write the file and its directory",
    "unable to open database file": "let this user write its directory",
    "disk is full": "make room on its disk",
    "disk I/O error": "look at its disk",
    "not a database": "move it away, and a new one is made",
    "malformed": "move it away, and a new one is made",
}


def _advised(problem: str) -> str:
    advice = next((todo for said, todo in _ADVICE.items() if said in problem), None)
    return f"{problem} ({advice})" if advice else problem
