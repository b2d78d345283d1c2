"""What Prometheus reads of the store: the right numbers, bounded, that never fall."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from query_plans import steps_of
from sqlalchemy import text

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.metrics import StoreCollector
from work_data_hub.alerting.sinks.prometheus import PROMETHEUS
from work_data_hub.alerting.store import alert_counts, latency, reading
from work_data_hub.alerting.store.health import Count, add, counted
from work_data_hub.alerting.store.store import Store

pytestmark = pytest.mark.both_databases

TWO_INTEGRATIONS = """
route:
  receiver: team
  group_by: [alertname, job]
  group_wait: 0s
  group_interval: 1m
receivers:
  - name: team
    memory_configs:
      - sink: chat
    prometheus_configs:
      - {}
"""
CHAT = {"integration": "memory[0]", "receiver": "team"}
DAY_S = 86_400
# Tables that alerts.yml and the bound on alertnames keep small.
BOUNDED = {"alert_counters", "alert_integrations"}
# Indices that hold what is open, changed, or a dead letter.
OF_WHAT_IS_NOT_FINISHED = {
    "alert_incidents_firing",
    "alert_incidents_firing_name",
    "alert_incidents_changed",
    "alert_conversations_due",
    "alert_dead_letters_integration",
}


@pytest.fixture
def counting(scene: Any) -> Any:
    scene.kinds["prometheus"] = PROMETHEUS
    return scene.router(TWO_INTEGRATIONS)


def registry_of(scene: Any, router: Any) -> CollectorRegistry:
    names = {(i.receiver, i.name) for i in router.config.integrations()}
    registry = CollectorRegistry()
    registry.register(StoreCollector(router.store, integrations=names, clock=scene.clock))
    return registry


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def alerts(registry: CollectorRegistry, name: str, status: str) -> float | None:
    labels = {"alertname": name, "severity": "critical", "status": status, "receiver": "team"}
    return value(registry, "wdh_alerts_total", **labels)


def counters(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Every sample that must never fall."""
    return {
        (sample.name, json.dumps(sample.labels, sort_keys=True)): sample.value
        for family in registry.collect()
        for sample in family.samples
        if family.type in ("counter", "histogram")
    }


def test_alerts_are_counted_by_name_severity_status_and_receiver(
    scene: Any, counting: Any, alert: Any
) -> None:
    registry = registry_of(scene, counting)
    counting.publish_all([alert(step="load"), alert(step="read"), alert("TickFailed")])
    counting.dispatch()
    counting.resolve({"alertname": "RunFailed", "step": "load"})
    scene.clock.advance(60)
    counting.dispatch()
    assert alerts(registry, "RunFailed", "firing") == 2
    assert alerts(registry, "RunFailed", "resolved") == 1
    assert alerts(registry, "TickFailed", "firing") == 1
    assert alerts(registry, "TickFailed", "resolved") is None


def test_open_incidents_are_those_that_fire_now(scene: Any, counting: Any, alert: Any) -> None:
    registry = registry_of(scene, counting)
    counting.publish_all([alert(step="a"), alert(step="b"), alert(step="c", severity="warning")])
    counting.resolve({"step": "a"})
    of = {"alertname": "RunFailed"}
    assert value(registry, "wdh_incidents_open", **of, severity="critical") == 1
    assert value(registry, "wdh_incidents_open", **of, severity="warning") == 1
    counting.resolve(of)
    assert value(registry, "wdh_incidents_open", **of, severity="critical") is None


def test_since_when_is_that_of_the_oldest_that_is_still_open(
    scene: Any, counting: Any, alert: Any
) -> None:
    registry = registry_of(scene, counting)
    since = "wdh_incidents_oldest_open_timestamp_seconds"
    of = {"alertname": "RunFailed", "severity": "critical"}
    began = []
    for step in ("a", "b", "c"):
        counting.publish(alert(step=step))
        began.append(scene.clock().timestamp())
        scene.clock.advance(60)
    assert value(registry, since, **of) == began[0]
    counting.resolve({"step": "a"})
    assert value(registry, since, **of) == began[1]
    counting.resolve({"alertname": "RunFailed"})
    assert value(registry, since, **of) is None


