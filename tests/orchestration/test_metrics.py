"""The pipeline's metrics, after real workbooks were loaded and probed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, build_sensor_context
from prometheus_client import CollectorRegistry, generate_latest
from src.work_data_hub.config.data_sources import load_data_sources
from src.work_data_hub.config.settings import get_settings
from src.work_data_hub.io.loader.ledger import FileState
from src.work_data_hub.io.loader.warehouse_loader import Warehouse
from src.work_data_hub.io.replay import replay
from src.work_data_hub.orchestration.jobs import (
    build_run_config,
    trustee_performance_multi_file_job,
)
from src.work_data_hub.orchestration.metrics import pipeline_collector
from src.work_data_hub.orchestration.sensors import trustee_dq_sensor

from ..prometheus_server import promtool_finds
from .landing import LandingFolder, rows_of

DOMAIN = "trustee_performance"
NOVEMBER = "2024_11_受托业绩报告.xlsx"
DECEMBER = "2024_12_受托业绩报告.xlsx"


def load(instance: DagsterInstance) -> None:
    trustee_performance_multi_file_job.execute_in_process(
        run_config=build_run_config(plan_only=False), instance=instance, raise_on_error=False
    )


@pytest.fixture
def scrape(state_dir: Path) -> Callable[[], dict[str, float]]:
    """The samples by name and the last label's value; a collector of its own, so nothing is old."""

    def read() -> dict[str, float]:
        collector = pipeline_collector(get_settings())
        return {
            " ".join([sample.name, *list(sample.labels.values())[1:]]): sample.value
            for family in collector.collect()
            for sample in family.samples
            if sample.labels.get("domain") == DOMAIN or "source" in sample.name
        }

    return read


def test_an_empty_pipeline_has_every_series_at_0(
    landing: LandingFolder, scrape: Callable[[], dict[str, float]]
) -> None:
    found = scrape()
    assert found["wdh_rows_total loaded"] == 0
    assert found["wdh_loads_total failed"] == 0
    assert {found[f"wdh_files {state}"] for state in FileState} == {0}
    assert found["wdh_landing_folder_files"] == 0
    assert "wdh_newest_file_timestamp_seconds" not in found
    assert found["wdh_dq_probes_total passed"] == 0


def test_rows_files_and_loads_are_counted_and_never_fall(
    landing: LandingFolder, instance: DagsterInstance, scrape: Callable[[], dict[str, float]]
) -> None:
    landing.put(NOVEMBER, [*rows_of(2024, 11, count=2), (2024, 13, "P", "C", "1%", 1.0, 1.0)])
    landing.put_broken(DECEMBER, mtime_s=1_760_000_000.0)
    load(instance)
    found = scrape()
    assert found["wdh_rows_total loaded"] == 2
    assert found["wdh_rows_total quarantined"] == 1
    assert found["wdh_loads_total loaded"] == 1
    assert found["wdh_loads_total failed"] == 1
    assert found["wdh_load_duration_seconds_count"] == 2
    assert 0 < found["wdh_load_duration_seconds_sum"] < 60
    assert found["wdh_load_duration_seconds_bucket 60.0"] == 2
    assert found["wdh_files loaded"] == found["wdh_files failed"] == 1
    assert found["wdh_quarantine_open_rows"] == 1
    assert found["wdh_landing_folder_files"] == 2
    assert found["wdh_newest_file_timestamp_seconds"] == 1_760_000_000.0
    landing.put(NOVEMBER, rows_of(2024, 11, count=4), mtime_s=1_750_000_001.0)
    (landing.path / DECEMBER).unlink()
    load(instance)
    again = scrape()
    assert again["wdh_rows_total loaded"] == 6
    assert again["wdh_rows_total quarantined"] == 1
    assert again["wdh_loads_total loaded"] == 2
    assert again["wdh_quarantine_open_rows"] == 0


