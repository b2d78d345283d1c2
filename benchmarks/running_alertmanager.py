"""Debian's Alertmanager as a process beside us, and its API."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3

PROGRAM = "prometheus-alertmanager"


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@dataclass(frozen=True)
class Alertmanager:
    """One that runs. address: of its API, without a slash at the end."""

    address: str
    process: subprocess.Popen[bytes]
    http: urllib3.PoolManager

    def fire(self, labels: Mapping[str, str]) -> None:
        self._post("alerts", [{"labels": dict(labels)}])

    def resolve(self, labels: Mapping[str, str]) -> None:
        self._post("alerts", [{"labels": dict(labels), "endsAt": _text(datetime.now(UTC))}])

    def silence(self, labels: Mapping[str, str]) -> str:
        """Gives its id."""
        now = datetime.now(UTC)
        matchers = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in labels.items()
        ]
        asked = {
            "matchers": matchers,
            "startsAt": _text(now),
            "endsAt": _text(now + timedelta(hours=1)),
            "createdBy": "bench",
            "comment": "",
        }
        silence_id: str = self._post("silences", asked)["silenceID"]
        return silence_id

    def expire(self, silence_id: str) -> None:
        answer = self.http.request("DELETE", f"{self.address}/api/v2/silence/{silence_id}")
        assert answer.status == 200, answer.data

    def _post(self, what: str, body: Sequence[Any] | Mapping[str, Any]) -> Any:
        answer = self.http.request("POST", f"{self.address}/api/v2/{what}", json=body)
        assert answer.status == 200, answer.data
        return answer.json() if answer.data else None


@contextmanager
def alertmanager(config: str, folder: Path | None = None) -> Iterator[Alertmanager]:
    """It runs with this alertmanager.yml until the end of the block, or until it is killed.

    folder: where it keeps its data; given again, it starts with what the last one kept.
    """
    with tempfile.TemporaryDirectory() as scratch, urllib3.PoolManager() as http:
        place = folder or Path(scratch)
        (place / "alertmanager.yml").write_text(config, encoding="utf-8")
        address = f"127.0.0.1:{_free_port()}"
        command = [
            PROGRAM,
            f"--config.file={place / 'alertmanager.yml'}",
            f"--storage.path={place / 'data'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                patient = urllib3.Retry(total=50, backoff_factor=0.02)
                http.request("GET", f"http://{address}/-/ready", retries=patient)
                yield Alertmanager(f"http://{address}", process, http)
            finally:
                process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
