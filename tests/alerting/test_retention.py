"""What is long over is deleted, by and by; what is open, to be told, or a dead letter never is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from query_plans import steps_of
from sqlalchemy import func, insert, select

from work_data_hub.alerting.config import load
from work_data_hub.alerting.errors import ConfigError, DeliveryError, Reason
from work_data_hub.alerting.matchers import Matcher, Op
from work_data_hub.alerting.silences import Silence
from work_data_hub.alerting.sink import Status
from work_data_hub.alerting.store import retention
from work_data_hub.alerting.store.desk import Desk
from work_data_hub.alerting.store.tables import (
    conversations,
    deliveries,
    events,
    groups,
    incidents,
    members,
    metadata,
    resolutions,
)

pytestmark = pytest.mark.both_databases

DAY_S = 86_400
EPISODE = (incidents, groups, members, conversations, deliveries)
NOBODY = """
route:
  receiver: nobody
  group_wait: 0s
receivers:
  - name: nobody
"""


def rows(router: Any) -> Mapping[str, int]:
    """How many rows each table has."""
    with router.store.database.read() as connection:
        return {
            name.removeprefix("alert_"): connection.execute(
                select(func.count()).select_from(table)
            ).scalar_one()
            for name, table in metadata.tables.items()
        }


def tell(scene: Any, router: Any) -> None:
    """All that is due within a quarter of an hour."""
    for _ in range(3):
        scene.clock.advance(300)
        router.dispatch(until_idle=True)


def pass_days(scene: Any, router: Any, days: float, *, sweeps: int = 3) -> None:
    scene.clock.advance(days * DAY_S)
    for _ in range(sweeps):
        router.dispatch()
        scene.clock.advance(60)


def test_an_episode_that_was_over_for_30_days_is_gone(scene: Any, router: Any, alert: Any) -> None:
    router.publish_all([alert(key="a", step="load"), alert(key="b", step="read")])
    tell(scene, router)
    router.resolve({"alertname": "RunFailed"})
    tell(scene, router)
    before = rows(router)
    assert [before[table.name.removeprefix("alert_")] for table in EPISODE] == [2, 1, 2, 1, 2]
    pass_days(scene, router, 29.9)
    assert rows(router) == before
    pass_days(scene, router, 0.2)
    after = rows(router)
    gone = [*EPISODE, events, resolutions]
    assert [after[table.name.removeprefix("alert_")] for table in gone] == [0] * 7
    assert after["counters"] == before["counters"] > 0


def test_the_time_of_keeping_is_a_setting(scene: Any, alert: Any) -> None:
    from conftest import ONE_RECEIVER

    router = scene.router(ONE_RECEIVER + "retention: 2d\n")
    router.publish(alert())
    router.resolve({"job": "daily"})
    tell(scene, router)
    pass_days(scene, router, 1.9)
    assert rows(router)["incidents"] == 1
    pass_days(scene, router, 0.2)
    assert rows(router)["incidents"] == 0


@pytest.mark.parametrize("written", ["23h", "0s", "never"])
def test_what_a_feed_may_read_again_is_kept(tmp_path: Path, written: str) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text(f"route: {{receiver: a}}\nreceivers: [{{name: a}}]\nretention: {written}\n")
    with pytest.raises(ConfigError, match=r"alerts.yml:3: retention: "):
        load(path, environ={})


def test_what_is_open_stays_however_old(scene: Any, router: Any, alert: Any) -> None:
    router.publish_all([alert(step="load"), alert(step="read"), alert(job="over")])
    tell(scene, router)
    router.resolve({"step": "read"})
    router.resolve({"job": "over"})
    tell(scene, router)
    pass_days(scene, router, 400)
    assert {i.labels.get("step") for i in router.store.incidents()} == {"load", "read"}
    assert rows(router)["groups"] == 1
    told = len(scene.chat.delivered)
    router.resolve({"step": "load"})
    tell(scene, router)
    assert [n.purpose for n in scene.chat.delivered[told:]] == ["resolve"]
    assert len(scene.chat.delivered[told].incidents) == 2


def test_what_was_not_told_yet_stays(scene: Any, router: Any, alert: Any) -> None:
    router.publish(alert())
    router.resolve({"job": "daily"})
    scene.clock.advance(31 * DAY_S)
    with router.store.database.write() as connection:
        assert retention.sweep(connection, before=scene.clock.seconds() - DAY_S) == 1  # resolution
    assert router.dispatch() == 1
    assert scene.told() == ["resolve"]


def test_a_conversation_that_has_not_ended_keeps_its_episode(
    scene: Any, router: Any, alert: Any
) -> None:
    scene.chat.fail(DeliveryError(Reason.UNAVAILABLE, "away"))
    router.publish(alert())
    router.resolve({"job": "daily"})
    scene.clock.advance(30)
    assert router.dispatch() == 0
    scene.clock.advance(31 * DAY_S)
    with router.store.database.write() as connection:
        retention.sweep(connection, before=scene.clock.seconds() - DAY_S)
    assert rows(router)["incidents"] == rows(router)["groups"] == 1
    assert router.dispatch() == 1


def test_a_dead_letter_keeps_its_episode_until_it_is_dropped(
    scene: Any, router: Any, alert: Any
) -> None:
    scene.chat.fail(DeliveryError(Reason.REJECTED, "no"))
    router.publish(alert())
    tell(scene, router)
    router.resolve({"alertname": "RunFailed"})
    router.resolve({"alertname": "DeadLetters"})
    tell(scene, router)
    pass_days(scene, router, 100)
    (incident,) = router.store.incidents()
    assert incident.labels["alertname"] == "RunFailed"
    assert len(router.store.dead_letters()) == 1
    (letter,) = router.store.dead_letters()
    Desk(router.store.database).drop([letter.id], by="ann", at=scene.clock.now)
    pass_days(scene, router, 0)
    assert router.store.incidents() == []
    assert rows(router)["deliveries"] == 0


def test_an_incident_goes_with_the_last_of_its_episodes(scene: Any, alert: Any) -> None:
    router = scene.router(
        """
