"""Everything at once, as `docker compose up` has it and then some: two code locations under
`dagster dev`, sample data loaded by the sensor, `wdh serve`, three receivers of which two are
broken, and a Prometheus that has watched from the start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from dagster import AssetMaterialization, DagsterInstance

from work_data_hub import locations
from work_data_hub.alerting.store.reading import Reading
from work_data_hub.alerting.store.store import Store
from work_data_hub.alerting.testing.http_server import Fault, Receiver
from work_data_hub.cli.sample_data import write_sample_data
from work_data_hub.config.settings import SHIPPED_DATA_SOURCES

from ..observability.dagster_dev import DagsterDev, dagster_dev, free_port, wait_until
from ..observability.dagster_storages import ticked
from ..prometheus_server import Prometheus, process, prometheus

PIPELINE = "work_data_hub.orchestration.repository"
PROJECT = Path(__file__).with_name("another_team.py")
# What is beyond the bound of assets is told as `other`.
MORE_THAN_100 = 103

# The first of the receivers has all that one can have; noc refuses, old has the wrong password.
ALERTS = """
fallback: default
route:
  receiver: default
  group_by: [alertname, location, job]
  group_wait: 0s
  group_interval: 1s
  routes:
    - {{receiver: noc, continue: true}}
    - {{receiver: old, continue: true}}
    - {{receiver: default}}
receivers:
  - name: default
    webhook_configs: [{{url: '{good}'}}]
    prometheus_configs: [{{}}]
  - name: noc
    webhook_configs: [{{url: '{refusing}'}}]
  - name: old
    webhook_configs: [{{url: '{denying}'}}]
"""


@dataclass(frozen=True)
class Demo:
    """began: when Prometheus did, in seconds since the epoch."""

    prometheus: Prometheus
    dagster: DagsterDev
    home: Path
    environ: Mapping[str, str]
    logs: Path
    began: float

    def wdh(self, *words: str) -> Any:
        """What a command says, read from its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "work_data_hub.cli", *words, "--json"],
            env=dict(self.environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout)

    def reading(self) -> Reading:
        """The alert store's own numbers of this moment."""
        with closing(Store(locations.alerts_url(self.environ))) as store:
            return store.reading(now=time.time())

    def until(self, expr: str, *, seconds: float = 180) -> None:
        """Wait until Prometheus says that it is so."""
        wait_until(lambda: self.prometheus.now(expr), seconds=seconds, what=expr, log=self.logs)

    def tick(self, schedule: str) -> None:
        """As if its hour had come; the hour's own tick would take up to one."""
        with DagsterInstance.from_config(str(self.home)) as instance:
            (state,) = wait_until(
                lambda: [
                    state
                    for state in instance.all_instigator_state()
                    if state.instigator_name == schedule
                ],
                seconds=60,
                what=f"the daemon knows of {schedule}",
            )
            ticked(instance, state, datetime.now(UTC))


@contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    """Up, with nothing broken yet but two receivers and some of the sample data."""
    with ExitStack() as stack:
        good, refusing, denying = (stack.enter_context(Receiver()) for _ in range(3))
        # Tried again: what was refused, and what was taken without a word, so perhaps told twice.
        good.answer(503, Fault.DROP_TAKEN)
        refusing.answer(*[400] * 1_000)
        denying.answer(*[401] * 1_000)
        urls = {"good": good.address, "refusing": refusing.address, "denying": denying.address}
        home = folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        environ = _environ(folder, home, dagster_port=free_port())
        (folder / "alerts.yml").write_text(ALERTS.format(**urls))
        address = f"127.0.0.1:{free_port()}"
        watching = stack.enter_context(prometheus(folder, address))
        began = time.time()
        with DagsterInstance.from_config(str(home)) as instance:
            for region in range(MORE_THAN_100):
                instance.report_runless_asset_event(AssetMaterialization(f"sales_{region}"))
        serving = (sys.executable, "-m", "work_data_hub.cli", "serve", "--listen", address)
        logs = folder / "serve.log"
        stack.enter_context(process(*serving, log=logs, env=environ))
        wait_until(lambda: watching.now("wdh_tally_complete == 1"), seconds=180, what="it counts")
        port = int(environ["WDH_DAGSTER_URL"].rpartition(":")[2])
        dev = dagster_dev(_workspace(folder), home, environ, port=port)
        dagster = stack.enter_context(dev)
        yield Demo(watching, dagster, home, environ, logs, began)


def _workspace(folder: Path) -> Path:
    path = folder / "workspace.yaml"
    locations = [{"python_file": str(PROJECT)}, {"python_module": PIPELINE}]
    path.write_text(yaml.safe_dump({"load_from": locations}))
    return path


def _environ(folder: Path, home: Path, *, dagster_port: int) -> dict[str, str]:
    write_sample_data(folder / "data")
    sources = yaml.safe_load(SHIPPED_DATA_SOURCES.read_text(encoding="utf-8"))
    for domain in sources["domains"].values():
        domain["validation"]["min_rows"] = 1_000_000  # so that the probe finds something
    (folder / "data_sources.yml").write_text(yaml.safe_dump(sources), encoding="utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "DAGSTER_HOME": str(home),
        "WDH_DAGSTER_URL": f"http://127.0.0.1:{dagster_port}",
        "WDH_RUNBOOK_URL": "https://runbooks.example",
        "WDH_STATE_DIR": str(folder / "state"),
        "WDH_DATA_BASE_DIR": str(folder / "data"),
        "WDH_DATA_SOURCES_CONFIG": str(folder / "data_sources.yml"),
        "WDH_ALERTS_CONFIG": str(folder / "alerts.yml"),
        "WDH_AUTOSTART": "true",
        "WDH_SETTLE_S": "0",
        "WDH_DQ_INTERVAL_S": "15",
    }
