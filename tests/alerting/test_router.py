"""The router as its users see it."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from work_data_hub.alerting import Alert, AlertRouter, Severity
from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.sink import Receipt
from work_data_hub.alerting.store.direct import driver_of
from work_data_hub.alerting.store.leases import LEASE_S
from work_data_hub.alerting.testing import RecordingSink

AT_ONCE = """
route: {receiver: team, group_by: [job], group_wait: 0s, group_interval: 1m}
receivers:
  - name: team
    memory_configs: [{sink: chat}]
"""
SECRET = "correct-horse-battery"


def test_making_a_router_touches_nothing(tmp_path: Path) -> None:
    environ = {"WDH_STATE_DIR": str(tmp_path / "state")}
    router = AlertRouter.from_file(tmp_path / "alerts.yml", environ=environ)
    assert router.next_due() is None
    assert list(tmp_path.iterdir()) == []


def test_the_store_is_in_the_state_directory_unless_said(tmp_path: Path) -> None:
    environ = {"WDH_STATE_DIR": str(tmp_path / "state")}
    router = AlertRouter.from_file(tmp_path / "alerts.yml", environ=environ)
    router.publish(Alert({"alertname": "A", "severity": Severity.INFO}))
    router.close()
    assert (tmp_path / "state" / "alerts.db").exists()


def test_next_due_is_now_then_later_then_never(scene: Any, router: Any, alert: Any) -> None:
    assert router.next_due() is None
    router.publish(alert())
    assert router.next_due() == scene.clock.now
    router.dispatch()
    assert router.next_due() == scene.clock.now + timedelta(seconds=30)
    scene.clock.advance(30)
    router.dispatch()
    assert router.next_due() == scene.clock.now + timedelta(hours=4)
    router.resolve({"job": "daily"})
    router.dispatch()
    assert router.next_due() == scene.clock.now + timedelta(minutes=5)
    scene.clock.advance(300)
    router.dispatch()
    assert router.next_due() is None


def test_publish_all_takes_more_than_one_transaction_holds(router: Any, alert: Any) -> None:
    outcomes = router.publish_all(alert(step=str(i)) for i in range(1_100))
    assert outcomes == ["opened"] * 1_100


def test_a_storm_is_one_notification_a_group(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE)
    router.publish_all(alert(job=f"job{i % 20}", step=str(i)) for i in range(2_000))
    assert router.dispatch(until_idle=True) == 20
    assert {len(n.incidents) for n in scene.chat.delivered} == {100}


def test_a_naive_time_of_resolution_is_refused(scene: Any, router: Any) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        router.resolve({"job": "daily"}, at=scene.clock.now.replace(tzinfo=None))


def test_no_secret_reaches_the_store_or_a_sink(scene: Any, alert: Any) -> None:
    router = scene.router(AT_ONCE, environ={"WAREHOUSE_PASSWORD": SECRET})
    router.publish(
        Alert(
            {"alertname": "RunFailed", "job": "daily"},
            {"error": f"postgresql://wdh:{SECRET}@db failed; token=abcdef0123456789"},
            generator_url=f"https://user:{SECRET}@dagster.example/runs/1",
        )
    )
    router.dispatch()
    router.close()
    stored = b"".join(path.read_bytes() for path in scene.folder.glob("alerts.db*"))
    told = repr(scene.chat.delivered)
    assert b"RunFailed" in stored
    assert "[redacted]" in told
    for secret in (SECRET, "abcdef0123456789"):
        assert secret.encode() not in stored
        assert secret not in told


def test_an_unexpected_error_of_a_sink_shows_no_secret(scene: Any, alert: Any) -> None:
    class Leaking(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            raise RuntimeError(f"cannot log in with {SECRET}")

    scene.sinks["chat"] = Leaking()
    router = scene.router(AT_ONCE, environ={"CHAT_TOKEN": SECRET})
    event_ = alert()
    router.publish(event_)
    router.dispatch()
    (attempt,) = router.store.attempts(event_.fingerprint)
    assert attempt.detail == "RuntimeError: cannot log in with [redacted]"


def test_the_history_of_an_incident_names_every_attempt(scene: Any, alert: Any) -> None:
    from work_data_hub.alerting.errors import DeliveryError, Reason

    router = scene.router(AT_ONCE)
    scene.chat.fail(DeliveryError(Reason.UNAVAILABLE, "HTTP 503"))
    event_ = alert()
    router.publish_all([event_, alert(job="other")])
    router.dispatch(until_idle=True)
    scene.clock.advance(60)
    router.dispatch(until_idle=True)
    found = router.store.attempts(event_.fingerprint)
    assert [(a.purpose.value, a.outcome, a.reason, a.attempt) for a in found] == [
        ("open", "failed", "unavailable", 1),
        ("open", "delivered", None, 2),
    ]
    assert {a.integration for a in found} == {"memory[0]"}
    assert len({a.key for a in found}) == 1


class Locking(RecordingSink):
    """Takes what it is told, and has locked the store by then, once."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._other = sqlite3.connect(
            folder / "alerts.db", isolation_level=None, check_same_thread=False
        )

    def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
        if not self.delivered:
            self._other.execute("BEGIN IMMEDIATE")
        return super().deliver(notification, deadline=deadline)

    def let_go(self) -> None:
        self._other.execute("ROLLBACK")
        self._other.close()


