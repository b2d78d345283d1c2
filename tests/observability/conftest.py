from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, instance_for_test

from work_data_hub.alerting import AlertRouter
from work_data_hub.observability import local_router


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's own, and a directory of the test's own to be in."""
    for name in ("DAGSTER_HOME", "SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "SLACK_CHANNEL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ALERTS_CONFIG", "ALERTS_URL", "STATE_DIR", "DAGSTER_URL"):
        monkeypatch.delenv(f"WDH_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local_router, "_given", {})


RETRIES = {"run_retries": {"enabled": True, "max_retries": 1}}


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """A real instance, in memory; Dagster retries nothing."""
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def retrying_instance() -> Iterator[DagsterInstance]:
    """The same, with Dagster's run retries on: a run is tried twice."""
    with DagsterInstance.ephemeral(settings=RETRIES) as made:
        yield made


@pytest.fixture
def stored_instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    """A real instance on SQLite, as `dagster dev` has it, with run retries on."""
    home = tmp_path / "home"
    home.mkdir()
    with instance_for_test(temp_dir=str(home), overrides=RETRIES) as made:
        yield made


@pytest.fixture
def router(tmp_path: Path) -> Iterator[AlertRouter]:
    """A real router on a store of the test's own, with what is built in for alerts.yml."""
    url = f"sqlite:///{tmp_path / 'alerts.db'}"
    made = AlertRouter.from_file(tmp_path / "alerts.yml", store_url=url)
    yield made
    made.close()
