"""Whatever comes in whatever order: nothing is lost, nothing is out of turn."""

from __future__ import annotations

import random
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from postgres_store import make_empty

from conftest import Scene, alert
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.sink import Status

CONFIG = """
route: {receiver: team, group_by: [job], group_wait: 30s, group_interval: 1m, repeat_interval: 1h}
receivers:
  - name: team
    memory_configs:
      - {sink: edits}
      - {sink: tells, send_resolved: true}
"""
JOBS = st.sampled_from(["daily", "hourly"])
STEPS = st.sampled_from(["read", "load"])
LATE_S = st.none() | st.integers(0, 600)
FAILURES = st.sampled_from([Reason.UNAVAILABLE, Reason.DROPPED, Reason.RATE_LIMITED])


class Traffic(RuleBasedStateMachine):
    """Two routers on one store; publishers, dispatchers, clocks and failing sinks in any order."""

    postgres: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        if self.postgres is not None:
            make_empty(self.postgres)
        self.scene = Scene(Path(self.folder.name), self.postgres)
        from work_data_hub.alerting.testing import RecordingSink

        self.scene.sinks = {"edits": RecordingSink(), "tells": RecordingSink(can_edit=False)}
        self.routers = [self.scene.router(CONFIG) for _ in range(2)]
        self.fired: set[str] = set()
        self.open: dict[str, float] = {}
        self.over: dict[tuple[str, str], float] = {}

    @rule(job=JOBS, step=STEPS, late_s=LATE_S, which=st.integers(0, 1))
    def fire(self, job: str, step: str, late_s: int | None, which: int) -> None:
        at = self._at(late_s)
        event = alert(job=job, step=step, at=at)
        self.routers[which].publish(event)
        self.fired.add(event.fingerprint)
        moment = (at or self.scene.clock.now).timestamp()
        resolved = max(self.over.get((job, s), 0.0) for s in (step, ""))
        if at is None or resolved <= moment:
            key = event.fingerprint
            self.open[key] = max(moment, self.open.get(key, 0.0))

    @rule(job=JOBS, step=STEPS | st.just(""), late_s=LATE_S, which=st.integers(0, 1))
    def resolve(self, job: str, step: str, late_s: int | None, which: int) -> None:
        at = self._at(late_s)
        labels = {"alertname": "RunFailed", "job": job} | ({"step": step} if step else {})
        self.routers[which].resolve(labels, at=at)
        moment = (at or self.scene.clock.now).timestamp()
        self.over[job, step] = max(moment, self.over.get((job, step), 0.0))
        for s in [step] if step else ["read", "load"]:
            key = alert(job=job, step=s).fingerprint
            if key in self.open and (at is None or self.open[key] <= moment):
                del self.open[key]

    @rule(seconds=st.sampled_from([1, 20, 61, 600]))
    def wait(self, seconds: int) -> None:
        self.scene.clock.advance(seconds)

    @rule(which=st.integers(0, 1))
    def dispatch(self, which: int) -> None:
        self.routers[which].dispatch()

    @rule(sink=st.sampled_from(["edits", "tells"]), reason=FAILURES)
    def break_down(self, sink: str, reason: Reason) -> None:
        self.scene.sinks[sink].fail(DeliveryError(reason, "for now"))

    @invariant()
    def episodes_are_in_turn(self) -> None:
        for sink in self.scene.sinks.values():
            for job in ("daily", "hourly"):
                _check_turns([n for n in sink.delivered if n.group_labels.get("job") == job])

    @invariant()
    def the_store_knows_what_is_open(self) -> None:
        found = self.routers[0].store.incidents(status=Status.FIRING)
        assert {i.fingerprint for i in found if "job" in i.labels} == set(self.open)

    def teardown(self) -> None:
        try:
            self._everything_is_told()
        finally:
            self.scene.close()
            self.folder.cleanup()

    def _everything_is_told(self) -> None:
        for sink in self.scene.sinks.values():
            sink._failures.clear()
        for _ in range(4):
            self.scene.clock.advance(400)
            self.routers[0].dispatch(until_idle=True)
        for sink in self.scene.sinks.values():
            about_jobs = [n for n in sink.delivered if "job" in n.group_labels]
            told = {i.fingerprint for n in about_jobs for i in n.incidents}
            assert told == self.fired
            latest = {n.group_key: n for n in about_jobs}
            firing = {i.fingerprint for n in latest.values() for i in n.firing}
            if sink.can_edit:
                assert firing == set(self.open)
            else:
                assert firing >= set(self.open)

    def _at(self, late_s: int | None) -> Any:
        return None if late_s is None else self.scene.clock.now - timedelta(seconds=late_s)


def _check_turns(notifications: list[Any]) -> None:
    """OPEN, then anything but OPEN, then RESOLVE; or a lone RESOLVE for what nobody heard of."""
    is_open = False
    for n in notifications:
        if n.purpose == "open":
            assert not is_open, "opened twice"
            is_open = True
        elif n.purpose == "resolve":
            assert n.status == "resolved"
            is_open = False
        else:
            assert is_open, f"{n.purpose} outside an episode"


Traffic.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestTraffic = Traffic.TestCase


class TrafficOnPostgres(Traffic):
    """The same; fewer, for what differs is the database alone."""


TrafficOnPostgres.TestCase.settings = settings(Traffic.TestCase.settings, max_examples=8)


@pytest.mark.usefixtures("traffic_on_postgres")
class TestTrafficOnPostgres(TrafficOnPostgres.TestCase):  # type: ignore[name-defined,misc]
    pass


@pytest.fixture
def traffic_on_postgres(empty_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrafficOnPostgres, "postgres", empty_store)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    events=st.lists(
        st.tuples(st.sampled_from(["fire", "resolve"]), STEPS, st.integers(0, 50)),
        min_size=2,
        max_size=8,
        unique_by=lambda event: event[2],
    ),
    seed=st.integers(0, 2**16),
)
def test_what_is_open_in_the_end_does_not_depend_on_the_order_of_arrival(
    events: list[tuple[str, str, int]], seed: int
) -> None:
    shuffled = random.Random(seed).sample(events, len(events))
    assert _open_after(events) == _open_after(shuffled)


def _open_after(events: list[tuple[str, str, int]]) -> set[str]:
    with tempfile.TemporaryDirectory() as folder, closing(Scene(Path(folder))) as scene:
        router = scene.router(CONFIG.replace("edits", "chat"))
        start = scene.clock.now
        scene.clock.advance(60)
        for kind, step, second in events:
            at = start + timedelta(seconds=second)
            if kind == "fire":
                router.publish(alert(step=step, at=at))
            else:
                router.resolve({"job": "daily", "step": step}, at=at)
        return {i.labels["step"] for i in router.store.incidents(status=Status.FIRING)}