def test_a_store_that_goes_away_while_telling_causes_no_second_message(
    scene: Any, alert: Any
) -> None:
    scene.sinks["chat"] = locking = Locking(scene.folder)
    router = scene.router(AT_ONCE)
    router.publish(alert())
    with pytest.raises(StoreUnavailable):
        router.dispatch()
    locking.let_go()
    assert router.dispatch() == 1
    assert scene.told() == ["open"]
    assert router.next_due() > scene.clock.now


def test_what_a_dispatcher_told_that_ended_while_its_store_was_away_is_told_again(
    scene: Any, alert: Any
) -> None:
    scene.sinks["chat"] = locking = Locking(scene.folder)
    router = scene.router(AT_ONCE)
    router.publish(alert())
    with pytest.raises(StoreUnavailable):
        router.dispatch()
    router.close()
    locking.let_go()
    after = scene.router(AT_ONCE)
    scene.clock.advance(LEASE_S + 1)
    assert after.dispatch(until_idle=True) == 1
    first, second = scene.chat.delivered
    assert (first.purpose, first.key) == (second.purpose, second.key)


def test_no_statement_of_a_pass_reads_all_that_ever_happened(scene: Any, alert: Any) -> None:
    """Finished incidents are many in time; each pass looks at what is open through an index."""
    router = scene.router(AT_ONCE + _INHIBITION)
    router.publish(alert())
    router.dispatch()
    asked: list[str] = []
    event.listen(
        router.store.database._opened(),
        "begin",
        lambda connection: driver_of(connection).set_trace_callback(asked.append),
    )
    router.publish(alert(step="load"))
    router.resolve({"alertname": "RunFailed"})
    scene.clock.advance(60)
    router.dispatch()
    router.next_due()
    with router.store.database.write() as connection:
        driver = driver_of(connection)
        driver.set_trace_callback(None)
        plans = [
            step
            for statement in asked
            if statement.startswith(("SELECT", "UPDATE", "INSERT", "WITH"))
            for *_, step in driver.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert any(statement.startswith("WITH given") for statement in asked)
    assert len(plans) > 20
    assert not [plan for plan in plans if re.match(r"SEARCH alert_members .*[<>]", plan)]
    scans = {plan for plan in plans if plan.startswith("SCAN")}
    scans = {scan for scan in scans if not re.fullmatch(r"SCAN (given|.*CONSTANT ROWS?)", scan)}
    assert scans <= {
        "SCAN alert_incidents USING INDEX alert_incidents_changed",
        "SCAN alert_incidents USING INDEX alert_incidents_firing",
        "SCAN alert_incidents USING INDEX alert_incidents_firing_name",
        "SCAN alert_conversations USING INDEX alert_conversations_due",
        "SCAN alert_integrations",
    }


_INHIBITION = """
inhibit_rules:
  - source_matchers: [alertname="A"]
    target_matchers: [alertname="B"]
"""
