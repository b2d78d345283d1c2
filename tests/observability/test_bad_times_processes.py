"""Bad times with real processes: Dagster's daemon and code server, run workers, `wdh serve`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from dagster import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat

from work_data_hub.alerting.testing import Fault, Receiver

from .dagster_dev import free_port, wait_until
from .dagster_runs import failed_at, purposeful

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("bad times")]

PROJECT = """
import os
import time
from pathlib import Path

from dagster import (
    DefaultSensorStatus, Definitions, RunRequest, in_process_executor, job, op, sensor
)

from work_data_hub.observability import alerting_definitions

HERE = Path(__file__).parent


@op
def exit_at_once() -> None:
    os._exit(7)


@op
def wait_to_be_killed() -> None:
    (HERE / "worker.pid").write_text(str(os.getpid()))
    time.sleep(600)


@job(executor_def=in_process_executor)
def exits() -> None:
    exit_at_once()


@job(executor_def=in_process_executor)
def killed() -> None:
    wait_to_be_killed()


@sensor(
    jobs=[exits, killed], minimum_interval_seconds=1, default_status=DefaultSensorStatus.RUNNING
)
def wanted(context):
    if (HERE / "hang").exists():
        (HERE / "code_server.pid").write_text(str(os.getpid()))
        time.sleep(600)
    for path in HERE.glob("*.wanted"):
        yield RunRequest(run_key=path.stem, job_name=path.stem)


defs = Definitions.merge(
    Definitions(jobs=[exits, killed], sensors=[wanted]), alerting_definitions(interval_s=1)
)
"""
# Runs start where they are asked for, not from a queue that is looked at every five seconds.
INSTANCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""
ALERTS = """
route:
  receiver: team
  group_by: [alertname, job, daemon]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 7d
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}]}}]
"""


@dataclass
class Team:
    """A project on one machine: its folder, its instance, its environment, where alerts go."""

    folder: Path
    environ: dict[str, str]
    receiver: Receiver
    instance: DagsterInstance

    def told(self, status: str = "firing") -> list[str]:
        """Of what it was told, in order: the job or the daemon."""
        return [
            alert["labels"].get("job") or alert["labels"].get("daemon", "")
            for request in self.receiver.taken
            for alert in request.json["alerts"]
            if alert["status"] == status
        ]

    def wants(self, job: str) -> None:
        (self.folder / f"{job}.wanted").touch()

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
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        port = free_port()
        listen = ("work_data_hub.cli", "serve", "--listen", f"127.0.0.1:{port}")
        with self.running("serve", *listen) as process:
            self._wait_until_ready(port)
            yield process

    def daemon(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Dagster's daemon, and the code server that it starts."""
        return self.running("daemon", "dagster._daemon", "run", "-f", str(self.folder / "sales.py"))

    def pid_in(self, name: str) -> int:
        """Of a process that writes its id there; waits for it."""
        path = self.folder / name
        found = wait_until(
            lambda: path.exists() and path.read_text(),
            seconds=120,
            what=f"{name} is written",
            log=self.log("daemon"),
        )
        path.unlink()
        return int(found)

    def waits_for(self, what: str, status: str = "firing") -> None:
        wait_until(
            lambda: what in self.told(status),
            seconds=120,
            what=f"{what} is told as {status}: {self.told(status)}",
            log=self.log("serve"),
        )

    def _wait_until_ready(self, port: int) -> None:
        def ready() -> bool:
            with suppress(requests.ConnectionError):
                return requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=10).ok
            return False

        wait_until(ready, seconds=90, what="wdh serve is ready", log=self.log("serve"))


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9, its children as well."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(INSTANCE)
    (folder / "sales.py").write_text(PROJECT)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ = {
        **kept,
        "DAGSTER_HOME": str(home),
        "WDH_ALERTS_CONFIG": str(folder / "alerts.yml"),
        "WDH_WATCH_INTERVAL_S": "0.5",
    }
    with Receiver() as receiver, DagsterInstance.from_config(str(home)) as instance:
        (folder / "alerts.yml").write_text(ALERTS.format(url=f"{receiver.address}/hook"))
        yield Team(folder, environ, receiver, instance)


def test_workers_code_server_and_daemon_die_one_after_the_other_and_all_of_it_is_told(
    team: Team,
) -> None:
    with team.serving():
        with team.daemon() as daemon:
            # A worker that exits, and one that is killed: Dagster fails their runs.
            team.wants("exits")
            team.wants("killed")
            team.waits_for("exits")
            os.kill(team.pid_in("worker.pid"), signal.SIGKILL)
            team.waits_for("killed")

            # The code server, in the middle of a sensor's tick: no sensor runs, alerting does.
            (team.folder / "hang").touch()
            os.kill(team.pid_in("code_server.pid"), signal.SIGKILL)
            failed_at(team.instance, datetime.now(UTC), tags={"dagster/partition": "no code"})
            wait_until(lambda: _partition_told(team, "no code"), seconds=60, what="no code")

            # The daemon, in the middle of one or in between.
            kill(daemon)
        failed_at(team.instance, datetime.now(UTC), tags={"dagster/partition": "no daemon"})
        wait_until(lambda: _partition_told(team, "no daemon"), seconds=60, what="no daemon")
        assert team.told().count("SENSOR") == 0
        _ten_minutes_pass(team)
        team.waits_for("SENSOR")

        # It comes back.
        (team.folder / "hang").unlink()
        with team.daemon():
            team.waits_for("SENSOR", status="resolved")
    assert sorted(set(team.told())) == ["SCHEDULER", "SENSOR", "exits", "killed", "nightly"]
    assert team.told().count("exits") == team.told().count("killed") == 1


def test_wdh_serve_killed_in_a_delivery_leaves_it_to_the_next_and_sigterm_ends_it_with_0(
    team: Team,
) -> None:
    team.receiver.taken.clear()
    team.receiver.answer(Fault.HANG)
    with team.serving() as serve:
        before = len(team.receiver.requests)
        failed_at(team.instance, datetime.now(UTC), purposeful)
        wait_until(lambda: len(team.receiver.requests) > before, seconds=30, what="a delivery")
        kill(serve)
    assert "purposeful" not in team.told()
    with team.serving() as serve:
        team.waits_for("purposeful")
        serve.send_signal(signal.SIGTERM)
        assert serve.wait(60) == 0
    assert team.told().count("purposeful") == 1


def _partition_told(team: Team, partition: str) -> bool:
    return any(
        alert["labels"].get("partition") == partition
        for request in team.receiver.taken
        for alert in request.json["alerts"]
    )


def _ten_minutes_pass(team: Team) -> None:
    """At once: the heartbeats that the dead daemon left are moved back."""
    at = datetime.now(UTC) - timedelta(minutes=10)
    for name, beat in team.instance.get_daemon_heartbeats().items():
        moved = DaemonHeartbeat(at.timestamp(), name, beat.daemon_id)
        team.instance.add_daemon_heartbeat(moved)
