"""Both jobs on real workbooks: what they load, keep, report, and how they fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from dagster import (
    DagsterInstance,
    DagsterInvalidConfigError,
    ExecuteInProcessResult,
    build_op_context,
    build_sensor_context,
)
from src.work_data_hub.alerting.sink import Incident
from src.work_data_hub.config.settings import SHIPPED_DATA_SOURCES
from src.work_data_hub.io.errors import WarehouseError
from src.work_data_hub.orchestration import ops
from src.work_data_hub.orchestration.jobs import (
    build_run_config,
    trustee_performance_job,
    trustee_performance_multi_file_job,
)
from src.work_data_hub.orchestration.ops import LoadConfig, load_op
from src.work_data_hub.orchestration.schedules import _build_schedule_run_config
from src.work_data_hub.orchestration.sensors import trustee_dq_sensor

from .landing import HEADING, LandingFolder, rows_of

NOVEMBER = "2024_11_受托业绩报告.xlsx"


def run(
    instance: DagsterInstance, *, tags: Mapping[str, str] | None = None, **options: Any
) -> ExecuteInProcessResult:
    return trustee_performance_multi_file_job.execute_in_process(
        run_config=build_run_config(**{"plan_only": False, **options}),
        instance=instance,
        raise_on_error=False,
        tags=dict(tags or {}),
    )


def of_the_data(incidents: list[Incident]) -> list[Incident]:
    """Without what the hooks tell of the run's steps."""
    return [incident for incident in incidents if "domain" in incident.labels]


def test_a_workbook_becomes_rows(
    landing: LandingFolder, instance: DagsterInstance, warehouse: Callable[[str], Any]
) -> None:
    landing.put(NOVEMBER, [(2024, 11, "fp-0001", "abc", "5.5%", "1,234.5678", "￥1,000,000.00")])
    assert run(instance).success
    assert warehouse(
        "SELECT report_date, plan_code, company_code, return_rate, net_asset_value, fund_scale,"
        " data_source FROM trustee_performance"
    ) == [("2024-11-01", "FP0001", "ABC", 0.055, 1234.5678, 1_000_000.0, NOVEMBER)]


def test_what_a_load_finds_leads_to_its_run_and_to_whoever_owns_that(
    landing: LandingFolder, instance: DagsterInstance, open_incidents: Callable[[], list[Incident]]
) -> None:
    landing.put_broken(NOVEMBER)
    by = {"owner": "anna@example.com", "dagster/sensor_name": "trustee_new_files_sensor"}
    result = run(instance, tags=by)
    (told,) = of_the_data(open_incidents())
    assert told.generator_url == f"http://127.0.0.1:3000/runs/{result.run_id}"
    assert told.annotations["run_url"] == told.generator_url
    assert told.annotations["run_id"] == result.run_id
    assert told.annotations["job"] == "trustee_performance_multi_file_job"
    assert told.annotations["sensor"] == "trustee_new_files_sensor"
    assert told.labels["owner"] == "anna@example.com"
    run(instance, tags={"owner": "li@example.com"})
    (again,) = of_the_data(open_incidents())
    assert again.fingerprint == told.fingerprint, (
        "whoever runs it, it is the same file that is broken"
    )


def test_a_missing_folder_is_one_incident_whether_a_run_or_a_sensor_meets_it(
    landing: LandingFolder, instance: DagsterInstance, open_incidents: Callable[[], list[Incident]]
) -> None:
    landing.path.rmdir()
    result = run(instance, tags={"team": "data"})
    (told,) = of_the_data(open_incidents())
    assert told.annotations["run_id"] == result.run_id
    assert told.labels["team"] == "data"
    trustee_dq_sensor(build_sensor_context(instance=instance))
    (again,) = of_the_data(open_incidents())
    assert again.fingerprint == told.fingerprint


