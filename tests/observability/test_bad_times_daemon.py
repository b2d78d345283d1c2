"""Bad times of the alerting sensor, with real processes: daemon, code server, webserver.

No `wdh serve` runs here: what the sensor cannot tell, nobody does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import JobDefinition
from dagster._core.scheduler.instigation import TickStatus

from work_data_hub.observability.definitions import SENSOR_NAME

from .dagster_dev import DagsterDev, free_port, wait_until
from .dagster_runs import failed_at, nightly, patient, purposeful, sound
from .team import PATIENCE_S, Team, a_team

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("bad times of the sensor")]

# Its own sensor ticks beside ours, and shows that the daemon goes its rounds.
PROJECT = """
from dagster import DefaultSensorStatus, Definitions, SkipReason, sensor

from work_data_hub.observability import alerting_definitions


@sensor(minimum_interval_seconds=1, default_status=DefaultSensorStatus.RUNNING)
def other():
    return SkipReason("nothing to do")


defs = Definitions.merge(Definitions(sensors=[other]), alerting_definitions(interval_s=1))
"""
WORKSPACE = """
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: sales.py}}
"""
# Dagster's 60 s made small. Long enough for every tick but those that a test holds up.
TICK_S = 4


@dataclass
class Watched:
    """A team whose daemon ticks our sensor, which lives in the code server."""

    team: Team
    port: int
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Code server and daemon, both new. Ends them both when `running` is closed."""
        (self.team.folder / "workspace.yaml").write_text(WORKSPACE.format(port=self.port))
        grpc = ("dagster", "api", "grpc", "-h", "127.0.0.1", "-p", str(self.port))
        code = (*grpc, "-f", "sales.py", "--location-name", "sales.py")
        self.running.enter_context(self.team.running("code", *code))
        daemon = ("dagster._daemon", "run", "-w", "workspace.yaml")
        self.running.enter_context(self.team.running("daemon", *daemon))

    def killed(self) -> None:
        """kill -9 to both."""
        self.running.close()

    @contextmanager
    def webserver(self) -> Iterator[DagsterDev]:
        port = free_port()
        address = ("-h", "127.0.0.1", "-p", str(port))
        with self.team.running("webserver", "dagster_webserver", "-w", "workspace.yaml", *address):
            log = self.team.log("webserver")
            asked = DagsterDev(f"http://127.0.0.1:{port}", "sales.py", log)
            wait_until(asked.is_loaded, seconds=PATIENCE_S, what="the webserver is up", log=log)
            yield asked

    def fails(self, job: JobDefinition, *partitions: str) -> datetime:
        """One run after the other fails for good; when the first of them did."""
        at = datetime.now(UTC)
        for n, partition in enumerate(partitions):
            tags = {"dagster/partition": partition, "dagster/max_retries": "0"}
            failed_at(self.team.instance, at + n * timedelta(milliseconds=1), job, tags=tags)
        return at

    def waits_for(self, job: JobDefinition, *partitions: str) -> None:
        """The last message about the job names these."""
        wait_until(
            lambda: self.team.partitions(job.name)[-1:] == [[*partitions]],
            seconds=PATIENCE_S,
            what=f"{job.name} is told with {partitions}: {self.team.partitions(job.name)}",
            log=self.team.log("code"),
        )

    def waits_for_tick(
        self, since: datetime, *, sensor: str = SENSOR_NAME, failed: bool = False
    ) -> None:
        """One began since then and has ended; one that failed, if so asked."""
        wanted = [TickStatus.FAILURE] if failed else [TickStatus.SKIPPED]
        wait_until(
            lambda: any(tick.status in wanted for tick in self._ticks(sensor, since)),
            seconds=PATIENCE_S,
            what=f"a tick of {sensor}: {wanted}",
            log=self.team.log("daemon"),
        )

    def failed_ticks(self, since: datetime) -> list[str]:
        """Why they failed."""
        ticks = self._ticks(SENSOR_NAME, since)
        return [str(tick.error) for tick in ticks if tick.status is TickStatus.FAILURE]

    def _ticks(self, sensor: str, since: datetime) -> list[Any]:
        instance = self.team.instance
        return [
            tick
            for state in instance.all_instigator_state()
            if state.instigator_name == sensor
            for tick in instance.get_ticks(
                state.instigator_origin_id, state.selector_id, after=since.timestamp()
            )
        ]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Their first tick is over: what has to be loaded is loaded. In the end nothing was told twice,
    nor is it by one more tick.
    """
    folder = tmp_path_factory.mktemp("watched")
    begun = datetime.now(UTC)
    with a_team(folder, PROJECT, DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS=str(TICK_S)) as team:
        made = Watched(team, free_port())
        with made.running:
            made.start()
            made.waits_for_tick(begun)
            yield made
            made.waits_for_tick(datetime.now(UTC))
        for job in (nightly, patient, purposeful, sound):
            messages = team.partitions(job.name)
            assert not [one for one in messages if messages.count(one) > 1], messages


def test_what_failed_while_the_sensor_was_switched_off_is_told_once_and_in_order(
    watched: Watched,
) -> None:
    with watched.webserver() as webserver:
        webserver.switch_sensor(SENSOR_NAME, on=False)
        failed = watched.fails(nightly, "c", "a", "b")
        watched.waits_for_tick(failed, sensor="other")
        assert watched.team.partitions("nightly") == []
        webserver.switch_sensor(SENSOR_NAME, on=True)
    watched.waits_for(nightly, "c", "a", "b")
    assert watched.team.partitions("nightly") == [["c", "a", "b"]]


def test_a_tick_past_its_time_loses_nothing(watched: Watched) -> None:
    begun = datetime.now(UTC)
    with watched.team.inbox.holding("patient") as hold:
        watched.fails(patient, "b")
        hold.wait()
        watched.fails(patient, "a")
        watched.waits_for_tick(begun, failed=True)
        assert any("timed out" in error for error in watched.failed_ticks(begun))
        assert watched.team.partitions("patient") == []
    watched.waits_for(patient, "b", "a")


def test_a_store_that_another_holds_fails_ticks_and_loses_nothing(watched: Watched) -> None:
    with watched.team.store_held():
        begun = watched.fails(sound, "c", "a", "b")
        watched.waits_for_tick(begun, failed=True)
    watched.waits_for(sound, "c", "a", "b")
    assert watched.team.partitions("sound") == [["c", "a", "b"]]


def test_daemon_and_code_server_killed_in_the_middle_of_a_tick_lose_nothing(
    watched: Watched,
) -> None:
    with watched.team.inbox.holding("purposeful") as hold:
        watched.fails(purposeful, "b")
        hold.wait()
        watched.killed()
    watched.fails(purposeful, "a")
    assert watched.team.partitions("purposeful") == []
    watched.start()
    watched.waits_for(purposeful, "b", "a")
    assert watched.team.partitions("purposeful") == [["b", "a"]]
