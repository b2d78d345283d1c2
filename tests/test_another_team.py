"""Another team's project adopts the router in one line, from an install without the pipeline."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uv

from work_data_hub.alerting.testing.http_server import Receiver

from .observability.dagster_dev import dagster_dev, wait_until

CHECKOUT = Path(__file__).parents[1]
EXAMPLE = CHECKOUT / "examples" / "another-team"

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("another_team")]


def _uv(*arguments: str | Path, cwd: Path) -> None:
    """Without the network where the cache has everything, as it has after `make test`."""
    command = [uv.find_uv_bin(), *map(str, arguments)]
    offline = subprocess.run([*command, "--offline"], cwd=cwd, capture_output=True, check=False)
    if offline.returncode:
        subprocess.run(command, cwd=cwd, check=True)


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with our package, none of its extras, and Dagster's webserver."""
    folder = tmp_path_factory.mktemp("bare")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    shutil.copytree(CHECKOUT / "docs" / "runbooks", source / "docs" / "runbooks")
    shutil.copytree(
        CHECKOUT / "src" / "work_data_hub",
        source / "src" / "work_data_hub",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    _uv("venv", "--python", sys.executable, folder / "venv", cwd=folder)
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    python = folder / "venv" / scripts / "python"
    # setuptools builds our package, in the environment itself.
    into = ("pip", "install", "--python", python, "--constraint", CHECKOUT / "requirements.lock")
    _uv(*into, "setuptools", cwd=folder)
    # Compiled once, and not by each of Dagster's processes at its start.
    with_webserver = ("--compile-bytecode", "--no-build-isolation", source, "dagster-webserver")
    _uv(*into, *with_webserver, cwd=folder)
    return python


def test_a_failed_partition_and_a_job_of_another_location_are_told(
    bare_python: Path, tmp_path: Path
) -> None:
    needs_polars = subprocess.run(
        [bare_python, "-c", "import polars"], capture_output=True, check=False
    )
    assert needs_polars.returncode != 0, "this environment is not bare"
    project = Path(shutil.copytree(EXAMPLE, tmp_path / "project"))
    code = project / "prices.py"
    adopted = code.read_text(encoding="utf-8")
    assert adopted.count("alerting_definitions()") == 1
    code.write_text(adopted.replace("alerting_definitions()", "alerting_definitions(interval_s=1)"))
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with Receiver() as hook:

        def told(job: str) -> dict[str, Any] | None:
            alerts = (alert for request in hook.taken for alert in request.json["alerts"])
            return next((alert for alert in alerts if alert["labels"]["job"] == job), None)

        environ = {"ALERT_WEBHOOK_URL": f"{hook.address}/alerts", "PRICES_DIR": str(project)}
        workspace = project / "workspace.yaml"
        with dagster_dev(workspace, home, environ, python=bare_python) as dagster:
            month = {"dagster/partition": "2024-11-01"}
            dagster.launch("monthly_prices", location="prices", tags=month)
            dagster.launch("board_report", location="reports")

            def both() -> bool:
                return told("monthly_prices") is not None and told("board_report") is not None

            wait_until(both, seconds=60, what="both are told", log=dagster.log)
    prices, report = told("monthly_prices"), told("board_report")
    assert prices is not None
    assert report is not None
    assert prices["labels"] == {
        "alertname": "RunFailed",
        "severity": "critical",
        "location": "prices",
        "job": "monthly_prices",
        "partition": "2024-11-01",
        "team": "prices",
    }
    assert prices["annotations"]["step"] == "fund_prices"
    assert "2024-11.csv" in prices["annotations"]["error"]
    assert prices["annotations"]["log_excerpt"].endswith("INFO reading 2024-11.csv")
    assert report["labels"]["location"] == "reports"
    assert report["labels"]["owner"] == "reports@example.com"
