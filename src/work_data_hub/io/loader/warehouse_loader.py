"""The warehouse: one database that holds the data tables, the ledger and the quarantine.

SQLite (embedded, WAL) or PostgreSQL. One writer at a time, whichever it is: a second one waits
its turn, so that what a transaction has read (who is newer, what is loaded) stays true until it
commits. Light to import: SQLAlchemy loads when a warehouse is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...locations import with_psycopg3
from ..errors import RowsRefusedByTable, WarehouseError
from .insert_sql import build_insert_sql, quoted, quoted_table

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

__all__ = ["Warehouse", "build_insert_sql", "quoted", "quoted_table"]

# How long a writer waits for the one before it. A file of 100,000 rows takes about a second.
WRITER_WAIT_S = 60
# How long to wait for a PostgreSQL that does not answer.
CONNECT_TIMEOUT_S = 5
# Names the lock that PostgreSQL's writers queue for; any number that nothing else here uses.
WRITER_LOCK = 0x77646801


class Warehouse:
    """An open warehouse. Connections are made and closed by each reading and writing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """The warehouse at an SQLAlchemy URL; nothing is touched before it is read or written.

        `postgresql://` is read as psycopg 3. Raises WarehouseError on a URL of another kind.
        """
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            parsed = make_url(with_psycopg3(url))
        except ArgumentError:
            raise WarehouseError("WDH_WAREHOUSE_URL is no database URL") from None
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise WarehouseError(
                f"the warehouse can be SQLite or PostgreSQL, not {parsed.get_backend_name()}"
            )
        if parsed.get_backend_name() == "postgresql" and parsed.get_driver_name() != "psycopg":
            raise WarehouseError("write the warehouse's URL as postgresql://, without a driver")
        return cls(_new_engine(parsed) if _in_memory(parsed) else _engine(parsed))

    @property
    def is_postgres(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @property
    def name(self) -> str:
        """For people: the file, or the address without its password."""
        url = self.engine.url
        return url.render_as_string() if self.is_postgres else str(url.database or "memory")

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """A connection to read by; None where there is no warehouse yet. Creates nothing.

        Raises WarehouseError when it cannot be reached or read.
        """
        with self._explained("read"):
            file = self._file()
            if file is not None and not file.exists():
                yield None
                return
            with self.engine.connect() as connection:
                if not self.is_postgres:
                    connection.exec_driver_sql("BEGIN")
                yield connection if self._has_table(connection, "wdh_quarantine") else None
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is the only writer; it commits when the block ends without error.

        Ledger, quarantine and totals are created when they are missing, also the folder of a
        SQLite file. Raises WarehouseError.
        """
        with self._explained("written"):
            self._make_folder()
            with self.engine.connect() as connection:
                if self.is_postgres:
                    _be_the_only_writer(connection)
                else:
                    _begin_on_sqlite(connection)
                # The newest table: a warehouse of an earlier version lacks it.
                if not self._has_table(connection, "wdh_totals"):
                    from .tables import metadata

                    metadata.create_all(connection)
                yield connection
                connection.commit()

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _file(self) -> Path | None:
        url = self.engine.url
        return None if self.is_postgres or _in_memory(url) else Path(str(url.database))

    def _has_table(self, connection: Connection, name: str) -> bool:
        from sqlalchemy import inspect

        return inspect(connection).has_table(name)

    def _make_folder(self) -> None:
        if (file := self._file()) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """Errors of the database and its drivers, as a sentence that says what to do."""
        from sqlalchemy.exc import DBAPIError

        driver: Any = self.engine.dialect.dbapi
        driver_error: type[Exception] = driver.Error
        try:
            yield
        except DBAPIError as err:
            raise self._error(verb, err.orig or err, driver) from err
        except driver_error as err:
            raise self._error(verb, err, driver) from err
        except OSError as err:
            raise WarehouseError(self._sentence(verb, err, driver)) from err

    def _error(self, verb: str, problem: BaseException, driver: Any) -> WarehouseError:
        sentence = self._sentence(verb, problem, driver)
        if isinstance(problem, driver.DataError | driver.IntegrityError):
            return RowsRefusedByTable(sentence, _first_line(problem))
        return WarehouseError(sentence)

    def _sentence(self, verb: str, problem: BaseException, driver: Any) -> str:
        if isinstance(problem, driver.DataError | driver.IntegrityError | driver.ProgrammingError):
            remedy = "compare the table with data_sources.yml"
        elif self.is_postgres:
            remedy = "check that the server runs and that WDH_WAREHOUSE_URL names it"
        else:
            remedy = "check that its folder can be written to and has room"
        return f"the warehouse {self.name} cannot be {verb}: {_first_line(problem)}; {remedy}"


def _first_line(problem: BaseException) -> str:
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return lines[0]


def _in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _new_engine(url: URL) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool, StaticPool

    if url.get_backend_name() == "postgresql":
        timeout = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT_S}
        return create_engine(url, poolclass=NullPool, connect_args=timeout)
    engine = create_engine(
        url,
        poolclass=StaticPool if _in_memory(url) else NullPool,
        connect_args={"timeout": WRITER_WAIT_S},
    )
    # The driver's own idea of when a transaction begins is turned off; see `writing`.
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
    event.listen(engine, "connect", _leave_transactions_to_us)
    return engine


# An engine keeps no connection open, but what it has learnt of the server and its statements,
# compiled. That is half of the time that a small file takes.
_engine = lru_cache(maxsize=8)(_new_engine)


def _be_the_only_writer(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WRITER_WAIT_S}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def _begin_on_sqlite(connection: Connection) -> None:
    from sqlalchemy.exc import OperationalError

    # Another process may be creating the database: this one statement does not wait for it, and
    # need not, for the mode stays with the file. What else is wrong shows with BEGIN.
    with suppress(OperationalError):
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    # The file may be gone from the landing folder when the machine comes back: a commit must last.
    connection.exec_driver_sql("PRAGMA synchronous=FULL")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