def test_plan_only_writes_nothing(landing: LandingFolder, instance: DagsterInstance) -> None:
    landing.put(NOVEMBER)
    result = run(instance, plan_only=True)
    assert result.success
    (report,) = result.output_for_node("load_op")
    assert (report.rows_in, report.loaded) == (3, 3)
    assert not (landing.path.parent / "state" / "warehouse.db").exists()


def test_files_that_do_not_fit_in_a_run_are_named_and_wait(
    landing: LandingFolder, instance: DagsterInstance, warehouse: Callable[[str], Any]
) -> None:
    for month in (9, 10, 11):
        landing.put(f"2024_{month:02}_受托业绩报告.xlsx")
    assert run(instance, max_files=2).success
    loaded = "SELECT relative_path FROM wdh_files WHERE state = 'loaded' ORDER BY 1"
    assert [name for (name,) in warehouse(loaded)] == [
        "2024_09_受托业绩报告.xlsx",
        "2024_10_受托业绩报告.xlsx",
    ]
    assert run(instance, max_files=2).success
    assert len(warehouse(loaded)) == 3


def test_one_broken_file_fails_the_run_by_name_and_the_others_are_loaded(
    landing: LandingFolder,
    instance: DagsterInstance,
    warehouse: Callable[[str], Any],
    open_alerts: Callable[[], Any],
) -> None:
    landing.put_broken("2024_10_受托业绩报告.xlsx")
    landing.put(NOVEMBER)
    result = run(instance)
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "2024_10_受托业绩报告.xlsx" in failure.step_failure_data.user_failure_data.description
    assert warehouse("SELECT count(*) FROM trustee_performance") == [(3,)]
    assert ("UnreadableFile", "2024_10_受托业绩报告.xlsx") in open_alerts()
    assert ("StepFailed", None) in open_alerts()


def test_a_load_is_a_materialization_with_numbers_that_plot(
    landing: LandingFolder, instance: DagsterInstance
) -> None:
    landing.put(NOVEMBER, [*rows_of(2024, 11), (2024, 13, "P9", "C9", "1%", 1, 1)])
    result = run(instance)
    (event,) = result.asset_materializations_for_node("load_op")
    assert event.asset_key.path == ["warehouse", "trustee_performance"]
    values: dict[str, Any] = {name: value.value for name, value in event.metadata.items()}
    counts = {name: values[name] for name in ("rows_in", "loaded", "quarantined", "superseded")}
    assert counts == {"rows_in": 4, "loaded": 3, "quarantined": 1, "superseded": 0}
    assert values["duration_s"] > 0
    records: Any = event.metadata["files"]
    assert [record.data["file"] for record in records.records] == [NOVEMBER]


def test_a_file_that_vanishes_between_sensor_and_run_is_named(
    landing: LandingFolder, instance: DagsterInstance, warehouse: Callable[[str], Any]
) -> None:
    gone = landing.path / "2024_10_受托业绩报告.xlsx"
    there = landing.put(NOVEMBER)
    result = run(instance, paths=[str(gone), str(there)])
    assert not result.success
    reports = result.output_for_node("load_op")
    assert [report.failed for report in reports] == [True, False]
    assert "gone" in str(reports[0].error)
    assert warehouse("SELECT count(*) FROM trustee_performance") == [(3,)]


