"""The daily schedule: when, what, and where its table name comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DefaultScheduleStatus, RunRequest, build_schedule_context, validate_run_config
from src.work_data_hub.config.settings import SHIPPED_DATA_SOURCES
from src.work_data_hub.orchestration.jobs import (
    build_run_config,
    trustee_performance_multi_file_job,
)
from src.work_data_hub.orchestration.schedules import (
    _build_schedule_run_config,
    trustee_daily_schedule,
)
from src.work_data_hub.strict_yaml import ConfigError

PK = ["report_date", "plan_code", "company_code"]


def test_the_schedule_runs_at_two_in_shanghai_and_comes_up_stopped() -> None:
    assert trustee_daily_schedule.cron_schedule == "0 2 * * *"
    assert trustee_daily_schedule.execution_timezone == "Asia/Shanghai"
    assert trustee_daily_schedule.job is trustee_performance_multi_file_job
    assert trustee_daily_schedule.default_status is DefaultScheduleStatus.STOPPED


def test_the_run_config_is_exactly_the_promised_one() -> None:
    assert _build_schedule_run_config() == {
        "ops": {
            "discover_files_op": {"config": {"domain": "trustee_performance"}},
            "read_and_process_trustee_files_op": {"config": {"sheet": 0, "max_files": 5}},
            "load_op": {
                "config": {
                    "table": "trustee_performance",
                    "mode": "delete_insert",
                    "pk": PK,
                    "plan_only": False,
                }
            },
        }
    }


def test_a_tick_gives_a_run_request_that_the_job_accepts() -> None:
    context = build_schedule_context(scheduled_execution_time=datetime(2024, 11, 1, 18, tzinfo=UTC))
    request = trustee_daily_schedule(context)
    assert isinstance(request, RunRequest)
    assert validate_run_config(trustee_performance_multi_file_job, request.run_config)


def test_table_and_key_are_read_from_data_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SHIPPED_DATA_SOURCES.read_text(encoding="utf-8")
    other = tmp_path / "data_sources.yml"
    other.write_text(
        text.replace("table: trustee_performance", "table: dwh.performance").replace(
            "pk: [report_date, plan_code, company_code]", "pk: [report_date, plan_code]"
        ),
        encoding="utf-8",
    )
    monkeypatch.setenv("WDH_DATA_SOURCES_CONFIG", str(other))
    load = _build_schedule_run_config()["ops"]["load_op"]["config"]
    assert (load["table"], load["pk"]) == ("dwh.performance", ["report_date", "plan_code"])


def test_without_a_readable_configuration_there_is_no_run_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WDH_DATA_SOURCES_CONFIG", str(tmp_path / "gone.yml"))
    with pytest.raises(ConfigError, match="gone"):
        trustee_daily_schedule(build_schedule_context())


def test_run_config_built_for_people_plans_only() -> None:
    config = build_run_config(paths=["a.xlsx"], sheet="数据", max_files=3, mode="append")["ops"]
    assert config["discover_files_op"]["config"]["paths"] == ["a.xlsx"]
    assert config["read_and_process_trustee_files_op"]["config"] == {
        "sheet": "数据",
        "max_files": 3,
    }
    assert config["load_op"]["config"]["plan_only"] is True
    assert config["load_op"]["config"]["mode"] == "append"
