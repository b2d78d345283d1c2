from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from src.work_data_hub.alerting.sink import Incident, Status

from .landing import LandingFolder

Query = Callable[[str], list[Any]]


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """WDH_STATE_DIR, where warehouse and alert store come to be."""
    path = tmp_path / "state"
    monkeypatch.setenv("WDH_STATE_DIR", str(path))
    monkeypatch.setenv("WDH_ALERTS_CONFIG", str(tmp_path / "no-alerts.yml"))
    return path


@pytest.fixture
def landing(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LandingFolder:
    path = tmp_path / "landing"
    path.mkdir()
    monkeypatch.setenv("WDH_DATA_BASE_DIR", str(path))
    return LandingFolder(path)


@pytest.fixture
def instance(state_dir: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def warehouse(state_dir: Path) -> Query:
    """Asks the SQLite warehouse."""

    def query(sql: str) -> list[Any]:
        with closing(sqlite3.connect(state_dir / "warehouse.db")) as connection:
            return connection.execute(sql).fetchall()

    return query


@pytest.fixture
def open_incidents(state_dir: Path) -> Callable[[], list[Incident]]:
    """Every open incident."""

    def read() -> list[Incident]:
        from src.work_data_hub.observability.local_router import local_router

        return local_router().store.incidents(status=Status.FIRING)

    return read


@pytest.fixture
def open_alerts(
    open_incidents: Callable[[], list[Incident]],
) -> Callable[[], set[tuple[str, str | None]]]:
    """(alertname, file) of every open incident."""
    return lambda: {(i.labels["alertname"], i.labels.get("file")) for i in open_incidents()}
