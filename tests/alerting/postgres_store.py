"""A store on a real PostgreSQL for the tests: emptied before each, its clock in the test's hands.

The router asks the database for the time by `clock_timestamp()`. A function of that name that is
found before PostgreSQL's own answers what the test wants.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.postgres_server import new_database

from work_data_hub.alerting.store.store import Store
from work_data_hub.alerting.store.tables import metadata

_CLOCK = """
CREATE TABLE IF NOT EXISTS test_clock (at double precision, rate double precision);
CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
    'SELECT to_timestamp(at + rate * extract(epoch FROM pg_catalog.clock_timestamp()))
     FROM public.test_clock';
"""
_EMPTY = "TRUNCATE {} RESTART IDENTITY".format(", ".join(metadata.tables))


class DatabaseClock:
    """What the database of this URL takes for the present."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(_CLOCK)
        self.run()

    def stand_at(self, seconds: float) -> None:
        self._set(seconds, 0.0)

    def run(self, *, rate: float = 1.0) -> None:
        """As fast as time passes, or faster, counted from 1970."""
        self._set(0.0, rate)

    def close(self) -> None:
        self._connection.close()

    def _set(self, at: float, rate: float) -> None:
        with self._connection.transaction():
            self._connection.execute("DELETE FROM test_clock")
            self._connection.execute("INSERT INTO test_clock VALUES (%s, %s)", (at, rate))


@pytest.fixture(scope="session")
def postgres_store(postgres_server: str) -> Iterator[str]:
    """The URL of a database with the router's tables, for all tests in turn."""
    with new_database(postgres_server) as url:
        found_first = "ALTER DATABASE {} SET search_path = public, pg_catalog"
        with psycopg.connect(url, autocommit=True) as connection:
            name = connection.info.dbname
            connection.execute(found_first.format(name))  # type: ignore[call-overload]
        yield url


@pytest.fixture
def empty_store(postgres_store: str) -> str:
    """The same, with nothing in it."""
    make_empty(postgres_store)
    return postgres_store


def make_empty(url: str) -> None:
    store = Store(url)
    store.get_cursor("")  # makes the tables that are missing
    store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_EMPTY)  # type: ignore[call-overload]
