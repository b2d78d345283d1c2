"""Twenty runs fail at once: what dagster-slack's own sensor tells of them, and what we do.

Against a Slack that takes one message a second and channel, and one that is down for a while. A
tick comes every 30 s. The time is that of the bench, so nobody waits for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from unittest.mock import patch

import dagster_slack.sensors as stock
from dagster import DagsterInstance, SensorDefinition, build_sensor_context
from slack_sdk import WebClient

from benchmarks.finished_runs import an_instance, broken, ends, made_run
from benchmarks.measure import Figure
from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.sink import Deadline
from work_data_hub.alerting.testing import SlackServer
from work_data_hub.observability.feed import advance

FAILURES = 20
TICK_S = 30.0
# A stock sensor handles five runs a tick: DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT, where not set.
TICKS = FAILURES // 5 + 1
CONFIG = """
route: {{receiver: team, group_by: [partition], group_wait: 0s}}
receivers:
  - name: team
    slack_configs: [{{app_token: "{token}", app_url: "{url}", channel: alerts}}]
"""
Tick = Callable[[], None]
Ticking = Callable[[DagsterInstance, SlackServer, "Clock"], AbstractContextManager[Tick]]


@dataclass
class Clock:
    """Seconds since the epoch; they pass when told to."""

    at: float

    def __call__(self) -> float:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


def figures() -> list[Figure]:
    """How many of the failures are a message in the end."""
    return [
        Figure(
            f"{FAILURES} runs fail at once, Slack {how}: told",
            _told(_ours, ticks_down=ticks_down),
            f"of {FAILURES}",
            FAILURES,
            at_least=True,
            note=f"dagster-slack's sensor {_told(_stock, ticks_down=ticks_down)}",
        )
        for how, ticks_down in (
            ("takes a message a second", 0),
            (f"answers 503 for {TICKS} ticks", TICKS),
        )
    ]


def _told(ticking: Ticking, *, ticks_down: int) -> int:
    clock = Clock(datetime.now(UTC).timestamp())
    with (
        tempfile.TemporaryDirectory() as folder,
        an_instance(Path(folder)) as instance,
        SlackServer(clock=clock, message_every_s=1.0) as slack,
        ticking(instance, slack, clock) as tick,
    ):
        tick()  # what failed before its first tick is none of a stock sensor's business
        for n in range(FAILURES):
            run = made_run(instance, broken, {"dagster/partition": f"p{n:02}"})
            ends(instance, run, at=clock.now(), failed=True)
        for n in range(ticks_down + TICKS):
            slack.always_answer(503 if n < ticks_down else None)
            tick()
            clock.pass_(TICK_S)
        return len(slack.messages)


@contextmanager
def _stock(instance: DagsterInstance, slack: SlackServer, _clock: Clock) -> Iterator[Tick]:
    client = partial(WebClient, base_url=f"{slack.address}/api/")
    with patch.object(stock, "WebClient", client):
        sensor: SensorDefinition = stock.make_slack_on_run_failure_sensor(
            "#alerts", slack.token, monitor_all_code_locations=True
        )
    cursor: str | None = None

    def tick() -> None:
        nonlocal cursor
        with build_sensor_context(instance=instance, cursor=cursor) as context:
            sensor.evaluate_tick(context)
            cursor = context.cursor

    yield tick


@contextmanager
def _ours(instance: DagsterInstance, slack: SlackServer, clock: Clock) -> Iterator[Tick]:
    home = Path(instance.root_directory)
    config = home / "alerts.yml"
    config.write_text(CONFIG.format(token=slack.token, url=slack.app_url), encoding="utf-8")
    router = AlertRouter.from_file(
        config, f"sqlite:///{home / 'alerts.db'}", clock=clock.now, sleep=clock.pass_
    )

    def tick() -> None:
        advance(instance, router, now=clock.now(), deadline=Deadline(20))
        router.drain(TICK_S)

    yield tick
    router.close()