route:
  receiver: one
  group_wait: 0s
  routes:
    - receiver: one
      group_by: [alertname]
      continue: true
    - receiver: two
      group_by: [job]
receivers:
  - name: one
    memory_configs: [{sink: chat}]
  - name: two
    memory_configs: [{sink: phone}]
"""
    )
    router.publish_all([alert("RunFailed", job="a"), alert("TickFailed", job="a")])
    tell(scene, router)
    router.resolve({"alertname": "RunFailed"})
    tell(scene, router)
    pass_days(scene, router, 31)
    # `two` has both in one episode, which is not over; `one` had an episode for each.
    assert rows(router)["groups"] == 2
    assert len(router.store.incidents(status=Status.RESOLVED)) == 1
    router.resolve({"alertname": "TickFailed"})
    tell(scene, router)
    pass_days(scene, router, 31)
    assert rows(router)["incidents"] == rows(router)["groups"] == rows(router)["members"] == 0


def test_what_was_done_to_an_incident_goes_with_it(scene: Any, router: Any, alert: Any) -> None:
    router.publish(alert())
    tell(scene, router)
    (incident,) = router.store.incidents()
    desk = Desk(router.store.database)
    desk.acknowledge(incident.fingerprint, by="ann", at=scene.clock.now)
    desk.resolve(incident.fingerprint, by="ann", at=scene.clock.now)
    tell(scene, router)
    assert rows(router)["actions"] == 2
    pass_days(scene, router, 31)
    assert rows(router)["incidents"] == rows(router)["actions"] == 0


def test_a_silence_goes_30_days_after_its_end(scene: Any, router: Any) -> None:
    desk = Desk(router.store.database)
    for days in (1, 40):
        ends_at = scene.clock.now + timedelta(days=days)
        matchers = (Matcher("job", Op.EQUAL, "daily"),)
        silence = Silence("", matchers, scene.clock.now, ends_at, "ann", "known")
        desk.add_silence(silence, at=scene.clock.now)
    pass_days(scene, router, 30.9)
    assert len(desk.silences()) == 2
    pass_days(scene, router, 0.2)
    (left,) = desk.silences()
    assert left.ends_at > scene.clock.now


def test_what_nobody_hears_of_goes_too(scene: Any, alert: Any) -> None:
    router = scene.router(NOBODY)
    router.publish(alert(step="load"))
    router.resolve({"step": "load"})
    router.dispatch()
    scene.clock.advance(20 * DAY_S)
    router.publish(alert(step="read"))
    router.dispatch()
    pass_days(scene, router, 11)
    assert [i.labels["step"] for i in router.store.incidents()] == ["read"]
    assert rows(router)["groups"] == rows(router)["members"] == 1
    router.resolve({"step": "read"})
    router.dispatch()
    pass_days(scene, router, 31)
    assert rows(router)["incidents"] == rows(router)["groups"] == rows(router)["members"] == 0


def test_what_no_dispatcher_has_looked_at_since_it_was_over_stays(scene: Any, alert: Any) -> None:
    """Another configuration may have it told."""
    router = scene.router(NOBODY)
    router.publish(alert())
    router.dispatch()
    router.resolve({"job": "daily"})
    scene.clock.advance(31 * DAY_S)
    with router.store.database.write() as connection:
        retention.sweep(connection, before=scene.clock.seconds() - DAY_S)
    assert rows(router)["incidents"] == rows(router)["members"] == 1


def test_an_episode_stays_whole_until_all_of_it_was_over_for_30_days(
    scene: Any, router: Any, alert: Any
) -> None:
    router.publish_all([alert(step="load"), alert(step="read")])
    tell(scene, router)
    router.resolve({"step": "load"})
    scene.clock.advance(10 * DAY_S)
    router.resolve({"step": "read"})
    tell(scene, router)
    pass_days(scene, router, 29)
    assert rows(router)["incidents"] == rows(router)["members"] == 2
    pass_days(scene, router, 2)
    assert rows(router)["incidents"] == rows(router)["groups"] == 0


def test_an_event_is_known_by_its_key_as_long_as_it_is_kept(
    scene: Any, router: Any, alert: Any
) -> None:
    router.publish(alert(key="run_failed:1"))
    pass_days(scene, router, 29)
    assert router.publish(alert(key="run_failed:1")) == "repeated"
    pass_days(scene, router, 2)
    assert router.publish(alert(key="run_failed:1")) == "updated"


def test_a_sweep_takes_a_little_and_the_next_one_goes_on_where_it_stopped(
    scene: Any, router: Any, monkeypatch: pytest.MonkeyPatch, alert: Any
) -> None:
    jobs = [f"job{i}" for i in range(5)]
    router.publish_all([alert(job=job, key=job) for job in jobs])
    tell(scene, router)
    for job in jobs[1:]:
        router.resolve({"job": job})
    tell(scene, router)
    scene.clock.advance(31 * DAY_S)
    monkeypatch.setattr(retention, "GROUPS_AT_ONCE", 2)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    before = scene.clock.seconds() - 30 * DAY_S
    left = []
    for _ in range(4):
        with router.store.database.write() as connection:
            retention.sweep(connection, before=before)
        now = rows(router)
        left.append((now["incidents"], now["events"], now["resolutions"]))
    assert left == [(4, 2, 1), (2, 0, 0), (1, 0, 0), (1, 0, 0)]
    assert [i.labels["job"] for i in router.store.incidents()] == ["job0"]


def test_a_pass_sweeps_now_and_then_and_sooner_while_there_is_something(
    scene: Any, router: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted = iter([0, 7, 0])
    times: list[float] = []
    begun = scene.clock.seconds()

    def sweep(_connection: Any, *, before: float) -> int:
        assert before == scene.clock.seconds() - 30 * DAY_S
        times.append(scene.clock.seconds() - begun)
        return next(deleted)

    monkeypatch.setattr(retention, "sweep", sweep)
    for _ in range(70):
        router.dispatch()
        scene.clock.advance(1)
    assert times == [0, 60, 61]


def test_the_young_end_the_round_and_it_begins_again(scene: Any, router: Any, alert: Any) -> None:
    """Else an old episode that stayed open would keep its place behind the mark for ever."""
    router.publish(alert(job="long open"))
    tell(scene, router)
    scene.clock.advance(31 * DAY_S)
    router.publish(alert(job="young"))
    tell(scene, router)
    pass_days(scene, router, 0)
    router.resolve({"job": "long open"})
    tell(scene, router)
    pass_days(scene, router, 31)
    assert [i.labels["job"] for i in router.store.incidents()] == ["young"]


def test_what_came_late_and_was_over_already_is_kept_from_its_coming(
    scene: Any, router: Any, alert: Any
) -> None:
    began = scene.clock.now - timedelta(days=40)
    router.resolve({"job": "daily"}, at=began + timedelta(hours=1))
    assert router.publish(alert(at=began)) == "already_over"
    tell(scene, router)
    pass_days(scene, router, 29)
    assert rows(router)["incidents"] == 1
    pass_days(scene, router, 2)
    assert rows(router)["incidents"] == 0


@pytest.mark.sqlite
@pytest.mark.parametrize("is_heard", [True, False])
def test_no_query_of_a_sweep_goes_through_a_whole_table(
    scene: Any, alert: Any, is_heard: bool
) -> None:
    router = scene.router() if is_heard else scene.router(NOBODY)
    router.publish_all([alert(key="1", step="load"), alert(key="2", step="read")])
    router.resolve({"alertname": "RunFailed"} if is_heard else {"step": "load"})
    tell(scene, router)

    def ask(connection: Any) -> None:
        deleted = retention.sweep(connection, before=scene.clock.seconds() + DAY_S)
        assert deleted == (6 if is_heard else 4)

    with router.store.database.write() as connection:
        steps = steps_of(connection, ask)
    assert not [(statement, step) for statement, step in steps if step.startswith("SCAN")]


def test_a_thousand_rows_are_gone_in_a_few_sweeps(scene: Any, router: Any) -> None:
    now = scene.clock.seconds()
    with router.store.database.write() as connection:
        old = [{"key": f"run_failed:{i}", "at": now - (i % 60) * DAY_S} for i in range(1_000)]
        connection.execute(insert(events), old)
    for _ in range(5):
        with router.store.database.write() as connection:
            retention.sweep(connection, before=now - 30 * DAY_S)
    with router.store.database.read() as connection:
        kept = connection.execute(select(func.count(), func.min(events.c.at))).one()
    assert kept == (sum(i % 60 <= 30 for i in range(1_000)), now - 30 * DAY_S)
