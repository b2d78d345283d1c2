"""A router over a real store, its clock in the test's hands, its sinks recording ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from postgres_store import DatabaseClock, empty_store, postgres_store

from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.alerting.kind import Kind, SinkConfig
from work_data_hub.alerting.testing import RecordingSink

__all__ = ["empty_store", "postgres_store"]

ONE_RECEIVER = """
route:
  receiver: team
  group_by: [alertname, job]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
receivers:
  - name: team
    memory_configs:
      - sink: chat
"""


class MemoryConfig(SinkConfig):
    """sink: which of the scene's sinks it is."""

    sink: str


class Clock:
    """Stands still until it is moved. The database's clock, which leases go by, follows it."""

    def __init__(self) -> None:
        self.now = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class SharedClock(Clock):
    """Also PostgreSQL's."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.database = DatabaseClock(url)
        self.database.stand_at(self.seconds())

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self.database.stand_at(self.seconds())


class Scene:
    """Routers over one store, as several processes would have them, and what their sinks heard.

    postgres: the URL of an empty store; one on SQLite when not given.
    """

    def __init__(self, folder: Path, postgres: str | None = None) -> None:
        self.folder = folder
        self.url = postgres or f"sqlite:///{folder / 'alerts.db'}"
        self.clock = SharedClock(postgres) if postgres else Clock()
        self.sinks: dict[str, Any] = {"chat": RecordingSink()}
        self.kinds = {"memory": Kind("memory", MemoryConfig, self._build)}
        self._routers: list[AlertRouter] = []

    @property
    def chat(self) -> Any:
        return self.sinks["chat"]

    def router(self, text: str = ONE_RECEIVER, **options: Any) -> AlertRouter:
        path = self.folder / f"alerts{len(self._routers)}.yml"
        path.write_text(text, encoding="utf-8")
        given = {
            "clock": self.clock,
            "database_clock": self.clock.seconds,
            "environ": {},
            "kinds": self.kinds,
            "jitter": lambda: 1.0,
            "sleep": self.clock.advance,
        }
        router = AlertRouter.from_file(path, self.url, **{**given, **options})
        self._routers.append(router)
        return router

    def told(self, sink: str = "chat") -> list[str]:
        """The purposes of what a sink took, in order."""
        return [n.purpose.value for n in self.sinks[sink].delivered]

    def close(self) -> None:
        for router in self._routers:
            router.close()
        if isinstance(self.clock, SharedClock):
            self.clock.database.close()

    def _build(self, config: MemoryConfig, *, redact: Any, http: Any) -> Any:
        return self.sinks.setdefault(config.sink, RecordingSink())


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both_databases: run on SQLite and on PostgreSQL")
    config.addinivalue_line("markers", "sqlite: of SQLite's own, among those for both databases")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = {mark.name for mark in metafunc.definition.iter_markers()}
    if (
        "postgres" in metafunc.fixturenames
        and "both_databases" in marked
        and "sqlite" not in marked
    ):
        metafunc.parametrize("postgres", [False, True], ids=["sqlite", "postgres"], indirect=True)


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty PostgreSQL store; None in a test that is for SQLite."""
    if not getattr(request, "param", False):
        return None
    url: str = request.getfixturevalue("empty_store")
    return url


@pytest.fixture
def scene(tmp_path: Path, postgres: str | None) -> Iterator[Scene]:
    scene = Scene(tmp_path, postgres)
    yield scene
    scene.close()


@pytest.fixture
def router(scene: Scene) -> AlertRouter:
    return scene.router()


@pytest.fixture
def clock(scene: Scene) -> Clock:
    return scene.clock


def alert(name: str = "RunFailed", job: str = "daily", **more: Any) -> Alert:
    """An alert of a job. Labels by name; `at`, `key`, `error` for the rest."""
    at, key, error = more.pop("at", None), more.pop("key", None), more.pop("error", "boom")
    labels = {"alertname": name, "job": job, "severity": "critical", **more}
    return Alert(labels, {"error": error}, event_key=key, occurred_at=at)


@pytest.fixture(name="alert")
def _alert() -> Any:
    return alert