def test_notifications_are_counted_by_outcome_and_reason(
    scene: Any, counting: Any, alert: Any
) -> None:
    registry = registry_of(scene, counting)
    for outcome in ("delivered", "failed", "dead"):
        assert value(registry, "wdh_notifications_total", **CHAT, outcome=outcome) == 0
    scene.chat.fail(
        DeliveryError(Reason.TIMEOUT, "no answer"), DeliveryError(Reason.REJECTED, "no such thing")
    )
    counting.publish(alert())
    counting.dispatch()
    scene.clock.advance(60)
    counting.dispatch()
    scene.clock.advance(60)
    counting.publish(alert(job="another"))
    counting.dispatch(until_idle=True)
    outcomes = {
        outcome: value(registry, "wdh_notifications_total", **CHAT, outcome=outcome)
        for outcome in ("delivered", "failed", "dead")
    }
    assert outcomes["failed"] == outcomes["dead"] == 1
    assert outcomes["delivered"] == len(scene.chat.delivered) > 0
    assert value(registry, "wdh_notification_failures_total", **CHAT, reason="timeout") == 1
    assert value(registry, "wdh_notification_failures_total", **CHAT, reason="rejected") == 1
    assert value(registry, "wdh_notifications_ambiguous_total", **CHAT) == 1
    assert value(registry, "wdh_dead_letters", **CHAT) == 1


def test_latency_adds_up_over_processes(scene: Any, counting: Any, alert: Any) -> None:
    another = scene.router(TWO_INTEGRATIONS)
    registry = registry_of(scene, counting)
    counting.publish(alert())
    counting.dispatch()
    another.publish(alert(job="another"))
    another.dispatch()
    name = "wdh_notification_latency_seconds"
    assert value(registry, f"{name}_count", **CHAT) == 2
    assert value(registry, f"{name}_bucket", **CHAT, le="+Inf") == 2
    assert value(registry, f"{name}_bucket", **CHAT, le="10.0") == 2
    assert 0 < (value(registry, f"{name}_sum", **CHAT) or 0) < 10


