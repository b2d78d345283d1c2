"""When a sink does not take it: retried, held back, parked, given up; never lost."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from work_data_hub.alerting import workers
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.outcome import GIVE_UP_AFTER_S, INTERNAL_ATTEMPTS, PARKED_RETRY_S
from work_data_hub.alerting.sink import Receipt, Status
from work_data_hub.alerting.store.health import Count
from work_data_hub.alerting.testing import RecordingSink
from work_data_hub.alerting.timing import RETRY_AFTER_LONGEST_S

pytestmark = pytest.mark.both_databases

AT_ONCE = """
route: {receiver: team, group_by: [alertname, job], group_wait: 0s, group_interval: 1m}
receivers:
  - name: team
    memory_configs:
      - sink: chat
"""
TWO_SINKS = AT_ONCE + "      - sink: mail\n"


def unavailable() -> DeliveryError:
    return DeliveryError(Reason.UNAVAILABLE, "HTTP 503")


def test_a_transient_failure_is_tried_again_after_a_growing_wait(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(*[unavailable() for _ in range(4)])
    router.publish(alert())
    waits = []
    while not scene.chat.delivered:
        router.dispatch()
        if not scene.chat.delivered:
            wait_s = (router.next_due() - scene.clock.now).total_seconds()
            scene.clock.advance(wait_s - 0.01)
            assert router.dispatch() == 0
            scene.clock.advance(0.01)
            waits.append(wait_s)
    assert waits == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("reason", "until_s"), [(Reason.RATE_LIMITED, 90), (Reason.UNAUTHORIZED, PARKED_RETRY_S)]
)
def test_what_was_on_its_way_already_opens_no_window_that_another_closed(
    scene: Any, alert: Any, reason: Reason, until_s: float
) -> None:
    begun, refused = threading.Event(), threading.Event()

    class SlowAndRefusing(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            if notification.group_labels.get("job") == "slow":
                begun.set()
                assert refused.wait(30)
                wait_for_the_record()
            elif not refused.is_set():
                assert begun.wait(30)
                self.attempts.append(notification)
                refused.set()
                raise DeliveryError(reason, "no", retry_after_s=90)
            return super().deliver(notification, deadline=deadline)

    def wait_for_the_record() -> None:
        ends_at = time.monotonic() + 30
        while not router.store.counters().get(Count("failed", "team", "memory[0]", reason)):
            assert time.monotonic() < ends_at

    scene.sinks["chat"] = SlowAndRefusing()
    router = scene.router(AT_ONCE)
    router.publish_all([alert(job="slow"), alert(job="limited")])
    assert router.dispatch() == 1
    assert router.store.parked() == ([("team", "memory[0]")] if reason.parks else [])
    router.publish(alert(job="third"))
    scene.clock.advance(until_s - 1)
    assert router.dispatch(until_idle=True) == 0
    assert len(scene.chat.attempts) == 2
    scene.clock.advance(1)
    assert router.dispatch(until_idle=True) >= 2
    assert router.store.parked() == []


def test_no_window_is_longer_than_an_hour(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(DeliveryError(Reason.RATE_LIMITED, "slow down", retry_after_s=86_400))
    router.publish(alert())
    router.dispatch()
    scene.clock.advance(RETRY_AFTER_LONGEST_S - 1)
    assert router.dispatch(until_idle=True) == 0
    scene.clock.advance(1)
    assert router.dispatch() == 1


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.UNAVAILABLE])
def test_retry_after_is_honoured_for_the_whole_integration(
    scene: Any, alert: Any, reason: Reason
) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(DeliveryError(reason, "slow down", retry_after_s=90))
    router.publish(alert())
    router.dispatch()
    router.publish(alert(job="other"))
    scene.clock.advance(89)
    assert router.dispatch(until_idle=True) == 0
    assert len(scene.chat.attempts) == 1
    scene.clock.advance(1)
    assert router.dispatch(until_idle=True) == 2


def test_a_failing_sink_is_probed_with_one_notification_at_a_time(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(unavailable())
    router.publish(alert())
    router.dispatch()
    router.publish_all([alert(job=f"job{i}") for i in range(20)])
    scene.chat.fail(unavailable())
    scene.clock.advance(60)
    router.dispatch()
    assert len(scene.chat.attempts) == 2
    scene.clock.advance(60)
    assert router.dispatch(until_idle=True) == 21


def test_once_a_sink_is_well_again_what_failed_meanwhile_waits_no_longer(
    scene: Any, alert: Any
) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(*[unavailable()] * 9)
    router.publish(alert(job="oldest"))
    while len(scene.chat.attempts) < 9:
        router.dispatch()
        scene.clock.advance(10)
    router.publish(alert(job="probe"))
    scene.clock.advance(30)
    waited_from = scene.clock.now
    router.drain(budget_s=5)
    told = {n.group_labels.get("job") for n in scene.chat.delivered}
    assert told >= {"probe", "oldest"}
    assert (scene.clock.now - waited_from).total_seconds() < 5


def test_what_fails_while_the_rest_is_taken_keeps_its_own_growing_wait(
    scene: Any, alert: Any
) -> None:
    class Poisoned(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            if notification.group_labels.get("job") == "poison":
                self.fail(unavailable())
            return super().deliver(notification, deadline=deadline)

    scene.sinks["chat"] = Poisoned()
    router = scene.router(AT_ONCE)
    router.publish(alert(job="poison"))
    for n in range(60):
        router.dispatch()
        scene.clock.advance(5)
        router.publish(alert(job=f"job{n}"))
    tries = [n for n in scene.chat.attempts if n.group_labels.get("job") == "poison"]
    assert len(tries) <= 10, "in 300 s, with a wait that doubles: 9, and one for the recovery"


def test_a_notification_that_always_fails_holds_up_no_other(scene: Any, alert: Any) -> None:
    class Poisoned(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            if notification.group_labels["job"] == "poison":
                raise unavailable()
            return super().deliver(notification, deadline=deadline)

    scene.sinks["chat"] = Poisoned()
    router = scene.router(AT_ONCE)
    router.publish(alert(job="poison"))
    for n in range(6):
        router.publish(alert(job=f"good{n}"))
    for _ in range(12):
        router.dispatch()
        scene.clock.advance(10)
    assert {n.group_labels["job"] for n in scene.chat.delivered} >= {f"good{n}" for n in range(6)}


@pytest.mark.parametrize("reason", [r for r in Reason if r.permanent])
def test_a_permanent_failure_is_a_dead_letter_at_once(
    scene: Any, alert: Any, reason: Reason
) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(DeliveryError(reason, "no such channel"))
    router.publish(alert(error="the warehouse is gone"))
    router.dispatch()
    (letter,) = router.store.dead_letters()
    assert (letter.receiver, letter.integration, letter.reason) == ("team", "memory[0]", reason)
    assert letter.detail == "no such channel"
    assert "the warehouse is gone" in letter.notification
    assert letter.attempts == 1


def test_a_dead_letter_is_an_alert_that_other_sinks_tell(scene: Any, alert: Any) -> None:
    scene.sinks["mail"] = RecordingSink()
    router = scene.router(TWO_SINKS)
    scene.chat.fail(DeliveryError(Reason.REJECTED, "too long"))
    router.publish(alert())
    router.dispatch(until_idle=True)
    told = [n.incidents[0].labels for n in scene.sinks["mail"].delivered]
    assert {"alertname": "DeadLetters", "receiver": "team", "integration": "memory[0]"}.items() <= (
        told[-1].items()
    )
    assert scene.sinks["mail"].delivered[-1].incidents[0].annotations["error"] == (
        "rejected: too long"
    )


def test_a_dead_letter_about_a_dead_letter_raises_no_third(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(*[DeliveryError(Reason.NOT_FOUND, "no such channel") for _ in range(50)])
    router.publish(alert())
    router.dispatch(until_idle=True)
    assert len(router.store.dead_letters()) == 2


def test_after_a_dead_letter_the_group_is_told_anew_when_something_new_happens(
    scene: Any, router: Any, alert: Any
) -> None:
    scene.chat.fail(DeliveryError(Reason.REJECTED, "too long"))
    router.publish(alert())
    scene.clock.advance(30)
    router.dispatch()
    scene.clock.advance(300)
    router.publish(alert(step="load"))
    router.dispatch()
    scene.clock.advance(300)
    router.dispatch()
    purposes = [n.purpose for n in scene.chat.delivered if n.group_labels.get("job")]
    assert purposes == ["open"]


def test_refused_credentials_park_the_integration_and_lose_nothing(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(*[DeliveryError(Reason.UNAUTHORIZED, "invalid_auth") for _ in range(2)])
    router.publish_all([alert(), alert(job="other")])
    router.dispatch(until_idle=True)
    attempts = len(scene.chat.attempts)
    assert router.store.parked() == [("team", "memory[0]")]
    scene.clock.advance(PARKED_RETRY_S - 1)
    router.dispatch(until_idle=True)
    assert len(scene.chat.attempts) == attempts <= 2
    scene.chat._failures.clear()
    scene.clock.advance(1)
    router.dispatch(until_idle=True)
    assert {n.group_labels.get("job") for n in scene.chat.delivered} >= {"daily", "other"}
    assert router.store.parked() == []


def test_a_parked_integration_is_tried_at_once_when_its_configuration_changes(
    scene: Any, alert: Any
) -> None:
    scene.chat.fail(DeliveryError(Reason.UNAUTHORIZED, "invalid_auth"))
    router = scene.router(AT_ONCE)
    router.publish(alert())
    router.dispatch(until_idle=True)
    repaired = scene.router(AT_ONCE.replace("sink: chat", "{sink: chat, send_resolved: false}"))
    assert repaired.dispatch(until_idle=True) >= 1
    assert router.store.parked() == []


def test_a_parked_sink_is_an_alert_that_another_sink_tells(scene: Any, alert: Any) -> None:
    scene.sinks["mail"] = RecordingSink()
    router = scene.router(TWO_SINKS)
    scene.chat.fail(DeliveryError(Reason.UNAUTHORIZED, "invalid_auth"))
    router.publish(alert())
    router.dispatch(until_idle=True)
    names = [n.group_labels["alertname"] for n in scene.sinks["mail"].delivered]
    assert names == ["RunFailed", "SinkParked"]


def test_a_sink_that_fails_for_minutes_is_one_alert_and_its_recovery_closes_it(
    scene: Any, alert: Any
) -> None:
    scene.sinks["mail"] = RecordingSink()
    router = scene.router(TWO_SINKS)
    scene.chat.fail(*[unavailable() for _ in range(200)])
    router.publish(alert())
    for _ in range(40):
        router.dispatch(until_idle=True)
        scene.clock.advance(30)
    about = [n for n in scene.sinks["mail"].delivered if "job" not in n.group_labels]
    assert [n.purpose for n in about] == ["open"]
    assert about[0].group_labels["alertname"] == "SinkFailing"
    scene.chat._failures.clear()
    for _ in range(20):
        scene.clock.advance(60)
        router.dispatch(until_idle=True)
    assert [n.purpose for n in scene.sinks["mail"].delivered if "job" not in n.group_labels] == [
        "open",
        "resolve",
    ]


def test_what_is_refused_for_three_days_is_given_up(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(*[unavailable() for _ in range(9)])
    router.publish(alert())
    router.dispatch()
    scene.clock.advance(GIVE_UP_AFTER_S - 1)
    router.dispatch()
    assert router.store.dead_letters() == []
    scene.clock.advance(600)
    router.dispatch()
    assert [letter.reason for letter in router.store.dead_letters()] == [Reason.UNAVAILABLE]


def test_while_a_sink_is_away_the_messages_become_one(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(unavailable())
    router.publish(alert(step="a"))
    router.dispatch()
    router.publish(alert(step="b"))
    router.resolve({"step": "a"})
    scene.clock.advance(120)
    router.dispatch()
    (told,) = scene.chat.delivered
    assert told.purpose == "open"
    assert {(i.labels["step"], i.status.value) for i in told.incidents} == {
        ("a", "resolved"),
        ("b", "firing"),
    }


def test_a_fault_in_the_sink_itself_is_retried_and_then_given_up(scene: Any, alert: Any) -> None:
    class Broken(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            self.attempts.append(notification)
            raise KeyError("password=hunter2hunter2")

    scene.sinks["chat"] = Broken()
    router = scene.router(AT_ONCE)
    router.publish(alert())
    for _ in range(INTERNAL_ATTEMPTS + 3):
        router.dispatch()
        scene.clock.advance(300)
    mine = [n for n in scene.chat.attempts if n.group_labels.get("job") == "daily"]
    assert len(mine) == INTERNAL_ATTEMPTS
    letter = router.store.dead_letters()[-1]
    assert letter.reason is Reason.INTERNAL
    assert "KeyError" in letter.detail
    assert "hunter2" not in letter.detail


def test_an_ambiguous_failure_is_tried_again_and_counted(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(DeliveryError(Reason.DROPPED, "the connection was lost"))
    router.publish(alert())
    router.dispatch()
    scene.clock.advance(5)
    router.dispatch()
    counted = router.store.counters()
    assert counted[Count("maybe_twice", "team", "memory[0]")] == 1
    assert counted[Count("failed", "team", "memory[0]", "dropped")] == 1
    assert counted[Count("delivered", "team", "memory[0]")] == 1


def test_what_was_reached_in_a_failed_attempt_is_handed_to_the_next(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    reached = Receipt({"reached": "a@example.org"})
    scene.chat.fail(DeliveryError(Reason.UNAVAILABLE, "one of two", receipt=reached))
    router.publish(alert())
    router.dispatch()
    scene.clock.advance(60)
    router.dispatch()
    assert [n.previous for n in scene.chat.attempts] == [None, reached]
    assert scene.told() == ["open"]


def test_a_sink_that_is_gone_is_parked_until_its_configuration_changes(
    scene: Any, alert: Any
) -> None:
    router = scene.router(AT_ONCE)
    scene.chat.fail(DeliveryError(Reason.GONE, "HTTP 410"))
    router.publish(alert())
    router.dispatch(until_idle=True)
    assert router.store.parked() == [("team", "memory[0]")]
    assert [letter.reason for letter in router.store.dead_letters()] == [Reason.GONE]
    scene.clock.advance(365 * 86_400)
    router.publish(alert(step="load"))
    assert router.dispatch(until_idle=True) == 0
    repaired = scene.router(AT_ONCE.replace("sink: chat", "{sink: chat, send_resolved: false}"))
    assert repaired.dispatch(until_idle=True) >= 1


def test_what_a_sink_counts_is_added_up_in_the_store(scene: Any, alert: Any) -> None:
    class Counting(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            super().deliver(notification, deadline=deadline)
            return Receipt(counts={("RunFailed", "critical"): 2})

    scene.sinks["chat"] = Counting()
    router = scene.router(AT_ONCE)
    router.publish_all([alert(), alert(job="other")])
    router.dispatch()
    label = '["RunFailed", "critical"]'
    assert router.store.counters()[Count("alerts", "team", "memory[0]", label)] == 4


@pytest.mark.sqlite
def test_a_sink_that_hangs_holds_up_no_other(scene: Any, alert: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(workers, "DELIVERY_DEADLINE_S", 0.05)
    monkeypatch.setattr("work_data_hub.alerting.under_way.DELIVERY_DEADLINE_S", 0.05)
    monkeypatch.setattr("work_data_hub.alerting.under_way.OVERRUN_S", 0.05)
    released, healthy = threading.Event(), threading.Event()

    class Hanging(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            released.wait(30)
            return Receipt()

    class Healthy(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            if len(self.delivered) == 29:
                healthy.set()
            return super().deliver(notification, deadline=deadline)

    scene.sinks |= {"chat": Hanging(), "mail": Healthy()}
    router = scene.router(TWO_SINKS)
    router.publish_all([alert(job=f"job{i}") for i in range(30)])
    try:
        assert router.dispatch() == 30
        assert healthy.is_set()
        reasons = {c.label for c in router.store.counters() if c.name == "failed"}
        assert reasons == {"timeout"}
    finally:
        released.set()


@pytest.mark.sqlite
def test_a_sink_that_hangs_has_sixteen_threads_at_most_and_works_again_later(
    scene: Any, alert: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(workers, "DELIVERY_DEADLINE_S", 0.3)
    monkeypatch.setattr("work_data_hub.alerting.under_way.DELIVERY_DEADLINE_S", 0.3)
    monkeypatch.setattr("work_data_hub.alerting.under_way.OVERRUN_S", 0.1)
    released = threading.Event()
    of_others = set(threading.enumerate())

    def threads() -> int:
        ours = set(threading.enumerate()) - of_others
        return sum(thread.name == "deliver memory[0]" for thread in ours)

    class Hanging(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            self.attempts.append(notification)
            released.wait(30)
            return super().deliver(notification, deadline=deadline)

    scene.sinks["chat"] = Hanging()
    router = scene.router(AT_ONCE)
    router.publish_all([alert(job=f"job{n}") for n in range(40)])
    try:
        assert router.dispatch() == 0
        assert len(scene.chat.attempts) == threads() == 16
        scene.clock.advance(60)
        assert router.dispatch() == 0, "no thread is left to try it"
        assert threads() == 16
    finally:
        released.set()
    ends_at = time.monotonic() + 30
    while {n.group_labels["job"] for n in scene.chat.delivered} != {f"job{n}" for n in range(40)}:
        assert time.monotonic() < ends_at
        scene.clock.advance(30)
        router.dispatch()
    assert threads() <= 16


@pytest.mark.sqlite
def test_what_comes_while_a_delivery_hangs_is_told_in_the_same_pass(
    scene: Any, alert: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("work_data_hub.alerting.dispatcher.LOOK_EVERY_S", 0.01)
    hangs, released = threading.Event(), threading.Event()

    class Hanging(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            hangs.set()
            released.wait(30)
            return super().deliver(notification, deadline=deadline)

    class Healthy(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            if notification.group_labels.get("job") == "late":
                released.set()
            return super().deliver(notification, deadline=deadline)

    scene.sinks |= {"chat": Hanging(), "mail": Healthy()}
    router = scene.router(TWO_SINKS)
    publisher = scene.router(TWO_SINKS)
    router.publish(alert())

    def publish_late() -> None:
        hangs.wait(30)
        publisher.publish(alert(job="late"))

    thread = threading.Thread(target=publish_late)
    thread.start()
    try:
        assert router.dispatch() >= 3
        assert released.is_set()
    finally:
        released.set()
        thread.join()


def test_while_a_delivery_hangs_looking_for_more_holds_up_no_writer(
    scene: Any, alert: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("work_data_hub.alerting.dispatcher.LOOK_EVERY_S", 0.01)
    released = threading.Event()

    class Hanging(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            released.wait(30)
            return super().deliver(notification, deadline=deadline)

    scene.sinks["chat"] = Hanging()
    router = scene.router(AT_ONCE)
    router.publish_all(alert(job=f"job{n}") for n in range(20))
    database = router.store.database
    write, read = database.write, database.read
    used: list[str] = []

    def noted_write() -> Any:
        used.append("write")
        return write()

    def noted_read() -> Any:
        used.append("read")
        if used.count("read") == 20:
            released.set()
        return read()

    monkeypatch.setattr(database, "write", noted_write)
    monkeypatch.setattr(database, "read", noted_read)
    assert router.dispatch() == 20
    first, last = used.index("read"), len(used) - used[::-1].index("read")
    renewals = used[first:last].count("write")
    assert renewals <= 3, "one in 1.5 s"


def test_a_pace_is_kept_and_drain_sits_it_out(scene: Any, alert: Any) -> None:
    scene.sinks["chat"] = RecordingSink(pace_s=1.0)
    router = scene.router(AT_ONCE)
    router.publish_all([alert(job=f"job{i}") for i in range(20)])
    assert router.dispatch(until_idle=True) == 1
    before = scene.clock.now
    assert router.drain(budget_s=45) == 19
    assert 19 <= (scene.clock.now - before).total_seconds() < 21


def test_drain_stops_when_its_budget_is_spent(scene: Any, alert: Any) -> None:
    scene.sinks["chat"] = RecordingSink(pace_s=1.0)
    router = scene.router(AT_ONCE)
    router.publish_all([alert(job=f"job{i}") for i in range(20)])
    assert router.drain(budget_s=5) == 5


def test_drain_does_not_wait_for_a_reminder(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    router.publish(alert())
    before = scene.clock.now
    assert router.drain(budget_s=45) == 1
    assert scene.clock.now == before
    assert router.store.incidents(status=Status.FIRING)
