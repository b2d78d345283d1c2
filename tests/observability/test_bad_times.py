"""Bad times, on a real instance under SQLite and under PostgreSQL, to what a receiver was told.

Each failure has a partition of its own, so a message of its own: what is lost, told twice or told
out of order shows. One thread delivers, so that the order in which things are handed out is the one
in which they arrive. Time is the test's; hours and weekends pass at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterEventType, DagsterInstance

from work_data_hub.alerting import AlertRouter, workers
from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.sink import Deadline, Status
from work_data_hub.alerting.testing import Receiver
from work_data_hub.observability.dagster_api import run_log
from work_data_hub.observability.feed import advance
from work_data_hub.observability.position import Position
from work_data_hub.observability.reconciler import Reconciler

from .dagster_runs import a_retry_of, create_run, failed_at, nightly, report, succeeded_at
from .dagster_storages import instance_on

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Of an hour of the test before it, nothing is left to tell.
_beginnings = (datetime(2024, 1, 1, tzinfo=UTC) + n * 10 * DAY for n in count())
ALERTS = """
route: {{receiver: team, group_by: [partition], group_wait: 0s, group_interval: 1s,
  repeat_interval: 30d}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}]}}]
"""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def instance(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DagsterInstance]:
    """One for all tests of a storage; each has its own store, and ten days of its own."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "sqlite":
        with instance_on(home) as made:
            yield made
        return
    from ..postgres_server import new_database

    server = request.getfixturevalue("postgres_server")
    with new_database(server) as url, instance_on(home, postgres=url) as made:
        yield made


@pytest.fixture(autouse=True)
def one_thread_delivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "THREADS_PER_INTEGRATION", 1)


class Alerting:
    """Feed, reconciler and dispatcher, each `turn` at the moment that the test says it is."""

    def __init__(self, instance: DagsterInstance, folder: Path, receiver: Receiver) -> None:
        self.instance = instance
        self.receiver = receiver
        self.now = next(_beginnings)
        path = folder / "alerts.yml"
        path.write_text(ALERTS.format(url=f"{receiver.address}/hook"))
        self.router = AlertRouter.from_file(
            path,
            f"sqlite:///{folder / 'alerts.db'}",
            clock=self._clock,
            database_clock=self._database_clock,
        )
        self.restart()

    def _clock(self) -> datetime:
        return self.now

    def _database_clock(self) -> float:
        return self.now.timestamp()

    def restart(self) -> None:
        """As another process, which remembers nothing."""
        self.reconciler = Reconciler()

    def feed(self, *, deadline_s: float = 60.0, **given: Any) -> bool:
        """Only the feed; whether more waits."""
        deadline = Deadline(deadline_s)
        return advance(self.instance, self.router, now=self.now, deadline=deadline, **given).behind

    def turn(self, *, after: timedelta = timedelta()) -> None:
        self.now += after
        self.feed()
        self.reconciler.turn(self.instance, self.router, now=self.now, deadline=Deadline(60))
        self.router.dispatch(until_idle=True)

    def fails(self, partition: str = "", *, at: datetime | None = None, **tags: str) -> str:
        """A run that failed for good, unless the tags say else; its id."""
        plain = {"dagster/partition": partition, "dagster/max_retries": "0"}
        return failed_at(self.instance, at or self.now, tags={**plain, **tags})

    def told(self, status: Status = Status.FIRING) -> list[str]:
        """The partitions in the order in which they were told of."""
        return [
            alert["labels"].get("partition", "")
            for request in self.receiver.requests
            for alert in request.json["alerts"]
            if alert["status"] == status
        ]

    @property
    def feeds_cursor(self) -> str:
        return f"feed:{run_log.storage_id(self.instance)}"

    def passes_over(self) -> None:
        """The feed goes past what is there, as when that was committed late under a lower id."""
        newest = Position(run_log.newest_event_id(self.instance), self.now)
        self.router.store.set_cursor(self.feeds_cursor, newest.to_text())


@pytest.fixture
def alerting(instance: DagsterInstance, tmp_path: Path) -> Iterator[Alerting]:
    with Receiver() as receiver:
        made = Alerting(instance, tmp_path, receiver)
        made.turn()
        yield made
        made.router.close()


def a_weekend(alerting: Alerting, failures: int) -> None:
    """Nothing of ours runs while so much fails; then all of it does."""
    friday = alerting.now
    for n in range(failures):
        alerting.fails(f"{n:03}", at=friday + n * (60 * HOUR / failures))
    alerting.now = friday + 61 * HOUR
    alerting.restart()
    alerting.turn()
    assert alerting.told() == [f"{n:03}" for n in range(failures)]


def test_a_weekend_without_any_of_it_is_told_on_monday_each_once(alerting: Alerting) -> None:
    a_weekend(alerting, failures=10)


def test_a_hundred_failures_of_a_weekend_are_told_each_once(tmp_path: Path) -> None:
    with DagsterInstance.ephemeral() as instance, Receiver() as receiver:
        alerting = Alerting(instance, tmp_path, receiver)
        alerting.turn()
        a_weekend(alerting, failures=100)
        alerting.router.close()


