"""The scene of bad times: an instance, Dagster's processes, `wdh serve`, and a receiver."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dagster import DagsterInstance

from ..dagster_processes import OUR_SENSOR, STOCK_SENSOR, Dagster, dagster
from ..finished_runs import broken, ends, made_run
from ..serving import Serving, serving
from .telling import TimedReceiver, Told

FAILURES, EVERY_S = 15, 0.3
# The reconciler shipped turns every minute.
RECONCILES_EVERY_S = 10
CONFIG = """
route: {{receiver: team, group_by: [partition], group_wait: 0s, repeat_interval: 7d}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}/ours"}}]}}]
"""


@dataclass(frozen=True)
class Setting:
    """What is up before the bad time.

    serve: how many `wdh serve`. stock, our_sensor: Dagster's daemon, with which sensors. retries:
    Dagster has its own switched on.
    """

    serve: int = 1
    our_sensor: bool = False
    stock: bool = True
    retries: bool = False

    @property
    def has_daemon(self) -> bool:
        return self.stock or self.our_sensor


@dataclass
class Scene:
    """The processes and places that a case spoils. name: of the case, which its partitions bear."""

    folder: Path
    setting: Setting
    receiver: TimedReceiver
    dagster: Dagster
    stack: ExitStack
    serving: list[Serving] = field(default_factory=list)
    name: str = ""

    @property
    def instance(self) -> DagsterInstance:
        return self.dagster.instance

    def partition(self, number: int) -> str:
        return f"{self.name}-{number:03}"

    def fails(self, partition: str, *, at: datetime | None = None) -> float:
        """A run of this partition fails, now unless told when; the second of its event."""
        tags = {"dagster/partition": partition}
        run = made_run(self.instance, broken, tags)
        at = at or datetime.now(UTC)
        ends(self.instance, run, at=at, failed=True)
        return at.timestamp()

    def told_by(self, teller: str) -> list[Told]:
        return [message for message in self.receiver.told if message.teller == teller]

    def one_after_another(self, *, every_s: float = EVERY_S) -> dict[str, float]:
        """Failures, so many seconds apart: when each was written."""
        failed_at = {}
        for number in range(FAILURES):
            failed_at[self.partition(number)] = self.fails(self.partition(number))
            time.sleep(every_s)
        return failed_at

    def start_serve(self) -> None:
        environ = {**self.dagster.environ, "WDH_RECONCILE_INTERVAL_S": str(RECONCILES_EVERY_S)}
        self.serving.append(self.stack.enter_context(serving(self.dagster.home, environ)))

    def kill_serve(self) -> None:
        os.kill(self.serving.pop(0).pid, signal.SIGKILL)

    def start_daemon(self, **environ: str) -> None:
        """Once its sensors tick."""
        names = [STOCK_SENSOR, OUR_SENSOR] if self.setting.our_sensor else [STOCK_SENSOR]
        self.dagster.start_daemon(names, **environ)

    def write_project(self) -> None:
        our_interval_s = 1 if self.setting.our_sensor else None
        self.dagster.write(stock_url=self.receiver.address, our_interval_s=our_interval_s)

    @contextmanager
    def store_connection(self) -> Iterator[sqlite3.Connection]:
        path = self.folder / "alerts.db"
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            yield connection

    def move_to(self, home: str) -> None:
        """The same store and receiver over another instance, which is new."""
        other = dagster(self.folder, self.dagster.environ, home=home)
        self.dagster = self.stack.enter_context(other)
        self.write_project()


@contextmanager
def scene(folder: Path, setting: Setting, *, started: bool = True) -> Iterator[Scene]:
    """started: False leaves it to the case to start what the setting names."""
    environ = {
        "WDH_ALERTS_URL": f"sqlite:///{folder / 'alerts.db'}",
        "WDH_ALERTS_CONFIG": str(folder / "alerts.yml"),
    }
    with ExitStack() as stack:
        receiver = stack.enter_context(TimedReceiver())
        config = CONFIG.format(url=receiver.address)
        (folder / "alerts.yml").write_text(config, encoding="utf-8")
        place = stack.enter_context(dagster(folder, environ, retries=setting.retries))
        made = Scene(folder, setting, receiver, place, stack)
        made.write_project()
        if started:
            start(made)
        yield made


def start(made: Scene) -> None:
    """All that the setting names; `wdh serve` first, the code server takes its time meanwhile."""
    if made.setting.has_daemon:
        made.dagster.start_code_server()
    for _ in range(made.setting.serve):
        made.start_serve()
    if made.setting.has_daemon:
        made.start_daemon()
