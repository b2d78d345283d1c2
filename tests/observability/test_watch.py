"""Daemons, alerts.yml, the dispatch, the rounds, and the Watchdog: what stands while it is so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat

from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.alerting.testing import Receiver
from work_data_hub.observability.daemons import Patience, down
from work_data_hub.observability.dagster_api.heartbeats import Daemon, daemons
from work_data_hub.observability.live_router import LiveRouter
from work_data_hub.observability.rounds import Condition
from work_data_hub.observability.watch import Limits, Watch

from .stores import filled, firing, incidents

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
WELL = Condition(
    name="feed",
    runs=True,
    began=None,
    good_at=1_000.0,
    failing_since=None,
    errors=0,
    last_error="",
    limit_s=60.0,
)
PLAIN = """
route:
  receiver: team
  group_wait: 0s
  routes:
    - {{matchers: ['alertname="Watchdog"'], receiver: {ping}, group_interval: 30s,
        repeat_interval: 50s}}
receivers:
  - name: team
    log_configs: [{{}}]
  - name: switch
    webhook_configs: [{{url: "{url}", send_resolved: false}}]
"""


class Clock:
    """The time that the test says it is, for everything."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def switch() -> Iterator[Receiver]:
    """Where the Watchdog calls."""
    with Receiver() as server:
        yield server


@pytest.fixture
def live(tmp_path: Path, clock: Clock, switch: Receiver) -> Iterator[LiveRouter]:
    path = tmp_path / "alerts.yml"
    path.write_text(PLAIN.format(ping="switch", url=f"{switch.address}/ping"))
    made = live_over(path, tmp_path / "alerts.db", clock)
    yield made
    made.close()


def live_over(path: Path, store: Path, clock: Clock) -> LiveRouter:
    """As one process has it; several may be over one store."""

    def load(path: Path, url: str) -> AlertRouter:
        return AlertRouter.from_file(path, url, clock=clock, database_clock=clock.seconds)

    return LiveRouter(path, f"sqlite:///{store}", load=load)


class Watched:
    """A watch over conditions that the test sets."""

    def __init__(self, instance: DagsterInstance, live: LiveRouter, clock: Clock) -> None:
        self.conditions = [WELL, replace(WELL, name="dispatch")]
        self.monotonic = 1_000.0
        self._given: dict[str, Any] = {
            "clock": clock,
            "monotonic": lambda: self.monotonic,
        }
        self.instance, self._live = instance, live
        self.watch = self.another()

    def another(self) -> Watch:
        """As after a restart."""
        return Watch(self.instance, self._live, lambda: self.conditions, Limits(), **self._given)


@pytest.fixture
def watched(instance: DagsterInstance, live: LiveRouter, clock: Clock) -> Watched:
    """Over an instance that needs no daemon."""
    return Watched(instance, live, clock)


@pytest.fixture
def watched_daemons(stored_instance: DagsterInstance, live: LiveRouter, clock: Clock) -> Watched:
    return Watched(stored_instance, live, clock)


def beats(instance: DagsterInstance, at: datetime, *names: str) -> None:
    """Heartbeats as Dagster's daemon writes them."""
    for name in names or [daemon.name for daemon in daemons(instance)]:
        instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), name, "some-id"))


def told(live: LiveRouter) -> list[tuple[str, str]]:
    """What fires, but for the Watchdog: the name, and what it is about."""
    found = [filled(incident.labels) for incident in firing(live.router)]
    return sorted(
        (
            labels.pop("alertname"),
            " ".join(value for name, value in sorted(labels.items()) if name != "severity"),
        )
        for labels in found
        if labels["alertname"] != "Watchdog"
    )


def test_a_daemon_that_stops_beating_is_told_of_after_four_minutes_and_closed_when_it_beats(
    stored_instance: DagsterInstance, watched_daemons: Watched, live: LiveRouter, clock: Clock
) -> None:
    beats(stored_instance, NOW)
    clock.now = NOW + 4 * MINUTE
    watched_daemons.watch.turn()
    assert told(live) == []
    clock.now += SECOND
    watched_daemons.watch.turn()
    watched_daemons.watch.turn()
    assert told(live) == [
        ("DaemonDown", "QUEUED_RUN_COORDINATOR"),
        ("DaemonDown", "SCHEDULER"),
        ("DaemonDown", "SENSOR"),
    ]
    (one, *_) = firing(live.router)
    assert one.event_count == 1
    assert one.severity == "critical"
    beats(stored_instance, clock.now)
    watched_daemons.watch.turn()
    assert told(live) == []


def test_a_slow_daemon_has_twelve_minutes(
    stored_instance: DagsterInstance, watched_daemons: Watched, live: LiveRouter, clock: Clock
) -> None:
    beats(stored_instance, NOW)
    clock.now = NOW + 12 * MINUTE + SECOND
    beats(stored_instance, clock.now, "SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR")
    watched_daemons.watch.turn()
    assert ("DaemonDown", "BACKFILL") in told(live)
    assert ("DaemonDown", "SENSOR") not in told(live)


