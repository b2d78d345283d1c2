"""What the store keeps: incidents, event keys, resolutions, cursors; and its bad times."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import ONE_RECEIVER
from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.matchers import parse_one
from work_data_hub.alerting.sink import Status
from work_data_hub.alerting.store.database import BUSY_TIMEOUT_S, Database
from work_data_hub.alerting.store.store import Store

pytestmark = pytest.mark.both_databases


def test_the_same_event_published_twice_is_one(router: Any, alert: Any) -> None:
    assert router.publish(alert(key="run_failed:1")) == "opened"
    assert router.publish(alert(key="run_failed:1")) == "repeated"
    (incident,) = router.store.incidents()
    assert incident.event_count == 1


def test_the_same_event_from_another_process_is_one(scene: Any, alert: Any) -> None:
    outcomes = [scene.router().publish(alert(key="run_failed:1")) for _ in range(3)]
    assert outcomes == ["opened", "repeated", "repeated"]


def test_a_further_firing_updates_its_open_incident(scene: Any, router: Any, alert: Any) -> None:
    router.publish(alert(error="first", severity="warning"))
    started = scene.clock.now
    scene.clock.advance(60)
    assert router.publish(alert(error="second")) == "updated"
    (incident,) = router.store.incidents()
    assert (incident.event_count, incident.severity) == (2, "critical")
    assert incident.annotations == {"error": "second"}
    assert (incident.started_at, incident.updated_at) == (started, scene.clock.now)


def test_an_older_event_that_comes_later_counts_but_says_nothing_new(
    scene: Any, router: Any, alert: Any
) -> None:
    earlier = scene.clock.now - timedelta(minutes=5)
    router.publish(alert(error="new", at=scene.clock.now))
    router.publish(alert(error="old", severity="info", at=earlier))
    (incident,) = router.store.incidents()
    assert (incident.event_count, incident.severity) == (2, "critical")
    assert incident.annotations == {"error": "new"}
    assert incident.started_at == earlier


def test_resolve_closes_every_open_incident_that_carries_the_labels(
    router: Any, alert: Any
) -> None:
    router.publish_all([alert(step="a"), alert(step="b"), alert("StepFailed"), alert(job="x")])
    assert router.resolve({"alertname": "RunFailed", "job": "daily"}) == 2
    assert router.resolve({"job": "daily"}) == 1
    assert router.resolve({"job": "daily"}) == 0
    firing = router.store.incidents(status=Status.FIRING)
    assert [i.labels["job"] for i in firing] == ["x"]


def test_an_empty_label_is_carried_by_what_does_not_have_it(router: Any, alert: Any) -> None:
    router.publish_all([alert(), alert(partition="2024-11-01"), alert(job="x", partition="")])
    assert router.resolve({"alertname": "RunFailed", "partition": ""}) == 2
    (left,) = router.store.incidents(status=Status.FIRING)
    assert left.labels["partition"] == "2024-11-01"


def test_a_resolution_without_partition_ends_no_late_alert_of_one(
    scene: Any, router: Any, alert: Any
) -> None:
    failed = scene.clock.now
    scene.clock.advance(600)
    router.resolve({"alertname": "RunFailed", "job": "daily", "partition": ""})
    assert router.publish(alert(partition="2024-11-01", at=failed)) == "opened"
    assert router.publish(alert(at=failed)) == "already_over"


def test_many_resolutions_close_as_one_by_one(scene: Any, router: Any, alert: Any) -> None:
    router.publish_all(alert(job=f"job{i}") for i in range(3))
    scene.clock.advance(1)
    at = scene.clock.now
    assert router.resolve_all(({"job": f"job{i}"}, at) for i in range(600)) == 3


def test_what_is_published_and_resolved_at_one_moment_is_over(
    scene: Any, router: Any, alert: Any
) -> None:
    at = scene.clock.now
    router.publish(alert(severity="info", at=at))
    assert router.resolve({"job": "daily"}, at=at) == 1


def test_resolve_without_labels_is_refused(router: Any) -> None:
    with pytest.raises(ValueError, match="needs labels"):
        router.resolve({})


def test_a_resolution_closes_nothing_that_fired_after_it(
    scene: Any, router: Any, alert: Any
) -> None:
    succeeded = scene.clock.now - timedelta(minutes=1)
    router.publish(alert(at=scene.clock.now))
    assert router.resolve({"job": "daily"}, at=succeeded) == 0
    assert router.resolve({"job": "daily"}, at=scene.clock.now) == 1


def test_the_same_resolution_twice_is_one(router: Any, alert: Any) -> None:
    router.publish(alert())
    assert router.resolve({"job": "daily"}, event_key="run_succeeded:2") == 1
    router.publish(alert())
    assert router.resolve({"job": "daily"}, event_key="run_succeeded:2") == 0
    assert len(router.store.incidents(status=Status.FIRING)) == 1


def test_an_old_firing_never_reopens_what_was_resolved_after_it(
    scene: Any, router: Any, alert: Any
) -> None:
    failed = scene.clock.now
    scene.clock.advance(600)
    router.resolve({"alertname": "RunFailed"}, at=failed + timedelta(minutes=5))
    assert router.publish(alert(at=failed)) == "already_over"
    (incident,) = router.store.incidents()
    assert incident.status == "resolved"
    assert incident.started_at == failed
    assert incident.resolved_at == failed + timedelta(minutes=5)


def test_nor_where_its_labels_are_longer_than_a_database_can_index(
    scene: Any, router: Any, alert: Any
) -> None:
    failed = scene.clock.now
    scene.clock.advance(600)
    long = {"job": "任务" * 600, "step": "x" * 5_000, "partition": "y" * 900}
    router.resolve({"alertname": "RunFailed", **long})
    scene.clock.advance(600)
    router.resolve({"alertname": "RunFailed", **long})
    assert router.publish(alert(at=failed, **long)) == "already_over"
    assert router.publish(alert(at=failed, **{**long, "partition": "y" * 899})) == "opened"
    scene.clock.advance(40 * 86_400)
    router.dispatch()
    assert router.publish(alert(at=failed, **long)) == "opened", "forgotten with what is long over"


def test_a_resolution_of_other_labels_closes_no_late_alert(
    scene: Any, router: Any, alert: Any
) -> None:
    failed = scene.clock.now
    scene.clock.advance(600)
    router.resolve({"alertname": "RunFailed", "job": "hourly"})
    assert router.publish(alert(at=failed)) == "opened"


def test_a_late_event_of_an_incident_that_was_told_is_counted_there(
    scene: Any, router: Any, alert: Any
) -> None:
    failed = scene.clock.now
    router.publish(alert(at=failed))
    scene.clock.advance(600)
    router.resolve({"job": "daily"})
    assert router.publish(alert(at=failed + timedelta(minutes=1))) == "already_over"
    (incident,) = router.store.incidents()
    assert incident.event_count == 2


def test_an_event_from_the_future_happens_now(scene: Any, router: Any, alert: Any) -> None:
    router.publish(alert(at=scene.clock.now + timedelta(hours=1)))
    assert router.resolve({"job": "daily"}, at=scene.clock.now) == 1
    router.resolve({"alertname": "RunFailed"}, at=scene.clock.now + timedelta(hours=1))
    assert router.publish(alert(at=scene.clock.now)) == "opened"


def test_severity_is_no_part_of_an_incidents_identity(router: Any, alert: Any) -> None:
    router.publish_all([alert(severity="warning"), alert(severity="critical")])
    assert len(router.store.incidents()) == 1


def test_an_alert_with_a_page_of_text_in_every_name_is_stored_told_and_closed(
    scene: Any, alert: Any
) -> None:
    """PostgreSQL cannot index it; routed by all of it, it would hold up every other alert."""
    by_all = scene.router(ONE_RECEIVER.replace("[alertname, job]", "['...']"))
    at = scene.clock.now
    texts = {name: _page(name) for name in ("a", "b", "c")}
    long = alert(_page("name"), key=_page("key"), at=at, **texts)
    assert by_all.publish(long) == "opened"
    assert by_all.publish(long) == "repeated"
    assert by_all.publish(alert(_page("name"), at=at, **texts, d="other")) == "opened"
    scene.clock.advance(30)
    assert by_all.dispatch() == 2
    assert by_all.resolve({"alertname": _page("name"), **texts}, at=scene.clock.now) == 2
    scene.clock.advance(300)
    assert by_all.dispatch() == 2
    assert by_all.resolve({"a": texts["a"]}, at=scene.clock.now) == 0
    assert by_all.publish(alert(at=at, a=texts["a"])) == "already_over"


def test_a_cursor_is_kept_over_restarts(scene: Any) -> None:
    first, again = Store(scene.url), Store(scene.url)
    assert first.get_cursor("feed") is None
    assert first.set_cursor("feed", "17")
    assert again.get_cursor("feed") == "17"
    first.close()
    again.close()


def test_a_cursor_moves_only_from_where_it_is_expected(router: Any) -> None:
    store = router.store
    assert store.set_cursor("feed", "1", expected=None)
    assert not store.set_cursor("feed", "2", expected=None)
    assert not store.set_cursor("feed", "2", expected="0")
    assert store.set_cursor("feed", "2", expected="1")
    assert store.get_cursor("feed") == "2"


def test_reading_a_store_that_nobody_has_made_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state" / "alerts.db"
    store = Store(f"sqlite:///{path}")
    assert store.incidents() == []
    assert store.dead_letters() == []
    assert store.attempts("0" * 16) == []
    assert store.parked() == []
    assert store.counters() == {}
    assert store.get_cursor("feed") is None
    assert not path.parent.exists()


@pytest.mark.sqlite
def test_what_is_committed_survives_a_power_cut(router: Any) -> None:
    with router.store.database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.sqlite
def test_a_locked_store_is_unavailable_after_two_seconds_and_works_again_later(
    scene: Any, router: Any, alert: Any
) -> None:
    router.publish(alert(step="a"))
    other = sqlite3.connect(scene.folder / "alerts.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="database is locked"):
        router.publish(alert(step="b"))
    assert BUSY_TIMEOUT_S - 0.5 < time.monotonic() - began < BUSY_TIMEOUT_S + 2
    other.execute("ROLLBACK")
    other.close()
    assert router.publish(alert(step="b")) == "opened"


@pytest.mark.sqlite
def test_a_writer_finds_its_turn_beside_one_that_hardly_pauses(
    scene: Any, router: Any, alert: Any
) -> None:
    """As beside a dispatcher in a storm: SQLite itself would ask too rarely."""
    router.publish(alert(step="a"))
    pauses = 0
    stop = threading.Event()

    def write_again_and_again() -> None:
        nonlocal pauses
        other = sqlite3.connect(scene.folder / "alerts.db", isolation_level=None)
        while not stop.is_set():
            with suppress(sqlite3.OperationalError):
                other.execute("BEGIN IMMEDIATE")
                held.set()
                time.sleep(0.19)
                other.execute("ROLLBACK")
            time.sleep(0.005)
            pauses += 1
        other.close()

    held = threading.Event()
    busy = threading.Thread(target=write_again_and_again)
    busy.start()
    held.wait()
    try:
        assert router.publish(alert(step="b")) == "opened"
        assert pauses <= 3
    finally:
        stop.set()
        busy.join()


@pytest.mark.sqlite
def test_a_store_that_is_no_database_is_unavailable(scene: Any, router: Any, alert: Any) -> None:
    (scene.folder / "alerts.db").write_text("not a database, " * 100, encoding="utf-8")
    with pytest.raises(
        StoreUnavailable, match=r"alerts\.db: file is not a database \(move it away"
    ):
        router.publish(alert())


def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path, alert: Any) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    store = Store(f"sqlite:///{tmp_path / 'file' / 'alerts.db'}")
    with pytest.raises(StoreUnavailable, match=r"file/alerts\.db"):
        store.set_cursor("feed", "1")


def test_an_error_of_the_store_shows_no_password() -> None:
    database = Database("postgresql+psycopg://wdh:hunter2@127.0.0.1/alerts")
    with pytest.raises(StoreUnavailable) as caught, database.write():
        pass
    assert "hunter2" not in str(caught.value)


@pytest.mark.sqlite
def test_an_error_of_the_store_shows_nothing_of_the_alert(
    scene: Any, router: Any, alert: Any
) -> None:
    router.publish(alert())
    with router.store.database.write() as connection:
        connection.exec_driver_sql("DROP TABLE alert_incidents")
    with pytest.raises(StoreUnavailable) as caught:
        router.publish(alert(error="the customer is called Zhang"))
    assert "Zhang" not in f"{caught.value} {caught.value.__cause__}"


def test_many_threads_publish_at_once(router: Any, alert: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda i: router.publish(alert(step=str(i % 10))), range(60)))
    counts = [i.event_count for i in router.store.incidents()]
    assert (len(counts), sum(counts)) == (10, 60)


def _page(name: str) -> str:
    """3,000 characters that no compression makes fewer."""
    return "".join(random.Random(name).choices("抓取失败重试次数过多abcdefghij", k=3_000))


def test_a_limit_is_of_those_that_match(router: Any, alert: Any) -> None:
    router.publish_all(alert(job=job, n=str(n)) for n in range(3) for job in ("daily", "other"))
    found = router.store.incidents(matchers=[parse_one("job=other")], limit=2)
    assert [incident.labels["n"] for incident in found] == ["2", "1"]
    assert len(router.store.incidents()) == 6
