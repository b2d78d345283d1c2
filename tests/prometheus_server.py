"""A real Prometheus that scrapes one address every second, and answers queries; and promtool."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from .observability.dagster_dev import free_port, wait_until

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: {rules}
scrape_configs:
  - job_name: wdh
    static_configs: [{{targets: ['{target}']}}]
"""


@dataclass(frozen=True)
class Series:
    labels: Mapping[str, str]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Prometheus:
    url: str

    def now(self, expr: str) -> list[Series]:
        """The newest value of each series."""
        found = self._ask("query", {"query": expr})["result"]
        return [_series(each["metric"], [each["value"]]) for each in found]

    def since(self, moment: float, expr: str) -> list[Series]:
        """Each series from then on, a value a second; without those that are no number."""
        asked = {"query": expr, "start": moment, "end": time.time(), "step": "1"}
        return [
            _series(each["metric"], each["values"])
            for each in self._ask("query_range", asked)["result"]
        ]

    def label_values(self, label: str, selector: str) -> list[str]:
        """As Grafana asks for a variable's values."""
        found: list[str] = self._ask(f"label/{label}/values", {"match[]": selector})
        return sorted(found, key=str.casefold)

    def number(self, expr: str) -> float | None:
        """Of a query that gives one series, or none."""
        found = self.now(expr)
        assert len(found) <= 1, (expr, found)
        return found[0].values[0] if found and found[0].values else None

    def _ask(self, path: str, asked: Mapping[str, Any]) -> Any:
        response = requests.get(f"{self.url}/api/v1/{path}", params=asked, timeout=10)
        answer = response.json()
        assert answer["status"] == "success", (asked, answer)
        return answer["data"]


@contextmanager
def prometheus(folder: Path, target: str, *, rules: Path | None = None) -> Iterator[Prometheus]:
    """One of the test's own, over `target` (host:port); it evaluates the rules every second."""
    config = folder / "prometheus.yml"
    rule_files = [str(rules)] if rules is not None else []
    config.write_text(CONFIG.format(target=target, rules=rule_files))
    address = f"127.0.0.1:{free_port()}"
    command = (
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    )
    log = folder / "prometheus.log"
    with process(*command, log=log):
        started = Prometheus(f"http://{address}")
        wait_until(lambda: _is_ready(started), seconds=60, what="Prometheus is up", log=log)
        yield started


@contextmanager
def process(*command: str, log: Path, **given: Any) -> Iterator[None]:
    """The command for as long as it is needed; what it prints goes to the log."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **given)
        try:
            yield
        finally:
            started.terminate()
            try:
                started.wait(30)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def promtool_finds(exposition: bytes) -> str:
    """What is wrong with the metrics of this classic text. Empty when nothing is."""
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition, capture_output=True, check=False
    )
    return (checked.stdout + checked.stderr).decode()


def _is_ready(started: Prometheus) -> bool:
    try:
        return requests.get(f"{started.url}/-/ready", timeout=5).ok
    except requests.RequestException:
        return False


def _series(labels: Mapping[str, str], points: list[tuple[float, str]]) -> Series:
    values = (float(value) for _, value in points)
    return Series(labels, tuple(value for value in values if not math.isnan(value)))
