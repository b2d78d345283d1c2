"""Dagster as a deployment runs it: a code server, and a daemon, each a process of its own.

The project has a stock failure sensor that posts to a receiver, or ours, or both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
)
from tests.observability.dagster_dev import free_port

STOCK_SENSOR, OUR_SENSOR = "stock", "alerting_sensor"
COMES_UP_WITHIN_S = 120.0
PROJECT = """
import os
import time
from pathlib import Path

import requests
from dagster import (
    DefaultSensorStatus, Definitions, in_process_executor, job, op, run_failure_sensor
)

HERE = Path(__file__).parent


@op
def wait_to_be_killed(context) -> None:
    partition = context.run.tags["dagster/partition"]
    part = HERE / f"{partition}.part"
    part.write_text(str(os.getpid()))
    part.rename(HERE / f"{partition}.pid")
    time.sleep(600)


@job(executor_def=in_process_executor)
def waits() -> None:
    wait_to_be_killed()


defs = Definitions(jobs=[waits])
"""
# Every second, at which the daemon looks every five; the default is 30 s.
STOCK_PART = """
@run_failure_sensor(
    monitor_all_code_locations=True,
    minimum_interval_seconds=1,
    default_status=DefaultSensorStatus.RUNNING,
)
def stock(context):
    if (HERE / "raises").exists():
        raise RuntimeError("a bug in what publishes")
    said = {{"partition": context.partition_key}}
    requests.post("{url}/stock", json=said, timeout=60).raise_for_status()


defs = Definitions.merge(defs, Definitions(sensors=[stock]))
"""
OUR_PART = """
from work_data_hub.observability import alerting_definitions

defs = Definitions.merge(defs, alerting_definitions(interval_s={interval_s}))
"""
# Runs start where they are asked for, and one slow sensor does not hold up the other.
INSTANCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
sensors: {use_threads: true, num_workers: 4}
"""
RETRIES = "run_retries: {enabled: true, max_retries: 0}\n"
WORKSPACE = "load_from: [{{grpc_server: {{host: 127.0.0.1, port: {port}, location_name: team}}}}]\n"
# The daemon's own retries would need runs that can be run again.
NO_RETRY_COMES = {"DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS": "3600"}


@dataclass
class Dagster:
    """Its processes, by name, over the instance in `home`. environ: of both."""

    folder: Path
    home: Path
    instance: DagsterInstance
    environ: Mapping[str, str]
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def write(self, *, stock_url: str | None = None, our_interval_s: int | None = None) -> None:
        """The project and its workspace. Either sensor is left out where its argument is None.

        stock_url: of the receiver to which the stock sensor posts.
        """
        project = PROJECT
        if stock_url is not None:
            project += STOCK_PART.format(url=stock_url)
        if our_interval_s is not None:
            project += OUR_PART.format(interval_s=our_interval_s)
        (self.folder / "team.py").write_text(project, encoding="utf-8")
        workspace = WORKSPACE.format(port=self.port)
        (self.folder / "workspace.yaml").write_text(workspace, encoding="utf-8")

    def start_code_server(self) -> None:
        where = ("-f", "team.py", "-h", "127.0.0.1", "-p", str(self.port))
        self._start("code server", "dagster", "api", "grpc", *where)

    def start_daemon(self, sensors: Sequence[str], **environ: str) -> None:
        """Once these sensors tick."""
        since = time.time()
        self._start("daemon", "dagster._daemon", "run", "-w", "workspace.yaml", **environ)
        for name in sensors:
            wait_for(partial(self.is_ticking, name, since=since), f"the sensor {name} ticks")

    def kill(self, name: str) -> None:
        """kill -9, its children as well."""
        process = self.running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)

    def launch(self, job: str, tags: str) -> None:
        """Start a run of the project. tags: as JSON."""
        command = ("job", "launch", "-w", "workspace.yaml", "-j", job, "--tags", tags)
        subprocess.run(
            [sys.executable, "-m", "dagster", *command],
            cwd=self.folder,
            env=self._environ(),
            check=True,
            capture_output=True,
        )

    def sensor(self, name: str) -> InstigatorState | None:
        """As the daemon has left it; None before its first tick."""
        found = (s for s in self.instance.all_instigator_state() if s.instigator_name == name)
        return next(found, None)

    def is_ticking(self, name: str, *, since: float) -> bool:
        """Whether this sensor's tick has ended since then."""
        state = self.sensor(name)
        data = state.instigator_data if state else None
        return isinstance(data, SensorInstigatorData) and (data.last_tick_timestamp or 0) > since

    def switch(self, name: str, *, on: bool) -> None:
        state = self.sensor(name)
        assert state is not None
        status = InstigatorStatus.RUNNING if on else InstigatorStatus.STOPPED
        self.instance.update_instigator_state(state.with_status(status))

    def set_cursor(self, name: str, cursor: str | None) -> None:
        state = self.sensor(name)
        assert state is not None
        assert isinstance(state.instigator_data, SensorInstigatorData)
        data = state.instigator_data._replace(cursor=cursor)
        self.instance.update_instigator_state(state.with_data(data))

    def _start(self, name: str, *command: str, **environ: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as output:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.folder,
                env={**self._environ(), **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "DAGSTER_HOME": str(self.home), **NO_RETRY_COMES, **self.environ}


@contextmanager
def dagster(
    folder: Path, environ: Mapping[str, str], *, home: str = "home", retries: bool = False
) -> Iterator[Dagster]:
    """An instance in `folder`/`home`; its processes, which the block starts, end with it."""
    place = folder / home
    place.mkdir()
    config = INSTANCE + (RETRIES if retries else "")
    (place / "dagster.yaml").write_text(config, encoding="utf-8")
    with DagsterInstance.from_config(str(place)) as instance:
        made = Dagster(folder, place, instance, environ)
        try:
            yield made
        finally:
            for name in [*made.running]:
                made.kill(name)


def wait_for(look: Callable[[], object], what: str, *, within_s: float = COMES_UP_WITHIN_S) -> None:
    ends_at = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < ends_at, f"not within {within_s:g} s: {what}"
        time.sleep(0.1)
