"""Several dispatchers on one store: one group is in one pair of hands."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from conftest import SharedClock
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.sink import Receipt
from work_data_hub.alerting.store import conversations, leases
from work_data_hub.alerting.store.conversations import Delay
from work_data_hub.alerting.store.health import Count
from work_data_hub.alerting.store.leases import LEASE_S
from work_data_hub.alerting.testing import RecordingSink
from work_data_hub.alerting.under_way import UnderWay

pytestmark = pytest.mark.both_databases

AT_ONCE = """
route: {receiver: team, group_by: [job], group_wait: 0s}
receivers:
  - name: team
    memory_configs: [{sink: chat}]
"""
NAME = ("team", "memory[0]")


class Interrupted(RecordingSink):
    """Does something else between taking a notification and answering."""

    def __init__(self, meanwhile: Any) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
        receipt = super().deliver(notification, deadline=deadline)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return receipt


def test_what_one_dispatcher_delivers_another_does_not_touch(scene: Any, alert: Any) -> None:
    other = scene.router(AT_ONCE)
    counts: list[int] = []
    scene.sinks["chat"] = Interrupted(lambda: counts.append(other.dispatch()))
    router = scene.router(AT_ONCE)
    router.publish(alert())
    assert router.dispatch() == 1
    assert counts == [0]
    assert scene.told() == ["open"]


def test_what_one_dispatcher_sends_holds_back_the_others_for_the_time_of_its_pace(
    scene: Any, alert: Any
) -> None:
    other = scene.router(AT_ONCE)
    told: list[int] = []

    class Paced(Interrupted):
        pace_key = "the channel"

    scene.sinks["chat"] = Paced(lambda: told.append(other.dispatch(until_idle=True)))
    scene.chat.pace_s = 1.0
    router = scene.router(AT_ONCE)
    router.publish_all([alert(), alert(job="other")])
    assert router.dispatch(until_idle=True) == 1
    assert told == [0]
    scene.clock.advance(1)
    assert other.dispatch(until_idle=True) == 1


def test_what_is_due_and_comes_to_nothing_costs_no_time_of_the_pace(scene: Any, alert: Any) -> None:
    scene.sinks["chat"] = RecordingSink(can_edit=False, pace_s=1.0)
    router = scene.router(AT_ONCE)
    router.publish_all([alert(), alert(step="load")])
    router.dispatch()
    scene.clock.advance(299)
    router.resolve({"step": "load"})  # no news where nothing can be edited
    scene.clock.advance(1)
    router.publish(alert(job="other"))
    assert router.dispatch() == 1


def test_a_dispatcher_paused_past_its_lease_records_nothing(
    scene: Any, alert: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnderWay, "must_renew", lambda _self, **_: False)  # it is paused
    other = scene.router(AT_ONCE)

    def pause() -> None:
        scene.clock.advance(LEASE_S + 0.1)
        assert other.dispatch() == 1

    scene.sinks["chat"] = Interrupted(pause)
    router = scene.router(AT_ONCE)
    router.publish(alert())
    assert router.dispatch() == 0
    assert scene.told() == ["open", "open"]
    assert len({n.key for n in scene.chat.delivered}) == 1
    assert router.store.counters()[Count("lease_lost", *NAME)] == 1
    assert router.dispatch() == other.dispatch() == 0


def test_a_renewed_lease_holds_and_one_that_is_not_runs_out(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    database = _with_one_due(scene, router, alert)
    (held,) = _claim(scene, database)
    scene.clock.advance(LEASE_S - 1)
    with database.write() as connection:
        leases.renew(connection, [held])
    scene.clock.advance(LEASE_S - 1)
    assert _claim(scene, database) == []
    scene.clock.advance(1)
    (taken_over,) = _claim(scene, database)
    assert taken_over.token == held.token + 1


def test_a_delivery_that_outlives_its_lease_stays_in_one_pair_of_hands(
    scene: Any, alert: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's clock runs four times as fast: a lease lasts 1.25 s."""
    monkeypatch.setattr("work_data_hub.alerting.under_way.RENEW_EVERY_S", 0.1)
    if isinstance(scene.clock, SharedClock):
        scene.clock.database.run(rate=4)
    options = {"database_clock": lambda: time.monotonic() * 4}
    other = scene.router(AT_ONCE, **options)
    told: list[int] = []

    def outlive_the_lease() -> None:
        threading.Event().wait(1.5 * LEASE_S / 4)
        told.append(other.dispatch())

    scene.sinks["chat"] = Interrupted(outlive_the_lease)
    router = scene.router(AT_ONCE, **options)
    router.publish(alert())
    assert router.dispatch() == 1
    assert told == [0]
    assert scene.told() == ["open"]
    assert Count("lease_lost", *NAME) not in router.store.counters()