def test_a_publisher_that_raises_tells_all_of_it_at_the_next_tick(
    alerting: Alerting, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerting.fails("b")

    def raises(_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(alerting.router, "publish_all", raises)
        with pytest.raises(RuntimeError, match="a bug"):
            alerting.turn()
    alerting.fails("a")
    alerting.turn(after=30 * SECOND)
    assert alerting.told() == ["b", "a"]


def test_a_tick_past_its_deadline_leaves_the_rest_to_the_next(alerting: Alerting) -> None:
    for partition in "caebd":
        alerting.fails(partition)
    assert alerting.feed(deadline_s=0.0, batch=2)
    alerting.turn(after=MINUTE)
    assert alerting.told() == ["c", "a", "e", "b", "d"]


def test_the_store_down_for_a_minute_delays_and_loses_nothing(
    alerting: Alerting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away for a minute")

    with monkeypatch.context() as patched:
        patched.setattr(alerting.router.store.database, "write", away)
        patched.setattr(alerting.router.store.database, "read", away)
        for partition in "cab":
            alerting.fails(partition)
            with pytest.raises(StoreUnavailable):
                alerting.turn(after=20 * SECOND)
    alerting.turn()
    assert alerting.told() == ["c", "a", "b"]


@pytest.mark.parametrize("text", ["", "nan", '{"id": 7}'])
def test_a_cursor_deleted_or_garbage_costs_nothing(alerting: Alerting, text: str) -> None:
    alerting.fails("before")
    alerting.turn(after=MINUTE)
    alerting.fails("hours ago", at=alerting.now + HOUR)
    alerting.now += 5 * HOUR
    alerting.router.store.set_cursor(alerting.feeds_cursor, text)
    alerting.restart()
    alerting.turn()
    assert alerting.told() == ["before", "hours ago"]


def test_the_first_start_tells_of_the_last_hour_and_not_of_history(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    with Receiver() as receiver:
        alerting = Alerting(instance, tmp_path, receiver)
        alerting.fails("history", at=alerting.now - HOUR - MINUTE)
        alerting.fails("news", at=alerting.now - HOUR + MINUTE)
        alerting.turn()
        alerting.turn(after=MINUTE)
        assert alerting.told() == ["news"]
        alerting.router.close()


def test_a_new_instance_under_an_old_store_starts_afresh(
    alerting: Alerting, tmp_path: Path
) -> None:
    alerting.fails("old")
    alerting.turn()
    with DagsterInstance.ephemeral() as fresh:
        alerting.instance = fresh
        alerting.restart()
        alerting.fails("new")
        alerting.turn(after=MINUTE)
    assert alerting.told() == ["old", "new"]


def test_an_event_committed_late_under_a_lower_id_is_told_within_a_minute(
    alerting: Alerting,
) -> None:
    alerting.fails("late")
    alerting.passes_over()
    alerting.feed()
    assert alerting.told() == []
    alerting.turn(after=MINUTE)
    assert alerting.told() == ["late"]


def test_a_deleted_run_is_told_of_no_more_and_stops_nothing(alerting: Alerting) -> None:
    gone = alerting.fails("gone")
    alerting.instance.delete_run(gone)
    alerting.fails("there")
    alerting.turn(after=MINUTE)
    assert alerting.told() == ["there"]


def test_three_retries_are_one_page(alerting: Alerting) -> None:
    tags = {"dagster/max_retries": "3", "dagster/partition": "a"}
    first = latest = failed_at(alerting.instance, alerting.now, tags=tags)
    for number in (1, 2, 3):
        alerting.turn(after=20 * SECOND)
        assert alerting.told() == []
        given = a_retry_of(first)
        given["tags"] |= {**tags, "dagster/retry_number": str(number)}
        retry = create_run(alerting.instance, nightly, **given)
        alerting.instance.add_run_tags(latest, {"dagster/auto_retry_run_id": retry.run_id})
        alerting.turn(after=MINUTE)
        report(alerting.instance, retry, DagsterEventType.RUN_FAILURE, at=alerting.now)
        latest = retry.run_id
    alerting.turn(after=20 * SECOND)
    alerting.turn(after=HOUR)
    assert alerting.told() == ["a"]


def test_a_failure_whose_tag_is_missing_is_told_after_five_seconds(alerting: Alerting) -> None:
    created = create_run(alerting.instance, nightly, tags={"dagster/partition": "a"})
    report(alerting.instance, created, DagsterEventType.RUN_FAILURE, at=alerting.now)
    storage: Any = alerting.instance.run_storage
    run = alerting.instance.get_run_by_id(created.run_id)
    assert run is not None
    storage.add_run_tags(created.run_id, {"dagster/will_retry": ""})
    _take_tag_away(alerting.instance, created.run_id)
    alerting.turn(after=4 * SECOND)
    assert alerting.told() == []
    alerting.turn(after=SECOND)
    assert alerting.told() == ["a"]


def _take_tag_away(instance: DagsterInstance, run_id: str) -> None:
    """As on a Dagster that died between the event and the tag, which it writes after it."""
    import json

    from dagster._core.storage.runs.schema import RunsTable
    from sqlalchemy import select, update

    storage: Any = instance.run_storage
    with storage.connect() as connection:
        query = select(RunsTable.c.run_body).where(RunsTable.c.run_id == run_id)
        body = json.loads(connection.execute(query).scalar_one())
        del body["tags"]["dagster/will_retry"]
        changed = update(RunsTable).where(RunsTable.c.run_id == run_id)
        connection.execute(changed.values(run_body=json.dumps(body)))


def test_a_retry_that_never_comes_is_told_of_after_five_minutes(alerting: Alerting) -> None:
    tags = {"dagster/partition": "a", "dagster/max_retries": "1"}
    failed_at(alerting.instance, alerting.now, tags=tags)
    alerting.turn(after=5 * MINUTE - SECOND)
    assert alerting.told() == []
    alerting.turn(after=SECOND)
    assert alerting.told() == ["a"]


def test_a_recovery_while_nobody_looked_is_told_as_over(alerting: Alerting) -> None:
    alerting.fails("a")
    succeeded_at(alerting.instance, alerting.now + MINUTE, tags={"dagster/partition": "a"})
    alerting.restart()
    alerting.turn(after=3 * HOUR)
    assert alerting.told() == []
    assert alerting.told(Status.RESOLVED) == ["a"]