@pytest.mark.parametrize(
    ("seconds", "first_bucket"),
    [(0.0, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (10.0, "10.0"), (12.0, "+Inf")],
)
def test_an_attempt_is_in_every_bucket_from_its_own_on(seconds: float, first_bucket: str) -> None:
    counts = latency.counts_of(("team", "chat"), [seconds])
    histogram = latency.histograms(counts)["team", "chat"]
    within = [bound for bound, count in histogram.buckets if count]
    assert within[0] == first_bucket
    assert within[-1] == "+Inf"
    assert histogram.sum_s == pytest.approx(seconds)


def test_a_bound_of_an_earlier_version_counts_under_the_next(scene: Any) -> None:
    counts = {Count("latency_bucket", "team", "chat", "0.03"): 2}
    histogram = latency.histograms(counts)["team", "chat"]
    assert dict(histogram.buckets)["0.025"] == 0
    assert dict(histogram.buckets)["0.05"] == 2


def test_what_waits_is_seen_before_and_after_it_is_routed(
    scene: Any, counting: Any, alert: Any
) -> None:
    registry = registry_of(scene, counting)
    oldest = "wdh_notifications_oldest_pending_seconds"
    assert value(registry, oldest) == 0
    counting.publish(alert())
    scene.clock.advance(100)
    counting.publish(alert())  # of the same incident: it has waited all the same
    assert value(registry, "wdh_incidents_unrouted") == 1
    assert value(registry, oldest) == 100
    scene.chat.fail(DeliveryError(Reason.UNAVAILABLE, "away"))
    counting.dispatch()
    scene.clock.advance(20)
    assert value(registry, "wdh_incidents_unrouted") == 0
    assert value(registry, "wdh_notifications_pending", **CHAT) == 1
    assert value(registry, oldest) == 120
    scene.clock.advance(60)
    counting.dispatch()
    assert value(registry, "wdh_notifications_pending", **CHAT) == 0
    assert value(registry, oldest) == 0


def test_an_incident_that_was_told_and_changed_waits_since_the_change(
    scene: Any, counting: Any, alert: Any
) -> None:
    registry = registry_of(scene, counting)
    counting.publish(alert())
    counting.dispatch()
    scene.clock.advance(3_600)
    counting.dispatch(until_idle=True)
    counting.publish(alert())
    scene.clock.advance(5)
    assert value(registry, "wdh_notifications_oldest_pending_seconds") == 5


def test_a_parked_integration_shows(scene: Any, counting: Any, alert: Any) -> None:
    registry = registry_of(scene, counting)
    assert value(registry, "wdh_integration_parked", **CHAT) == 0
    scene.chat.fail(DeliveryError(Reason.UNAUTHORIZED, "invalid_auth"))
    counting.publish(alert())
    counting.dispatch()
    assert value(registry, "wdh_integration_parked", **CHAT) == 1


def test_what_a_removed_integration_was_to_hear_is_not_pending(
    scene: Any, counting: Any, alert: Any
) -> None:
    scene.chat.fail(DeliveryError(Reason.UNAVAILABLE, "away"))
    counting.publish(alert())
    counting.dispatch()
    removed = TWO_INTEGRATIONS.replace("    memory_configs:\n      - sink: chat\n", "")
    registry = registry_of(scene, scene.router(removed))
    scene.clock.advance(60)
    assert value(registry, "wdh_notifications_pending", **CHAT) is None
    assert value(registry, "wdh_notifications_oldest_pending_seconds") == 0
    assert value(registry, "wdh_notifications_total", **CHAT, outcome="failed") == 1


def test_one_name_too_many_is_other_and_counted_so(scene: Any, counting: Any, alert: Any) -> None:
    registry = registry_of(scene, counting)
    names = [f"Alert{i:03}" for i in range(alert_counts.MAX_ALERTNAMES + 3)]
    most = names[-1]
    counting.publish_all([*map(alert, names), alert(most, job="another")])
    counting.dispatch(until_idle=True)
    shown = {
        sample.labels["alertname"]
        for family in registry.collect()
        if family.name == "wdh_alerts"
        for sample in family.samples
    }
    assert len(shown) == alert_counts.MAX_ALERTNAMES + 1
    overflowed = alerts(registry, "other", "firing")
    assert overflowed in (3, 4)  # which came too late is for the dispatcher to say
    assert value(registry, "wdh_alerts_overflowed_total", receiver="team") == overflowed
    open_ = next(f for f in registry.collect() if f.name == "wdh_incidents_open")
    assert len(open_.samples) == alert_counts.MAX_ALERTNAMES + 1
    assert sum(sample.value for sample in open_.samples) == len(names) + 1
    assert value(registry, "wdh_incidents_open", alertname=most, severity="critical") == 2
    began = "wdh_incidents_oldest_open_timestamp_seconds"
    assert value(registry, began, alertname="other", severity="critical") is not None


def count(name: str, status: str) -> Count:
    return Count("alerts", "team", "prometheus[0]", json.dumps([name, "critical", status]))


def test_names_that_come_at_once_are_bounded_too(counting: Any) -> None:
    with counting.store.database.write() as connection:
        counts = {count(name, "firing"): 2 for name in "ABCD"}
        made = alert_counts.bounded(connection, counts, max_alertnames=2)
    overflowed = Count("alerts_overflowed", "team", "prometheus[0]")
    of_other = {count("other", "firing"): 4, overflowed: 4}
    assert made == {count("A", "firing"): 2, count("B", "firing"): 2, **of_other}


def test_a_name_that_has_a_series_keeps_it(scene: Any, counting: Any) -> None:
    with counting.store.database.write() as connection:
        for name, status in [("A", "firing"), ("B", "firing"), ("C", "firing"), ("A", "resolved")]:
            counts = alert_counts.bounded(connection, {count(name, status): 1}, max_alertnames=2)
            add(connection, counts)
        of_alerts = {c.label: n for c, n in counted(connection).items() if c.name == "alerts"}
    assert of_alerts == {
        '["A", "critical", "firing"]': 1,
        '["B", "critical", "firing"]': 1,
        '["other", "critical", "firing"]': 1,
        '["A", "critical", "resolved"]': 1,
    }


def test_no_counter_falls_over_restarts_retention_and_deletion(
    scene: Any, counting: Any, alert: Any
) -> None:
    scene.chat.fail(DeliveryError(Reason.REJECTED, "no"))
    counting.publish_all([alert(key="a"), alert(job="b", key="b")])
    counting.dispatch(until_idle=True)
    counting.resolve({"alertname": "RunFailed"})
    counting.resolve({"alertname": "DeadLetters"})
    scene.clock.advance(60)
    counting.dispatch(until_idle=True)
    before = counters(registry_of(scene, counting))
    assert any(name == "wdh_alerts_total" for name, _ in before)
    counting.close()

    restarted = scene.router(TWO_INTEGRATIONS)
    scene.clock.advance(31 * DAY_S)
    for _ in range(3):
        restarted.dispatch()
        scene.clock.advance(60)
    with restarted.store.database.write() as connection:
        connection.execute(text("DELETE FROM alert_dead_letters"))
    for _ in range(3):
        restarted.dispatch()
        scene.clock.advance(60)
    assert restarted.store.incidents() == []
    after = counters(registry_of(scene, restarted))
    assert {key: after.get(key, 0) for key in before} == before


@pytest.mark.sqlite
def test_a_store_that_nobody_made_yet_is_not_made_by_a_scrape(scene: Any, counting: Any) -> None:
    registry = registry_of(scene, counting)
    assert value(registry, "wdh_store_up") == 1
    assert value(registry, "wdh_notifications_total", **CHAT, outcome="delivered") == 0
    assert not (scene.folder / "alerts.db").exists()


def test_a_store_that_does_not_answer_is_a_metric_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "alerts.db").write_text("this is no database, and long enough to be looked at" * 9)
    registry = CollectorRegistry()
    registry.register(StoreCollector(Store(f"sqlite:///{tmp_path / 'alerts.db'}")))
    assert generate_latest(registry).splitlines()[-1] == b"wdh_store_up 0.0"
    assert value(registry, "wdh_notifications_oldest_pending_seconds") is None