def test_replayed_rows_are_counted(
    landing: LandingFolder, instance: DagsterInstance, scrape: Callable[[], dict[str, float]]
) -> None:
    landing.put(NOVEMBER, [*rows_of(2024, 11, count=2), (2024, 11, "P9", "C" * 21, "1%", 1.0, 1.0)])
    load(instance)
    with closing(sqlite3.connect(landing.path.parent / "state" / "warehouse.db")) as connection:
        connection.execute("UPDATE wdh_quarantine SET cells = replace(cells, 'CCCCCCCCCC', '')")
        connection.commit()
    source = load_data_sources().domain(DOMAIN)
    with Warehouse.open(get_settings().warehouse_url) as warehouse:
        replay(warehouse, source, domain=DOMAIN)
    found = scrape()
    assert found["wdh_rows_total replayed"] == 1
    assert found["wdh_quarantine_open_rows"] == 0


def test_probes_are_counted_by_what_they_found(
    landing: LandingFolder, scrape: Callable[[], dict[str, float]]
) -> None:
    trustee_dq_sensor(build_sensor_context())
    landing.put(NOVEMBER, mtime_s=time.time())
    trustee_dq_sensor(build_sensor_context())
    landing.put(NOVEMBER, [], mtime_s=1_600_000_000.0)
    trustee_dq_sensor(build_sensor_context())
    (landing.path / NOVEMBER).unlink()
    landing.path.rmdir()
    trustee_dq_sensor(build_sensor_context())
    found = scrape()
    outcomes = {
        outcome: found[f"wdh_dq_probes_total {outcome}"]
        for outcome in ("no_file", "passed", "found")
    }
    assert outcomes == {"no_file": 1, "passed": 1, "found": 2}
    for finding in ("ZeroRows", "StaleFile", "LandingFolderMissing"):
        assert found[f"wdh_dq_findings_total {finding}"] == 1
    assert abs(found["wdh_dq_last_probe_timestamp_seconds"] - time.time()) < 60
    assert found["wdh_scrape_source_up"] == 1  # of the probes: the last of the sources


def test_a_warehouse_of_an_earlier_version_gains_its_totals_with_the_next_load(
    landing: LandingFolder, instance: DagsterInstance, scrape: Callable[[], dict[str, float]]
) -> None:
    landing.put(NOVEMBER)
    load(instance)
    with closing(sqlite3.connect(landing.path.parent / "state" / "warehouse.db")) as connection:
        connection.execute("DROP TABLE wdh_totals")
    assert scrape()["wdh_rows_total loaded"] == 0
    landing.put(DECEMBER)
    load(instance)
    assert scrape()["wdh_rows_total loaded"] == 3


def test_what_cannot_be_read_is_a_gauge_at_0(
    landing: LandingFolder, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.path.rmdir()
    state_dir.mkdir(exist_ok=True)
    (state_dir / "warehouse.db").write_text("this is no database, and long enough" * 9)
    registry = CollectorRegistry()
    registry.register(pipeline_collector(get_settings()))
    up = {
        source: registry.get_sample_value("wdh_scrape_source_up", {"source": source})
        for source in ("warehouse", "landing_folder", "probes")
    }
    assert up == {"warehouse": 0, "landing_folder": 0, "probes": 1}


def test_promtool_finds_nothing(landing: LandingFolder, instance: DagsterInstance) -> None:
    landing.put(NOVEMBER)
    load(instance)
    trustee_dq_sensor(build_sensor_context())
    registry = CollectorRegistry()
    registry.register(pipeline_collector(get_settings()))
    assert promtool_finds(generate_latest(registry)) == ""


def test_registering_opens_nothing(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: Any = state_dir.parent / "sources.yml"
    broken.write_text("domains: [")
    monkeypatch.setenv("WDH_DATA_SOURCES_CONFIG", str(broken))
    names = {family.name for family in pipeline_collector(get_settings()).describe()}
    assert {"wdh_rows", "wdh_newest_file_timestamp_seconds", "wdh_dq_findings"} <= names
    assert not (state_dir / "alerts.db").exists()