def test_a_daemon_that_is_needed_no_more_is_not_missed(stored_instance: DagsterInstance) -> None:
    beats(stored_instance, NOW, "SENSOR", "ANCIENT")
    found = {daemon.name: daemon.beat_at for daemon in daemons(stored_instance)}
    assert found["SENSOR"] == NOW
    assert "ANCIENT" not in found


def test_where_no_daemon_has_ever_run_none_is_missed_unless_it_is_required() -> None:
    never = [Daemon("SENSOR", None), Daemon("SCHEDULER", None)]
    later = NOW + MINUTE * 5
    assert down(never, Patience(), watched_since=NOW, now=later) == []
    required = Patience(requires_daemon=True)
    assert len(down(never, required, watched_since=NOW, now=later)) == 2
    assert down(never, required, watched_since=NOW, now=NOW + 4 * MINUTE) == []


def test_one_that_never_came_up_beside_others_is_missed() -> None:
    found = [Daemon("SENSOR", NOW + 5 * MINUTE), Daemon("SCHEDULER", None)]
    missing = down(found, Patience(), watched_since=NOW, now=NOW + 5 * MINUTE)
    assert [daemon.name for daemon in missing] == ["SCHEDULER"]


def test_what_a_process_that_is_gone_left_open_is_closed_after_two_minutes(
    stored_instance: DagsterInstance, watched_daemons: Watched, live: LiveRouter, clock: Clock
) -> None:
    beats(stored_instance, NOW)
    clock.now = NOW + 5 * MINUTE
    watched_daemons.watch.turn()
    assert told(live)
    next_one = watched_daemons.another()
    beats(stored_instance, clock.now)
    clock.now += 2 * MINUTE
    next_one.turn()
    assert told(live)
    clock.now += SECOND
    next_one.turn()
    assert told(live) == []


@pytest.mark.parametrize("closes_last", ["one", "other"])
def test_what_several_processes_find_so_is_open_until_the_last_of_them_does_not(
    watched: Watched, live: LiveRouter, clock: Clock, closes_last: str
) -> None:
    other = Watched(watched.instance, live, clock)
    failing = [replace(WELL, failing_since=0.0, last_error="away")]
    both = {"one": watched, "other": other}
    for each in both.values():
        each.conditions = failing
        each.watch.turn()
    (first,) = (name for name in both if name != closes_last)
    both[first].conditions = [WELL]
    for _ in range(20):
        for each in both.values():
            each.watch.turn()
        assert told(live) == [("RoundFailing", "feed")]
        clock.now += 15 * SECOND
    both[closes_last].conditions = [WELL]
    both[closes_last].watch.turn()
    assert told(live) == []
    opened = [i for i in incidents(live.router) if i.labels["alertname"] == "RoundFailing"]
    assert len(opened) == 1, "it was never closed and opened again"


def test_a_process_that_comes_up_well_closes_nothing_that_another_finds_so(
    watched: Watched, live: LiveRouter, clock: Clock, tmp_path: Path
) -> None:
    its_own = tmp_path / "of another host" / "alerts.yml"
    its_own.parent.mkdir()
    its_own.write_text(live.path.read_text())
    live.path.write_text(live.path.read_text() + "\nrouet: {}\n")
    live.refresh()
    live.router.publish(Alert({"alertname": "Waiting"}))
    clock.now += 6 * MINUTE
    watched.conditions = [replace(WELL, failing_since=0.0, last_error="away")]
    watched.watch.turn()
    found = told(live)
    assert {name for name, _ in found} == {
        "ConfigInvalid",
        "DispatchLag",
        "RoundFailing",
        "Waiting",
    }
    well = live_over(its_own, tmp_path / "alerts.db", clock)
    fresh = Watched(watched.instance, well, clock)
    for _ in range(20):
        fresh.watch.turn()
        assert told(live) == found
        clock.now += 15 * SECOND
        watched.watch.turn()
    well.close()


def test_what_a_process_finds_so_is_noted_now_and_then_and_nothing_else_is_written(
    watched: Watched, live: LiveRouter, clock: Clock
) -> None:
    watched.conditions = [replace(WELL, failing_since=0.0, last_error="away")]
    noted = set()
    for _ in range(8):  # two minutes
        watched.watch.turn()
        noted.add(live.router.store.get_cursor("standing:RoundFailing"))
        clock.now += 15 * SECOND
    assert len(noted) == 3, "once half a minute has passed"
    (incident,) = firing(live.router)
    assert incident.event_count == 1


def test_a_bad_alerts_yml_leaves_the_old_one_at_work_and_is_told_until_it_is_good_again(
    watched: Watched, live: LiveRouter
) -> None:
    sound = live.path.read_text()
    old = live.router
    live.path.write_text(sound + "\nrouet: {}\n")
    live.refresh()
    watched.watch.turn()
    assert live.router is old
    assert told(live) == [("ConfigInvalid", "alerts.yml")]
    (incident,) = [i for i in firing(live.router) if i.labels["alertname"] == "ConfigInvalid"]
    assert "rouet" in incident.annotations["error"]
    live.path.write_text(sound + "\n# mended\n")
    live.refresh()
    watched.watch.turn()
    assert told(live) == []
    assert live.router is not old


