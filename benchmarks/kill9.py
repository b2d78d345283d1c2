"""kill -9 after publish() returned, and in the middle of delivery: what comes after a restart.

Alertmanager is killed after its last 200 OK. Each is a process, told of over HTTP.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.payloads import Receiver, payload_receiver
from benchmarks.running_alertmanager import alertmanager, is_installed

ROOT = Path(__file__).parents[1]
ALERTS = 200
# The dispatcher is killed while it delivers, when so many have come.
KILLED_AFTER = 50
# A lease lasts 5 s; what the dead process held is told by another after that.
PATIENCE_S = 60.0
# As long as Alertmanager is given after its restart. Its group_wait is 1 s.
SILENCE_S = 5.0
CONFIG = """
route: {{receiver: team, group_by: ['...'], group_wait: 1s, group_interval: 1m}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}]}}]
"""


def figures() -> list[Figure]:
    """How many of the alerts were told in the end, and how many of them twice."""
    once = _ours(killed_after=None)
    again = _ours(killed_after=KILLED_AFTER)
    theirs = f"Alertmanager {_theirs()} of {ALERTS}" if is_installed() else ""
    return [
        Figure(
            "kill -9 right after publish(): told after a restart",
            len(once),
            f"of {ALERTS}",
            ALERTS,
            at_least=True,
            note=f"{_twice(once)} told twice. {theirs}",
        ),
        Figure(
            "kill -9 then of the dispatcher too, while it delivers",
            len(again),
            f"of {ALERTS}",
            ALERTS,
            at_least=True,
            note=f"{_twice(again)} told twice",
        ),
    ]


def _twice(told: Counter[str]) -> int:
    return sum(count - 1 for count in told.values())


def _ours(*, killed_after: int | None) -> Counter[str]:
    with tempfile.TemporaryDirectory() as folder, payload_receiver() as receiver:
        Path(folder, "alerts.yml").write_text(CONFIG.format(url=receiver.url), encoding="utf-8")
        publisher = [sys.executable, "-m", "benchmarks.kill9", folder]
        assert subprocess.run(publisher, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        if killed_after is not None:
            with _dispatcher(folder) as doomed:
                _wait_until_heard(receiver, killed_after)
                doomed.kill()
        with _dispatcher(folder):
            _wait_until_heard(receiver, ALERTS)
            # Nothing more is to come.
            time.sleep(1.0)
        return _told(receiver)


@contextmanager
def _dispatcher(folder: str) -> Iterator[subprocess.Popen[bytes]]:
    environ = {
        **os.environ,
        "WDH_ALERTS_CONFIG": f"{folder}/alerts.yml",
        "WDH_ALERTS_URL": f"sqlite:///{folder}/alerts.db",
    }
    command = [sys.executable, "-m", "work_data_hub.cli", "alerts", "dispatch"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def _theirs() -> int:
    with tempfile.TemporaryDirectory() as folder, payload_receiver() as receiver:
        config = CONFIG.format(url=receiver.url)
        with alertmanager(config, Path(folder)) as doomed:
            for i in range(ALERTS):
                doomed.fire(_labels(i))
            doomed.process.kill()
        with alertmanager(config, Path(folder)):
            time.sleep(SILENCE_S)
        return len(_told(receiver))


def _told(receiver: Receiver) -> Counter[str]:
    return Counter(one.payload["commonLabels"]["job"] for one in receiver.heard)


def _wait_until_heard(receiver: Receiver, count: int) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while len(_told(receiver)) < count and time.monotonic() < ends_at:
        time.sleep(0.005)


def _labels(i: int) -> dict[str, str]:
    return {"alertname": "RunFailed", "job": f"job{i}"}


def main(folder: Path) -> None:
    """Publishes, one commit each, and dies."""
    from work_data_hub.alerting import Alert, AlertRouter

    router = AlertRouter.from_file(
        folder / "alerts.yml", f"sqlite:///{folder / 'alerts.db'}", environ={}
    )
    for i in range(ALERTS):
        router.publish(Alert(_labels(i)))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
