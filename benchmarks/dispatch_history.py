"""Dispatch over a million finished alerts, against dispatch over a thousand."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.finished_alerts import fill
from benchmarks.measure import Figure, medians

MANY, FEW = 1_000_000, 1_000
ALERTS = 200
CONFIG = """
route: {receiver: team, group_by: [alertname, job], group_wait: 0s, group_interval: 1m}
receivers: [{name: team, memory_configs: [{}]}]
"""


def figures() -> list[Figure]:
    """Seconds in which alerts, a group each, are told, and told to be over."""
    from work_data_hub.alerting import Alert

    with tempfile.TemporaryDirectory() as folder:
        few, many = (_Team(Path(folder), history) for history in (FEW, MANY))
        turns = count()

        def publish() -> None:
            turn = next(turns)
            # Jobs that failed before, so that each has its history.
            first = turn // 2 * ALERTS % FEW
            (few, many)[turn % 2].router.publish_all(
                Alert({"alertname": "RunFailed", "job": f"job{first + i}"}) for i in range(ALERTS)
            )

        few_s, many_s = medians([few.tell, many.tell], rounds=5, before_each=publish)
    return [
        Figure(
            f"dispatch over {MANY:,} finished alerts, against one over {FEW:,}",
            many_s / few_s,
            "x",
            1.5,
            note=f"{ALERTS} alerts, each told twice: {many_s * 1000:.0f} ms, {few_s * 1000:.0f} ms",
        )
    ]


class _Team:
    """A router with a history, and a sink that takes everything."""

    def __init__(self, folder: Path, history: int) -> None:
        from work_data_hub.alerting import AlertRouter
        from work_data_hub.alerting.kind import Kind, SinkConfig
        from work_data_hub.alerting.testing import RecordingSink

        store, config = folder / f"{history}.db", folder / "alerts.yml"
        fill(store, history)
        config.write_text(CONFIG, encoding="utf-8")
        self.now = datetime.now(UTC)
        self.router: Any = AlertRouter.from_file(
            config,
            f"sqlite:///{store}",
            clock=lambda: self.now,
            environ={},
            kinds={"memory": Kind("memory", SinkConfig, lambda *_, **__: RecordingSink())},
        )

    def tell(self) -> None:
        told = self.router.dispatch()
        self.router.resolve({"alertname": "RunFailed"})
        self.now += timedelta(minutes=1)
        told += self.router.dispatch()
        assert told == 2 * ALERTS, told