def test_an_unchanged_file_is_not_read_again(live: LiveRouter) -> None:
    first = live.router
    live.refresh()
    assert live.router is first


def test_what_waits_too_long_for_a_sound_sink_is_a_lag(
    watched: Watched, live: LiveRouter, clock: Clock
) -> None:
    live.router.publish(Alert({"alertname": "Waiting"}))
    clock.now = NOW + 5 * MINUTE
    watched.watch.turn()
    assert told(live) == [("Waiting", "")]
    clock.now += SECOND
    watched.watch.turn()
    assert told(live) == [("DispatchLag", ""), ("Waiting", "")]
    live.router.dispatch(until_idle=True)
    watched.watch.turn()
    assert told(live) == [("Waiting", "")]


def test_what_waits_for_a_sink_that_fails_is_no_lag(
    watched: Watched, live: LiveRouter, clock: Clock, switch: Receiver
) -> None:
    text = live.path.read_text().replace("receiver: team\n", "receiver: switch\n", 1)
    live.path.write_text(text + "fallback: team\n")
    live.refresh()
    switch.answer(*[503] * 50)
    live.router.publish(Alert({"alertname": "Waiting"}))
    live.router.dispatch()
    clock.now += 10 * MINUTE
    watched.watch.turn()
    assert "DispatchLag" not in [name for name, _ in told(live)]


def test_a_round_that_fails_for_two_minutes_or_hangs_is_told(
    watched: Watched, live: LiveRouter
) -> None:
    raising = replace(WELL, failing_since=1_000.0, last_error="StoreUnavailable: away")
    watched.conditions = [raising, replace(WELL, name="dispatch", began=1_100.0)]
    watched.monotonic = 1_120.0
    watched.watch.turn()
    assert told(live) == []
    watched.monotonic = 1_161.0
    watched.watch.turn()
    assert told(live) == [("RoundFailing", "dispatch"), ("RoundFailing", "feed")]
    watched.conditions = [WELL]
    watched.watch.turn()
    assert told(live) == []


def test_alerts_about_alerting_go_to_the_fallback(
    watched: Watched, live: LiveRouter, switch: Receiver, clock: Clock
) -> None:
    routed = live.path.read_text().replace("receiver: team\n", "receiver: switch\n", 1)
    live.path.write_text(
        routed.replace("'alertname=\"Watchdog\"'", "'job=\"x\"'") + "fallback: team\n"
    )
    live.refresh()
    watched.conditions = [replace(WELL, failing_since=0.0, last_error="away")]
    watched.watch.turn()
    assert [name for name, _ in told(live)] == ["RoundFailing"]
    live.router.dispatch(until_idle=True)
    assert switch.requests == []


def test_the_watchdog_calls_its_switch_every_minute_while_all_is_well(
    watched: Watched, live: LiveRouter, clock: Clock, switch: Receiver
) -> None:
    for _ in range(13):  # three minutes
        watched.watch.turn()
        live.router.dispatch(until_idle=True)
        clock.now += 15 * SECOND
    assert len(switch.requests) == 4
    assert {request.path for request in switch.requests} == {"/ping"}
    assert all(b'"status":"firing"' in r.body.replace(b": ", b":") for r in switch.requests)


def test_the_watchdog_falls_silent_when_a_round_does_and_is_never_resolved(
    watched: Watched, live: LiveRouter, clock: Clock, switch: Receiver
) -> None:
    watched.watch.turn()
    live.router.dispatch(until_idle=True)
    watched.conditions = [replace(WELL, failing_since=990.0), replace(WELL, name="dispatch")]
    for _ in range(20):
        clock.now += 15 * SECOND
        watched.watch.turn()
        live.router.dispatch(until_idle=True)
    silent = len(switch.requests)
    assert silent <= 2
    assert all(b"resolved" not in request.body for request in switch.requests)
    watched.conditions = [WELL, replace(WELL, name="dispatch")]
    for _ in range(5):
        clock.now += 15 * SECOND
        watched.watch.turn()
        live.router.dispatch(until_idle=True)
    assert len(switch.requests) > silent


def test_without_a_ping_of_its_own_the_watchdog_disturbs_nobody(
    watched: Watched, live: LiveRouter, caplog: pytest.LogCaptureFixture
) -> None:
    live.path.write_text("route: {receiver: team}\nreceivers: [{name: team, log_configs: [{}]}]\n")
    live.refresh()
    watched.watch.turn()
    assert incidents(live.router) == []
    from work_data_hub.alerting.watchdog import beat

    live.router.publish(beat())
    live.router.dispatch(until_idle=True)
    assert "Watchdog" not in caplog.text
