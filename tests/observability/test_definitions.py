from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    Definitions,
    SensorDefinition,
    SkipReason,
    build_sensor_context,
)

from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.alerting.errors import ConfigError
from work_data_hub.alerting.testing import Receiver
from work_data_hub.alerting.workers import DELIVERY_DEADLINE_S, OVERRUN_S
from work_data_hub.observability import alerting_definitions, definitions
from work_data_hub.observability.dagster_api import run_log
from work_data_hub.observability.local_router import local_router

from .dagster_runs import failed_at, nightly, succeeded_at
from .stores import firing


def alerting_sensor(definitions: Definitions) -> SensorDefinition:
    return definitions.resolve_sensor_def("alerting_sensor")


def ticked(instance: DagsterInstance, definitions: Definitions) -> str:
    """What a tick of the sensor says."""
    with build_sensor_context(instance=instance) as context:
        said = alerting_sensor(definitions)(context)
    assert isinstance(said, SkipReason)
    return said.skip_message or ""


def test_one_line_adopts_it_and_its_sensor_is_on_from_the_start() -> None:
    merged = Definitions.merge(Definitions(jobs=[nightly]), alerting_definitions(interval_s=7))
    found = alerting_sensor(merged)
    assert found.default_status is DefaultSensorStatus.RUNNING
    assert found.minimum_interval_seconds == 6  # a moment less: see definitions.py
    assert merged.resolve_job_def("nightly").name == "nightly"


def test_defining_reads_no_file_and_makes_none(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("route: [")
    alerting_definitions(tmp_path / "broken.yml", store_url=f"sqlite:///{tmp_path}/alerts.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.yml"]


def test_a_tick_tells_what_failed_and_says_so(instance: DagsterInstance) -> None:
    failed_at(instance, datetime.now(UTC))
    said = ticked(instance, alerting_definitions())
    assert said.startswith("failures told: 1, held for their retry: 0, incidents closed: 0")
    assert len(firing(local_router())) == 1


def test_with_no_file_and_no_slack_a_failure_goes_to_the_log(
    instance: DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    failed_at(instance, datetime.now(UTC))
    ticked(instance, alerting_definitions())
    assert "nightly" in caplog.text


def test_its_first_tick_says_what_is_off_and_the_others_do_not(
    instance: DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    of_the_project = alerting_definitions()
    ticked(instance, of_the_project)
    assert "SLACK_BOT_TOKEN and SLACK_CHANNEL not set" in caplog.text
    caplog.clear()
    ticked(instance, of_the_project)
    assert "config.caveat" not in caplog.text


def test_the_store_that_is_given_is_the_one_that_is_used(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/mine.db"
    failed_at(instance, datetime.now(UTC))
    ticked(instance, alerting_definitions(store_url=url))
    assert len(firing(AlertRouter.from_file(tmp_path / "alerts.yml", store_url=url))) == 1
    assert not (tmp_path / ".wdh").exists()


def test_hooks_of_the_same_project_find_the_store_that_was_given(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mine.db"
    alerting_definitions(store_url=url)
    assert local_router() is local_router(store_url=url)


def test_a_broken_alerts_yml_fails_the_tick_with_file_and_line(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "alerts.yml").write_text("route:\n  reciever: team\n")
    with pytest.raises(ConfigError, match=r"alerts\.yml:2"):
        ticked(instance, alerting_definitions())


def test_a_changed_alerts_yml_is_read_at_the_next_tick(tmp_path: Path) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text("route: {receiver: a}\nreceivers: [{name: a}]\n")
    first = local_router()
    assert local_router() is first
    path.write_text("route: {receiver: bc}\nreceivers: [{name: bc}]\n")
    assert local_router() is not first
    assert local_router().config.route.receiver == "bc"


def test_what_is_due_is_sent_even_when_the_feed_fails(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    router = local_router()

    def unreachable(_: DagsterInstance) -> str:
        raise ConnectionError("Dagster's database is away")

    router.publish(Alert({"alertname": "Waiting", "job": "earlier"}))
    monkeypatch.setattr(run_log, "storage_id", unreachable)
    with pytest.raises(ConnectionError):
        definitions.tick(instance, router)
    assert "earlier" in caplog.text


def test_a_recovered_run_is_closed_by_a_tick(instance: DagsterInstance) -> None:
    failed_at(instance, datetime.now(UTC))
    ticked(instance, alerting_definitions())
    succeeded_at(instance, datetime.now(UTC))
    assert "incidents closed: 1" in ticked(instance, alerting_definitions())
    assert firing(local_router()) == []


def test_naming_the_package_imports_no_dagster_and_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "import work_data_hub.observability, work_data_hub.observability.local_router\n"
        "loaded = {'dagster', 'sqlalchemy', 'requests', 'jinja2', 'polars'} & set(sys.modules)\n"
        "sys.exit(repr(loaded) if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_adopting_it_loads_what_it_needs_only_at_the_first_tick() -> None:
    code = (
        "import sys, dagster\n"
        "before = set(sys.modules)\n"
        "from work_data_hub.observability import alerting_definitions, alert_on_failure\n"
        "alerting_definitions()\n"
        "ours = {name for name in set(sys.modules) - before if name.startswith('work_data_hub')}\n"
        "late = {name for name in ours if '.store' in name or '.sinks' in name}\n"
        "sys.exit(repr(late) if late else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_tick_fits_into_the_time_that_dagster_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._grpc.utils import default_sensor_grpc_timeout

    for name in ("DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS", "DAGSTER_GRPC_TIMEOUT_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    read_s = definitions.FEED_BUDGET_S + definitions.RECONCILER_BUDGET_S
    sent_s = definitions.SEND_BUDGET_S + DELIVERY_DEADLINE_S + OVERRUN_S
    assert read_s + sent_s + definitions.TALLY_BUDGET_S < default_sensor_grpc_timeout()


def test_a_tick_lets_the_watchdog_beat_where_it_has_a_switch_to_call(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as switch:
        monkeypatch.setenv("WATCHDOG_URL", f"{switch.address}/ping")
        ticked(instance, alerting_definitions())
        assert [request.path for request in switch.requests] == ["/ping"]
