"""Bad times with real processes: Dagster's daemon and code server, run workers, `wdh serve`."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import requests
from dagster._daemon.types import DaemonHeartbeat

from .dagster_dev import free_port, wait_until
from .dagster_runs import failed_at, patient, purposeful, sound
from .team import PATIENCE_S, Team, a_team, kill

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
with (HERE / "imported.by").open("a") as processes:
    processes.write(f"{os.getpid()}\\n")


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


@dataclass(frozen=True)
class Serving:
    """A `wdh serve` that runs."""

    process: subprocess.Popen[bytes]
    ready_url: str

    def is_ready(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(self.ready_url, timeout=10).ok
        return False


@contextmanager
def serving(team: Team, *, name: str = "serve") -> Iterator[Serving]:
    """Once it is ready. name: of its log."""
    port = free_port()
    listen = ("work_data_hub.cli", "serve", "--listen", f"127.0.0.1:{port}")
    with team.running(name, *listen) as process:
        made = Serving(process, f"http://127.0.0.1:{port}/-/ready")
        wait_until(made.is_ready, seconds=PATIENCE_S, what=f"{name} is ready", log=team.log(name))
        yield made


def daemon(team: Team) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Dagster's daemon, and the code server that it starts."""
    return team.running("daemon", "dagster._daemon", "run", "-f", str(team.folder / "sales.py"))


def pid_in(team: Team, name: str) -> int:
    """Of a process that writes its id there; waits for it."""
    path = team.folder / name
    found = wait_until(
        lambda: path.exists() and path.read_text(),
        seconds=PATIENCE_S,
        what=f"{name} is written",
        log=team.log("daemon"),
    )
    path.unlink()
    return int(found)


def wants(team: Team, job: str) -> None:
    """Let the sensor start a run of it."""
    (team.folder / f"{job}.wanted").touch()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with a_team(tmp_path_factory.mktemp("team"), PROJECT, WDH_WATCH_INTERVAL_S="0.5") as made:
        yield made


def test_workers_code_server_and_daemon_die_one_after_the_other_and_all_of_it_is_told(
    team: Team,
) -> None:
    with serving(team) as serve:
        with daemon(team) as dagster_daemon:
            # A worker that exits, and one that is killed: Dagster fails their runs.
            wants(team, "exits")
            wants(team, "killed")
            team.waits_for("exits")
            os.kill(pid_in(team, "worker.pid"), signal.SIGKILL)
            team.waits_for("killed")

            # The code server, in the middle of a sensor's tick: no sensor runs, alerting does.
            (team.folder / "hang").touch()
            os.kill(pid_in(team, "code_server.pid"), signal.SIGKILL)
            failed_at(team.instance, datetime.now(UTC), tags={"dagster/partition": "no code"})
            wait_until(lambda: _partition_told(team, "no code"), seconds=PATIENCE_S, what="no code")

            # The daemon, in the middle of one or in between.
            kill(dagster_daemon)
        failed_at(team.instance, datetime.now(UTC), tags={"dagster/partition": "no daemon"})
        wait_until(lambda: _partition_told(team, "no daemon"), seconds=PATIENCE_S, what="no daemon")
        assert team.told().count("SENSOR") == 0
        _ten_minutes_pass(team)
        team.waits_for("SENSOR")

        # It comes back.
        (team.folder / "hang").unlink()
        with daemon(team):
            team.waits_for("SENSOR", status="resolved")

        # All the while `wdh serve` has loaded none of the team's code.
        imported_by = (team.folder / "imported.by").read_text().split()
        assert imported_by
        assert str(serve.process.pid) not in imported_by
    assert sorted(set(team.told())) == ["SCHEDULER", "SENSOR", "exits", "killed", "nightly"]
    assert team.told().count("exits") == team.told().count("killed") == 1


def test_wdh_serve_killed_in_a_delivery_leaves_it_to_the_next_and_sigterm_ends_it_with_0(
    team: Team,
) -> None:
    with team.inbox.holding("purposeful") as hold, serving(team) as serve:
        failed_at(team.instance, datetime.now(UTC), purposeful)
        hold.wait()
        kill(serve.process)
    assert "purposeful" not in team.told()
    with serving(team) as serve:
        team.waits_for("purposeful")
        serve.process.send_signal(signal.SIGTERM)
        assert serve.process.wait(60) == 0
    assert team.told().count("purposeful") == 1


def test_a_store_that_another_holds_makes_it_unready_and_loses_nothing(team: Team) -> None:
    with serving(team) as serve:
        with team.store_held():
            for partition in "cab":
                tags = {"dagster/partition": partition}
                failed_at(team.instance, datetime.now(UTC), sound, tags=tags)
            wait_until(lambda: not serve.is_ready(), seconds=PATIENCE_S, what="it is not ready")
        team.waits_for("sound")
        wait_until(serve.is_ready, seconds=PATIENCE_S, what="it is ready again")
    assert team.partitions("sound") == [["c", "a", "b"]]


def test_two_share_the_work_and_tell_each_thing_once(team: Team) -> None:
    team.routes(group_by="partition")
    names = ["one", "other"]
    told = 0
    with serving(team, name="one"), serving(team, name="other"):
        # Who comes first is chance: at least thirty, and on until both had something to tell.
        while told < 30 or not all("alert.told" in team.log(name).read_text() for name in names):
            assert told < 600, "one of them never had anything to tell"
            for n in range(told, told + 5):
                tags = {"dagster/partition": str(n)}
                failed_at(team.instance, datetime.now(UTC), patient, tags=tags)
            told += 5
            wait_until(partial(_are_told, team, told), seconds=PATIENCE_S, what=f"{told} messages")
    messages = sorted(team.partitions("patient"), key=lambda message: int(message[0]))
    assert messages == [[str(n)] for n in range(told)]


def _are_told(team: Team, count: int) -> bool:
    return len(team.partitions("patient")) >= count


def _partition_told(team: Team, partition: str) -> bool:
    return any(
        alert["labels"].get("partition") == partition
        for request in team.inbox.taken
        for alert in request.json["alerts"]
    )


def _ten_minutes_pass(team: Team) -> None:
    """At once: the heartbeats that the dead daemon left are moved back."""
    at = datetime.now(UTC) - timedelta(minutes=10)
    for name, beat in team.instance.get_daemon_heartbeats().items():
        moved = DaemonHeartbeat(at.timestamp(), name, beat.daemon_id)
        team.instance.add_daemon_heartbeat(moved)
