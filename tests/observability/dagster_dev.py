"""`dagster dev` as processes of a test's own: started, asked, and ended with all its children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

Found = TypeVar("Found")

POLL_S = 0.2


@dataclass(frozen=True)
class DagsterDev:
    """A running `dagster dev` with one project file, or with a workspace of several."""

    url: str
    location: str
    log: Path

    def launch(
        self,
        job: str,
        *,
        location: str | None = None,
        tags: Mapping[str, str] | None = None,
        run_config: Mapping[str, Any] | None = None,
    ) -> str:
        """Start a run of the job; its id."""
        selector = {
            "repositoryLocationName": location or self.location,
            "repositoryName": "__repository__",
            "jobName": job,
        }
        tagged = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        params = {
            "selector": selector,
            "mode": "default",
            "executionMetadata": {"tags": tagged},
            "runConfigData": run_config or {},
        }
        answer = self._ask(_LAUNCH, {"params": params})
        launched = answer["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def cancel(self, run_id: str) -> None:
        """End the run at once, as cancelled."""
        answer = self._ask(_CANCEL, {"run": run_id})
        assert answer["terminateRun"]["__typename"] == "TerminateRunSuccess", answer

    def switch_sensor(self, name: str, *, on: bool) -> None:
        """As somebody does on Dagster's page."""
        selector = {
            "repositoryLocationName": self.location,
            "repositoryName": "__repository__",
            "sensorName": name,
        }
        if on:
            answer = self._ask(_SENSOR_ON, {"selector": selector})["startSensor"]
            assert answer["__typename"] == "Sensor", answer
            return
        sensor = self._ask(_SENSOR, {"selector": selector})["sensorOrError"]
        answer = self._ask(_SENSOR_OFF, {"id": sensor["id"]})["stopSensor"]
        assert answer["__typename"] == "StopSensorMutationResult", answer

    def is_loaded(self) -> bool:
        """Whether the project's definitions are there. Fails at once when they do not load."""
        try:
            answer = self._ask(_LOADED, {})
        except requests.RequestException:
            return False
        entries = answer["workspaceOrError"]["locationEntries"]
        found = [entry["locationOrLoadError"] for entry in entries]
        assert all(entry["__typename"] == "RepositoryLocation" for entry in found), found
        return bool(found)

    def _ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        response = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=10
        )
        response.raise_for_status()
        answer = response.json()
        assert "errors" not in answer, answer
        return answer["data"]


_LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message stack }
  }
}
"""
_CANCEL = """
mutation($run: String!) {
  terminateRun(runId: $run, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename }
}
"""
_SENSOR = """
query($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) { ... on Sensor { id } }
}
"""
_SENSOR_ON = """
mutation($selector: SensorSelector!) { startSensor(sensorSelector: $selector) { __typename } }
"""
_SENSOR_OFF = """
mutation($id: String!) { stopSensor(id: $id) { __typename } }
"""
_LOADED = """
{
  workspaceOrError {
    ... on Workspace {
      locationEntries { locationOrLoadError { __typename ... on PythonError { message } } }
    }
  }
}
"""


@contextmanager
def dagster_dev(
    project: Path,
    home: Path,
    environ: Mapping[str, str],
    *,
    python: Path | None = None,
    port: int | None = None,
) -> Iterator[DagsterDev]:
    """Run `dagster dev` on a free port, unless told one, its state in `home`; end it afterwards.

    project: a file of definitions, or a workspace.yaml. python: another environment's.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    log = home / "dagster-dev.log"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env = {**kept, "DAGSTER_HOME": str(home), "WDH_DAGSTER_URL": url, **environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(str(python or sys.executable), "-m", "dagster", "dev"),
                *("-w" if project.suffix == ".yaml" else "-f", str(project)),
                *("-h", "127.0.0.1", "-p", str(port)),
            ],
            cwd=project.parent,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            started = DagsterDev(url, project.name, log)
            wait_until(started.is_loaded, seconds=90, what="dagster dev is up", log=log)
            yield started
        finally:
            _end(process)


def wait_until(
    look: Callable[[], Found], *, seconds: float, what: str, log: Path | None = None
) -> Found:
    """What `look` gives once it is true; fails the test after `seconds`, with the log's end."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-6_000:] if log is not None else ""
            raise AssertionError(f"not within {seconds:g} s: {what}\n{said}")
        time.sleep(POLL_S)
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group that we started: webserver, daemon, code server, run workers."""
    with suppress(subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