def test_a_warehouse_that_is_down_fails_the_run_and_the_file_stays_to_be_loaded(
    landing: LandingFolder,
    instance: DagsterInstance,
    warehouse: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landing.put(NOVEMBER)
    with monkeypatch.context() as down:
        down.setenv("WDH_WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:9/none")
        result = run(instance, paths=[str(landing.path / NOVEMBER)])
    assert not result.success
    assert run(instance).success
    assert warehouse("SELECT count(*) FROM trustee_performance") == [(3,)]


def test_a_missing_landing_folder_fails_the_run_with_what_to_do(
    landing: LandingFolder, instance: DagsterInstance, open_alerts: Callable[[], Any]
) -> None:
    landing.path.rmdir()
    result = run(instance)
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "WDH_DATA_BASE_DIR" in failure.step_failure_data.user_failure_data.description
    assert ("LandingFolderMissing", None) in open_alerts()


def test_the_first_file_goes_through_four_ops(
    landing: LandingFolder, instance: DagsterInstance, warehouse: Callable[[str], Any]
) -> None:
    landing.put("2024_10_受托业绩报告.xlsx")
    landing.put(NOVEMBER)
    load = build_run_config(plan_only=False)["ops"]["load_op"]
    result = trustee_performance_job.execute_in_process(
        run_config={"ops": {"load_op": load}}, instance=instance
    )
    steps = {event.step_key for event in result.all_events if event.is_step_success}
    assert steps == {
        "discover_files_op",
        "read_excel_op",
        "process_trustee_performance_op",
        "load_op",
    }
    assert warehouse("SELECT DISTINCT report_date FROM trustee_performance") == [("2024-10-01",)]


def test_an_empty_folder_is_a_run_without_files(
    landing: LandingFolder, instance: DagsterInstance
) -> None:
    result = run(instance)
    assert result.success
    assert result.output_for_node("load_op") == []


def test_append_skips_what_the_same_root_run_has_loaded(
    landing: LandingFolder, instance: DagsterInstance, warehouse: Callable[[str], Any]
) -> None:
    path = str(landing.put(NOVEMBER))
    assert run(instance, mode="append", paths=[path]).success
    landing.put(NOVEMBER, [*rows_of(2024, 11), *rows_of(2024, 11, first=9)])
    assert run(instance, mode="append", paths=[path]).success
    assert warehouse("SELECT count(*) FROM trustee_performance") == [(6,)]
    assert warehouse("SELECT DISTINCT reason, count(*) FROM wdh_quarantine") == [("key_exists", 3)]


@pytest.mark.parametrize(
    ("op", "change"),
    [
        ("read_and_process_trustee_files_op", {"max_files": 21}),
        ("read_and_process_trustee_files_op", {"max_files": 0}),
        ("read_and_process_trustee_files_op", {"sheet": 1.5}),
        ("load_op", {"mode": "upsert"}),
        ("load_op", {"pk": []}),
        ("load_op", {"surprise": 1}),
    ],
)
def test_a_run_config_that_makes_no_sense_is_refused(
    landing: LandingFolder, instance: DagsterInstance, op: str, change: dict[str, Any]
) -> None:
    landing.put(NOVEMBER)
    config = build_run_config(plan_only=False)
    config["ops"][op]["config"] |= change
    try:
        result = trustee_performance_multi_file_job.execute_in_process(
            run_config=config, instance=instance, raise_on_error=False
        )
    except DagsterInvalidConfigError:
        return
    assert not result.success


def test_alerts_that_cannot_be_stored_do_not_fail_the_run(
    landing: LandingFolder,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    landing.put(NOVEMBER, [], heading=HEADING)
    monkeypatch.setenv("WDH_ALERTS_URL", "postgresql://nobody@127.0.0.1:9/none")
    assert run(instance).success
    assert "the sheet has a heading and no rows" in capfd.readouterr().err


def test_rows_that_the_table_refuses_fail_their_file_and_no_other(
    landing: LandingFolder, instance: DagsterInstance, warehouse: Callable[[str], Any]
) -> None:
    landing.put("2024_09_受托业绩报告.xlsx")
    assert run(instance).success
    warehouse(
        "CREATE TRIGGER no_october BEFORE INSERT ON trustee_performance"
        " WHEN NEW.report_date = '2024-10-01' BEGIN SELECT RAISE(ABORT, 'not this month'); END"
    )
    landing.put("2024_10_受托业绩报告.xlsx")
    landing.put(NOVEMBER)
    result = run(instance)
    assert [r.failed for r in result.output_for_node("load_op")] == [True, False]
    states = "SELECT relative_path, state FROM wdh_files ORDER BY 1"
    assert [state for _, state in warehouse(states)] == ["loaded", "failed", "loaded"]


def test_what_was_loaded_before_the_warehouse_went_is_told_and_plotted(
    landing: LandingFolder,
    instance: DagsterInstance,
    open_alerts: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landing.put("2024_10_受托业绩报告.xlsx", [])
    landing.put(NOVEMBER)
    load, calls = ops.load_file, []

    def load_once(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise WarehouseError("gone")
        return load(*arguments, **options)

    monkeypatch.setattr(ops, "load_file", load_once)
    result = run(instance)
    assert not result.success
    assert ("ZeroRows", "2024_10_受托业绩报告.xlsx") in open_alerts()
    assert len([e for e in result.all_events if e.is_step_materialization]) == 1


def test_a_folder_that_vanishes_after_the_files_were_committed_does_not_fail_the_run(
    landing: LandingFolder,
    instance: DagsterInstance,
    open_alerts: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = landing.put_broken("2024_10_受托业绩报告.xlsx")
    assert not run(instance).success
    broken.unlink()
    landing.put(NOVEMBER)
    load, folder = ops.load_file, landing.path

    def load_and_vanish(*arguments: Any, **options: Any) -> Any:
        report = load(*arguments, **options)
        folder.rename(folder.with_name("unmounted"))
        return report

    monkeypatch.setattr(ops, "load_file", load_and_vanish)
    result = run(instance)
    assert result.success
    (report,) = result.output_for_node("load_op")
    assert report.loaded == 3
    names = [name for name, _ in open_alerts()]
    assert "LandingFolderMissing" in names
    assert "UnreadableFile" in names


def test_a_path_that_is_none_of_ours_fails_alone(
    landing: LandingFolder, instance: DagsterInstance, warehouse: Callable[[str], Any]
) -> None:
    good = landing.put(NOVEMBER)
    stray = good.with_name("whatever.xlsx")
    stray.write_bytes(good.read_bytes())
    result = run(instance, paths=[str(stray), str(good)])
    bad, loaded = result.output_for_node("load_op")
    assert "no month" in bad.error
    assert loaded.loaded == 3


def test_the_configured_sheet_is_the_one_that_is_loaded(
    landing: LandingFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SHIPPED_DATA_SOURCES.read_text(encoding="utf-8")
    other = tmp_path / "data_sources.yml"
    other.write_text(text.replace("    sheet: 0\n", "    sheet: 数据\n"), encoding="utf-8")
    monkeypatch.setenv("WDH_DATA_SOURCES_CONFIG", str(other))
    scheduled = _build_schedule_run_config()["ops"]["read_and_process_trustee_files_op"]
    assert scheduled["config"]["sheet"] == "数据"


def test_a_stray_cell_far_out_is_one_bad_file(
    landing: LandingFolder, instance: DagsterInstance
) -> None:
    far = landing.put("2024_10_受托业绩报告.xlsx")
    with xlsxwriter.Workbook(str(far)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADING)
        sheet.write(1_000_000, 16_000, "x")
    landing.put(NOVEMBER)
    result = run(instance)
    stray, good = result.output_for_node("load_op")
    assert "stray cell" in stray.error
    assert good.loaded == 3


def test_load_op_can_be_called_without_a_run(landing: LandingFolder) -> None:
    config = LoadConfig(table="trustee_performance", pk=["plan_code"], plan_only=True)
    outputs = list(load_op(build_op_context(), config, []))
    assert outputs[-1].value == []


def test_a_silent_run_opens_and_closes_nothing(
    landing: LandingFolder, instance: DagsterInstance, open_alerts: Callable[[], Any]
) -> None:
    landing.put_broken(NOVEMBER)
    trustee_performance_multi_file_job.execute_in_process(
        run_config=build_run_config(),
        instance=instance,
        raise_on_error=False,
        tags={"wdh/alerts": "off"},
    )
    assert open_alerts() == set()
