"""Dispatch over a million finished alerts, against dispatch over a thousand."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.finished_alerts import fill
from benchmarks.measure import Figure, medians

MANY, FEW = 1_000_000, 1_000
ALERTS = 300
CONFIG = """
route: {receiver: team, group_by: [alertname, job], group_wait: 0s}
receivers: [{name: team, memory_configs: [{}]}]
"""


def figures() -> list[Figure]:
    """Seconds in which alerts, a group each, are routed, claimed, told and recorded."""
    from work_data_hub.alerting import Alert

    with tempfile.TemporaryDirectory() as folder:
        routers = [_router(Path(folder), history) for history in (FEW, MANY)]
        rounds = count()

        def publish() -> None:
            # Jobs that failed before, so that each has its history.
            first = next(rounds) // len(routers) * ALERTS % FEW
            for router in routers:
                router.publish_all(
                    Alert({"alertname": "RunFailed", "job": f"job{first + i}"})
                    for i in range(ALERTS)
                )

        def dispatch(router: Any) -> None:
            told = router.dispatch(until_idle=True)
            assert told == ALERTS, told
            router.resolve({"alertname": "RunFailed"})

        few, many = medians(
            [lambda: dispatch(routers[0]), lambda: dispatch(routers[1])],
            rounds=3,
            before_each=publish,
        )
    return [
        Figure(
            f"dispatch over {MANY:,} finished alerts, against one over {FEW:,}",
            many / few,
            "x",
            1.5,
            note=f"{ALERTS} alerts: {many * 1000:.0f} ms, {few * 1000:.0f} ms",
        )
    ]


def _router(folder: Path, history: int) -> Any:
    from work_data_hub.alerting import AlertRouter
    from work_data_hub.alerting.kind import Kind, SinkConfig
    from work_data_hub.alerting.testing import RecordingSink

    store, config = folder / f"{history}.db", folder / "alerts.yml"
    fill(store, history)
    config.write_text(CONFIG, encoding="utf-8")
    kind = Kind("memory", SinkConfig, lambda *_, **__: RecordingSink())
    return AlertRouter.from_file(config, f"sqlite:///{store}", environ={}, kinds={"memory": kind})
