"""A scrape of the router's metrics over a million finished alerts, against one over a thousand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.finished_alerts import fill
from benchmarks.measure import Figure, medians

MANY, FEW = 1_000_000, 1_000
OPEN = 200


def figures() -> list[Figure]:
    """Milliseconds of a whole scrape, text included, with some hundred incidents open."""
    with tempfile.TemporaryDirectory() as folder:
        scrapes = [_scrape(Path(folder, f"{count}.db"), count) for count in (FEW, MANY)]
        few, many = medians(scrapes, rounds=15)
    return [
        Figure(
            f"a scrape over {MANY:,} finished alerts, {OPEN} open",
            many * 1000,
            "ms",
            100.0,
            note=f"over {FEW:,} finished ones {few * 1000:.1f} ms",
        )
    ]


def _scrape(path: Path, count: int) -> Callable[[], bytes]:
    from prometheus_client import CollectorRegistry, generate_latest

    from work_data_hub.alerting import Alert, AlertRouter
    from work_data_hub.alerting.metrics import StoreCollector

    fill(path, count)
    router = AlertRouter.from_file("no-such.yml", f"sqlite:///{path}", environ={})
    router.publish_all(
        Alert({"alertname": f"Alert{i % 50}", "job": f"open{i}", "severity": "critical"})
        for i in range(OPEN)
    )
    registry = CollectorRegistry()
    names = {(i.receiver, i.name) for i in router.config.integrations()}
    registry.register(StoreCollector(router.store, integrations=names))
    assert b"wdh_incidents_open" in generate_latest(registry)
    return lambda: generate_latest(registry)