@pytest.mark.parametrize("act", ["postpone", "release"])
def test_who_lost_the_lease_changes_nothing(scene: Any, alert: Any, act: str) -> None:
    router = scene.router(AT_ONCE)
    database = _with_one_due(scene, router, alert)
    (lost,) = _claim(scene, database)
    scene.clock.advance(LEASE_S)
    (held,) = _claim(scene, database)
    with database.write() as connection:
        assert leases.still_held(connection, [lost]) == set()
        assert leases.still_held(connection, [held]) == {held.conversation_id}
        if act == "postpone":
            conversations.postpone(connection, [(lost, Delay(0.0, 9e9, None))])
        else:
            leases.release(connection, [lost])
        assert _claim_in(scene, connection) == []
        leases.release(connection, [held])
    assert router.dispatch() == 1


def test_a_lease_from_before_the_clock_stepped_back_does_not_hold(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    router.publish(alert())
    scene.clock.advance(1)
    database = _with_one_due(scene, router, alert)
    scene.clock.advance(3600)
    assert len(_claim(scene, database)) == 1
    scene.clock.advance(-3600)
    assert len(_claim(scene, database)) == 1


def test_an_episode_waits_until_the_one_before_it_was_told_to_its_end(
    scene: Any, alert: Any
) -> None:
    """A late "resolved" of the failure before would read as if this one were over."""

    class RefusesResolved(RecordingSink):
        refuses = True

        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            is_end = notification.purpose == "resolve" and "job" in notification.group_labels
            if self.refuses and is_end:
                raise DeliveryError(Reason.UNAVAILABLE, "down")
            return super().deliver(notification, deadline=deadline)

    scene.sinks["chat"] = RefusesResolved()
    router = scene.router(AT_ONCE)
    router.publish(alert())
    router.dispatch()
    router.resolve({"job": "daily"})
    for n in range(12):
        scene.clock.advance(60)
        router.publish(alert(job=f"other{n}"))
        router.dispatch(until_idle=True)
    router.publish(alert())
    for _ in range(3):
        scene.clock.advance(31)
        router.dispatch(until_idle=True)
    assert _heard(scene) == ["open"]
    scene.chat.refuses = False
    for _ in range(2):
        scene.clock.advance(300)
        router.dispatch(until_idle=True)
    assert _heard(scene) == ["open", "resolve", "open"]


def test_what_changes_while_it_is_being_told_is_told_at_the_next_tick(
    scene: Any, alert: Any
) -> None:
    other = scene.router(AT_ONCE)

    def change() -> None:
        other.publish(alert(step="load"))
        other.dispatch()

    scene.sinks["chat"] = Interrupted(change)
    router = scene.router(AT_ONCE)
    router.publish(alert())
    router.dispatch()
    scene.clock.advance(300)
    router.dispatch()
    assert _heard(scene) == ["open", "notice"]


def _heard(scene: Any) -> list[str]:
    return [n.purpose.value for n in scene.chat.delivered if n.group_labels.get("job") == "daily"]


def _with_one_due(scene: Any, router: Any, alert: Any) -> Any:
    """The database of a router whose one conversation is due and free."""
    from work_data_hub.alerting.store import groups, routing

    router.publish(alert())
    with router.store.database.write() as connection:
        route = router.config.route
        routing.route_changed(
            connection, lambda _: [route], lambda _: route, now=scene.clock.seconds()
        )
        groups.converse(connection, [NAME])
    return router.store.database


def _claim(scene: Any, database: Any) -> Any:
    with database.write() as connection:
        return _claim_in(scene, connection)


def _claim_in(scene: Any, connection: Any) -> Any:
    return leases.claim(connection, *NAME, now=scene.clock.seconds(), limit=9)
