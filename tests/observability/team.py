"""A team on one machine: its project, its instance, the processes that it starts and loses."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from work_data_hub.alerting.testing import Fault, HttpServer, Reply, Request

from .dagster_dev import wait_until

# Runs start where they are asked for, not from a queue that is looked at every five seconds.
INSTANCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""
ALERTS = """
route:
  receiver: team
  group_by: [{group_by}]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 7d
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}], log_configs: [{{}}]}}]
"""
# Of a loaded machine; what is waited for comes within a few seconds elsewhere.
PATIENCE_S = 120.0


@dataclass
class Hold:
    """Requests that wait until they are let go. asked: one has come."""

    word: str
    asked: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        assert self.asked.wait(PATIENCE_S), f"nothing about {self.word} came"


class Inbox(HttpServer):
    """What the team is told. requests: all that came; taken: those that were answered with 200."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self.requests: list[Request] = []
        self.taken: list[Request] = []
        self._hold: Hold | None = None

    @contextmanager
    def holding(self, word: str) -> Iterator[Hold]:
        """What names `word` is not taken: it has to wait until the block ends, and for nothing."""
        self._hold = hold = Hold(word)
        try:
            yield hold
        finally:
            self._hold = None
            hold.let_go.set()

    def _take(self, request: Request) -> Reply:
        self.requests.append(request)
        hold = self._hold
        if hold is not None and hold.word in request.body.decode():
            hold.asked.set()
            hold.let_go.wait(PATIENCE_S)
            return Reply(fault=Fault.DROP)
        self.taken.append(request)
        return Reply()


@dataclass
class Team:
    """A project on one machine: its folder, its instance, its environment, where alerts go."""

    folder: Path
    environ: dict[str, str]
    inbox: Inbox
    instance: DagsterInstance

    def routes(self, *, group_by: str) -> None:
        """Write its alerts.yml: everything to the inbox, and to the log of who tells it."""
        text = ALERTS.format(url=f"{self.inbox.address}/hook", group_by=group_by)
        (self.folder / "alerts.yml").write_text(text)

    def told(self, status: str = "firing") -> list[str]:
        """Of what it was told, in order: the job or the daemon."""
        return [
            alert["labels"].get("job") or alert["labels"].get("daemon", "")
            for alert in self._alerts(status)
        ]

    def partitions(self, job: str) -> list[list[str]]:
        """Message after message about the job: the partitions of which each says that they fail."""
        said = [
            [
                alert["labels"].get("partition", "")
                for alert in request.json["alerts"]
                if alert["status"] == "firing" and alert["labels"].get("job") == job
            ]
            for request in self.inbox.taken
        ]
        return [partitions for partitions in said if partitions]

    def _alerts(self, status: str) -> Iterator[Mapping[str, Any]]:
        for request in self.inbox.taken:
            yield from (alert for alert in request.json["alerts"] if alert["status"] == status)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    @contextmanager
    def running(self, name: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process in a group of its own, which is killed in the end with all its children."""
        with self.log(name).open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.folder,
                env=self.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            kill(process)

    @contextmanager
    def store_held(self) -> Iterator[None]:
        """Another process has the alert store for itself: nobody else writes."""
        store = self.folder / "home" / "wdh" / "alerts.db"
        with closing(sqlite3.connect(store, timeout=60, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")

    def waits_for(self, what: str, status: str = "firing", *, log: str = "serve") -> None:
        wait_until(
            lambda: what in self.told(status),
            seconds=PATIENCE_S,
            what=f"{what} is told as {status}: {self.told(status)}",
            log=self.log(log),
        )


@contextmanager
def a_team(folder: Path, project: str, **environ: str) -> Iterator[Team]:
    """project: the text of its sales.py. environ: beside what every team has set."""
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(INSTANCE)
    (folder / "sales.py").write_text(project)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    given = {
        **kept,
        "DAGSTER_HOME": str(home),
        "WDH_ALERTS_CONFIG": str(folder / "alerts.yml"),
        **environ,
    }
    with Inbox() as inbox, DagsterInstance.from_config(str(home)) as instance:
        team = Team(folder, given, inbox, instance)
        team.routes(group_by="alertname, job, daemon")
        yield team


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9, its children as well."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