def test_registering_touches_no_store(tmp_path: Path) -> None:
    (tmp_path / "alerts.db").write_text("this is no database, and long enough to be looked at" * 9)
    registry = CollectorRegistry(auto_describe=True)
    collector = StoreCollector(Store(f"sqlite:///{tmp_path / 'alerts.db'}"))
    registry.register(collector)
    described = {family.name for family in collector.describe()}
    assert {"wdh_alerts", "wdh_incidents_open", "wdh_notification_latency_seconds"} <= described


@pytest.fixture
def exposed(scene: Any, counting: Any, alert: Any) -> Iterator[CollectorRegistry]:
    """A registry with something in every family, hostile label values among it."""
    scene.chat.fail(
        DeliveryError(Reason.TIMEOUT, "no answer"), DeliveryError(Reason.UNAUTHORIZED, "no")
    )
    counting.publish(alert('Run"Failed\\"\n业绩', job="任务"))
    for _ in range(3):
        counting.dispatch()
        scene.clock.advance(60)
    with counting.store.database.write() as connection:
        counts = {
            Count("alerts_overflowed", "team", "prometheus[0]"): 2,
            Count("lease_lost", "team", "memory[0]"): 1,
        }
        add(connection, counts)
    yield registry_of(scene, counting)


def promtool(exposition: bytes) -> list[str]:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition, capture_output=True, check=False
    )
    return (checked.stdout + checked.stderr).decode().splitlines()


def test_promtool_finds_nothing_in_the_classic_text(exposed: CollectorRegistry) -> None:
    exposition = generate_latest(exposed)
    assert b'alertname="Run\\"Failed' in exposition
    assert promtool(exposition) == []


def test_promtool_finds_nothing_in_openmetrics_but_what_it_cannot_read(
    exposed: CollectorRegistry,
) -> None:
    """promtool 2.42 reads classic text only, where a counter's help stands under its full name."""
    exposition = generate_openmetrics(exposed)
    families = list(text_string_to_metric_families(exposition.decode()))
    counted_ = sorted(f"{f.name}_total no help text" for f in families if f.type == "counter")
    assert sorted(promtool(exposition)) == counted_
    assert all(family.documentation for family in families)


def test_both_texts_tell_the_same(exposed: CollectorRegistry) -> None:
    def samples(exposition: bytes) -> list[str]:
        lines = exposition.decode().splitlines()
        return sorted(line for line in lines if not line.startswith("#"))

    assert samples(generate_latest(exposed)) == samples(generate_openmetrics(exposed))


@pytest.mark.sqlite
def test_no_query_of_a_scrape_goes_through_what_is_finished(scene: Any, counting: Any) -> None:
    def ask(connection: Any) -> None:
        reading.read(connection, now=scene.clock.seconds())

    with counting.store.database.write() as connection:
        steps = steps_of(connection, ask)
    for statement, step in steps:
        if scan := re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step):
            assert scan[1] in BOUNDED or scan[2] in OF_WHAT_IS_NOT_FINISHED, f"{statement}: {step}"


def test_prometheus_client_is_imported_when_metrics_are_read() -> None:
    program = (
        "import sys, work_data_hub.alerting.metrics; assert 'prometheus_client' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
