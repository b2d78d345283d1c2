"""`wdh serve` as a process of its own, over an instance and an alerts.yml of the benchmark's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

ROOT = Path(__file__).parents[1]
COMES_UP_WITHIN_S = 120.0
AS_PROMETHEUS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5",
    "Accept-Encoding": "gzip",
}


@dataclass(frozen=True)
class Serving:
    """pid: of the process. address: where it answers."""

    pid: int
    address: str

    @property
    def rss_mib(self) -> float:
        """What it holds in memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def scrape(self) -> bytes:
        """As Prometheus asks for it: OpenMetrics, packed with gzip."""
        asked = urllib.request.Request(f"{self.address}/metrics", headers=AS_PROMETHEUS)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return bytes(answer.read())


@contextmanager
def serving(home: Path, environ: Mapping[str, str]) -> Iterator[Serving]:
    """Once it is ready; ended with SIGTERM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, "-m", "work_data_hub.cli", "serve", "--listen", listen]
    env = {**kept, "DAGSTER_HOME": str(home), **environ}
    with subprocess.Popen(
        command, cwd=home, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            found = Serving(process.pid, f"http://{listen}")
            _wait_until_ready(found)
            yield found
        finally:
            process.send_signal(signal.SIGTERM)


def _wait_until_ready(found: Serving) -> None:
    ends_at = time.monotonic() + COMES_UP_WITHIN_S
    while time.monotonic() < ends_at:
        with suppress(URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{found.address}/-/ready", timeout=5).close()
            return
        time.sleep(0.2)
    raise TimeoutError("wdh serve does not come up")
