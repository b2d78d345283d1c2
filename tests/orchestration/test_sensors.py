"""The file sensor and the data-quality sensor, on a real folder, ledger and Dagster instance."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunRequest, SkipReason, build_sensor_context
from dagster._core.test_utils import create_run_for_test
from src.work_data_hub.io.errors import LandingFolderMissing, WarehouseError
from src.work_data_hub.orchestration import sensors
from src.work_data_hub.orchestration.jobs import trustee_performance_multi_file_job
from src.work_data_hub.orchestration.sensors import (
    MAX_FILES_A_RUN,
    MAX_RUNS_A_TICK,
    NEW_FILES_SENSOR,
    trustee_dq_sensor,
    trustee_new_files_sensor,
)

from .landing import HEADING, LandingFolder, rows_of

MTIME_S = 1_750_000_000.0


class Ticks:
    """Evaluates the sensor as the daemon does: the cursor carries over, requests become runs."""

    def __init__(self, instance: DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None

    def tick(self) -> list[RunRequest]:
        context = build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = trustee_new_files_sensor(context)
        self.cursor = context.cursor
        if isinstance(result, SkipReason):
            return []
        return result if isinstance(result, list) else [result]

    def submit(self, request: RunRequest, status: DagsterRunStatus) -> str:
        run = create_run_for_test(
            self.instance,
            job_name=trustee_performance_multi_file_job.name,
            run_config=request.run_config,
            status=status,
            tags={"dagster/sensor_name": NEW_FILES_SENSOR, "dagster/run_key": request.run_key},
        )
        return run.run_id

    def execute(self, request: RunRequest) -> bool:
        result = trustee_performance_multi_file_job.execute_in_process(
            run_config=request.run_config,
            instance=self.instance,
            raise_on_error=False,
            tags={"dagster/sensor_name": NEW_FILES_SENSOR, "dagster/run_key": request.run_key},
        )
        return result.success


@pytest.fixture
def ticks(landing: LandingFolder, instance: DagsterInstance) -> Ticks:
    return Ticks(instance)


def paths(request: RunRequest) -> list[str]:
    return list(request.run_config["ops"]["discover_files_op"]["config"]["paths"])


def test_a_new_file_is_requested_under_its_mtime(landing: LandingFolder, ticks: Ticks) -> None:
    path = landing.put("2024_11_受托业绩报告.xlsx", mtime_s=MTIME_S)
    (request,) = ticks.tick()
    assert request.run_key == str(MTIME_S)
    assert float(str(ticks.cursor)) == MTIME_S
    assert paths(request) == [str(path)]
    assert request.run_config["ops"]["load_op"]["config"]["plan_only"] is False


def test_a_loaded_file_is_not_requested_again(landing: LandingFolder, ticks: Ticks) -> None:
    landing.put("2024_11_受托业绩报告.xlsx")
    (request,) = ticks.tick()
    assert ticks.execute(request)
    assert ticks.tick() == []


def test_a_file_is_not_requested_while_its_run_is_under_way(
    landing: LandingFolder, ticks: Ticks
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx")
    (request,) = ticks.tick()
    ticks.submit(request, DagsterRunStatus.STARTED)
    assert ticks.tick() == []


def test_an_empty_folder_is_a_skip_and_no_alert(
    landing: LandingFolder, ticks: Ticks, open_alerts: Callable[[], Any]
) -> None:
    assert ticks.tick() == []
    assert ticks.cursor is None
    assert open_alerts() == set()


def test_a_missing_folder_fails_the_tick_keeps_the_cursor_and_is_an_alert(
    landing: LandingFolder, instance: DagsterInstance, open_alerts: Callable[[], Any]
) -> None:
    landing.path.rmdir()
    context = build_sensor_context(instance=instance, cursor="17.5")
    with pytest.raises(LandingFolderMissing, match="WDH_DATA_BASE_DIR"):
        trustee_new_files_sensor(context)
    assert context.cursor == "17.5"
    assert open_alerts() == {("LandingFolderMissing", None)}
    landing.path.mkdir()
    trustee_new_files_sensor(build_sensor_context(instance=instance))
    assert open_alerts() == set()


def test_a_file_copied_with_its_old_mtime_is_taken(landing: LandingFolder, ticks: Ticks) -> None:
    landing.put("2024_11_受托业绩报告.xlsx", mtime_s=MTIME_S)
    ticks.execute(ticks.tick()[0])
    late = landing.put("2024_10_受托业绩报告.xlsx", mtime_s=MTIME_S - 9_000_000)
    (request,) = ticks.tick()
    assert paths(request) == [str(late)]
    assert float(str(ticks.cursor)) == MTIME_S  # a watermark: it never falls


def test_two_files_with_the_same_mtime_are_both_taken(landing: LandingFolder, ticks: Ticks) -> None:
    landing.put("2024_11_受托业绩报告.xlsx", mtime_s=MTIME_S)
    (first,) = ticks.tick()
    ticks.execute(first)
    landing.put("2024_12_受托业绩报告.xlsx", mtime_s=MTIME_S)
    (second,) = ticks.tick()
    assert (first.run_key, second.run_key) == (f"{MTIME_S}", f"{MTIME_S}:2")


def test_content_replaced_under_the_same_mtime_is_taken(
    landing: LandingFolder, ticks: Ticks, warehouse: Callable[[str], Any]
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx", rows_of(2024, 11, count=2))
    ticks.execute(ticks.tick()[0])
    landing.put("2024_11_受托业绩报告.xlsx", rows_of(2024, 11, count=4))
    (request,) = ticks.tick()
    assert request.run_key == f"{MTIME_S}:2"
    assert ticks.execute(request)
    assert warehouse("SELECT count(*) FROM trustee_performance") == [(4,)]


@pytest.mark.parametrize("cursor", ["nan", "inf", "-inf", "not a number", ""])
def test_a_cursor_that_means_no_time_blinds_nothing(
    landing: LandingFolder, ticks: Ticks, cursor: str
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx")
    ticks.cursor = cursor
    assert len(ticks.tick()) == 1
    assert float(str(ticks.cursor)) == MTIME_S


def test_a_file_dated_in_the_future_hides_no_later_one(
    landing: LandingFolder, ticks: Ticks
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx", mtime_s=time.time() + 9_000_000)
    ticks.execute(ticks.tick()[0])
    today = landing.put("2024_12_受托业绩报告.xlsx", mtime_s=MTIME_S)
    assert [paths(request) for request in ticks.tick()] == [[str(today)]]


def test_a_file_that_may_still_be_written_to_is_left_alone(
    landing: LandingFolder, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx", mtime_s=MTIME_S)
    monkeypatch.setattr(sensors.time, "time", lambda: MTIME_S + 29)
    assert ticks.tick() == []
    monkeypatch.setattr(sensors.time, "time", lambda: MTIME_S + 30)
    assert len(ticks.tick()) == 1


def test_a_backlog_is_drained_oldest_first_and_none_is_skipped(
    landing: LandingFolder, ticks: Ticks
) -> None:
    count = MAX_FILES_A_RUN * MAX_RUNS_A_TICK + 7
    names = [f"{2000 + n // 12}_{n % 12 + 1:02}_受托业绩报告.xlsx" for n in range(count)]
    model = landing.put(names[0])
    for number, name in enumerate(names):
        (landing.path / name).write_bytes(model.read_bytes())
        landing.at(landing.path / name, MTIME_S - number)
    taken: list[str] = []
    while requests := ticks.tick():
        assert len({request.run_key for request in requests}) == len(requests)
        for request in requests:
            taken += paths(request)
            ticks.submit(request, DagsterRunStatus.STARTED)
    assert taken == [str(landing.path / name) for name in names]


def test_a_file_whose_run_failed_gets_three_chances_and_its_alert_stays(
    landing: LandingFolder, ticks: Ticks, open_alerts: Callable[[], Any]
) -> None:
    landing.put_broken("2024_11_受托业绩报告.xlsx")
    keys = []
    while requests := ticks.tick():
        keys += [request.run_key for request in requests]
        assert not ticks.execute(requests[0])
    assert keys == [f"{MTIME_S}", f"{MTIME_S}:2", f"{MTIME_S}:3"]
    assert ("UnreadableFile", "2024_11_受托业绩报告.xlsx") in open_alerts()
    mended = landing.put("2024_11_受托业绩报告.xlsx")
    (request,) = ticks.tick()
    assert paths(request) == [str(mended)]
    assert ticks.execute(request)
    assert ("UnreadableFile", "2024_11_受托业绩报告.xlsx") not in open_alerts()


def test_a_file_that_kills_its_run_is_given_up_after_three(
    landing: LandingFolder, ticks: Ticks, warehouse: Callable[[str], Any]
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx")
    chances = 0
    while requests := ticks.tick():
        chances += 1
        ticks.submit(requests[0], DagsterRunStatus.FAILURE)
    assert chances == 3
    assert warehouse("SELECT state FROM wdh_files") == [("refused",)]


def test_a_file_that_failed_before_does_not_take_others_down_with_it(
    landing: LandingFolder, ticks: Ticks
) -> None:
    broken = landing.put_broken("2024_11_受托业绩报告.xlsx")
    ticks.execute(ticks.tick()[0])
    good = landing.put("2024_12_受托业绩报告.xlsx", mtime_s=MTIME_S + 5)
    assert [paths(request) for request in ticks.tick()] == [[str(good)], [str(broken)]]


def test_with_an_empty_ledger_files_at_or_below_the_cursor_count_as_seen(
    landing: LandingFolder, ticks: Ticks, warehouse: Callable[[str], Any]
) -> None:
    landing.put("2024_10_受托业绩报告.xlsx", mtime_s=MTIME_S)
    new = landing.put("2024_11_受托业绩报告.xlsx", mtime_s=MTIME_S + 1)
    ticks.cursor = str(MTIME_S)
    assert [paths(request) for request in ticks.tick()] == [[str(new)]]
    assert warehouse("SELECT relative_path, state FROM wdh_files ORDER BY 1") == [
        ("2024_10_受托业绩报告.xlsx", "seen"),
        ("2024_11_受托业绩报告.xlsx", "waiting"),
    ]


def test_the_cursor_of_the_first_tick_hides_nothing_that_is_not_loaded_yet(
    landing: LandingFolder, ticks: Ticks
) -> None:
    newer = landing.put("2024_11_受托业绩报告.xlsx", mtime_s=MTIME_S)
    (first,) = ticks.tick()
    ticks.submit(first, DagsterRunStatus.STARTED)
    late = landing.put("2024_10_受托业绩报告.xlsx", mtime_s=MTIME_S - 1)
    assert [paths(request) for request in ticks.tick()] == [[str(late)]]
    assert paths(first) == [str(newer)]


def test_once_the_ledger_has_files_the_cursor_decides_nothing(
    landing: LandingFolder, ticks: Ticks
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx", mtime_s=MTIME_S)
    ticks.execute(ticks.tick()[0])
    ticks.cursor = str(MTIME_S + 1_000)
    landing.put("2024_10_受托业绩报告.xlsx", mtime_s=MTIME_S + 500)
    assert len(ticks.tick()) == 1


def test_a_warehouse_that_is_down_fails_the_tick(
    landing: LandingFolder, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx")
    monkeypatch.setenv("WDH_WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:9/none")
    context = build_sensor_context(instance=instance, cursor="1.0")
    with pytest.raises(WarehouseError, match="WDH_WAREHOUSE_URL"):
        trustee_new_files_sensor(context)
    assert context.cursor == "1.0"


def test_the_sensor_opens_no_file(landing: LandingFolder, ticks: Ticks) -> None:
    path = landing.put("2024_11_受托业绩报告.xlsx")
    path.write_bytes(b"not a workbook at all")
    landing.at(path, MTIME_S)
    assert len(ticks.tick()) == 1


def dq(landing: LandingFolder) -> str:
    result = trustee_dq_sensor(build_sensor_context())
    assert isinstance(result, SkipReason)
    return str(result.skip_message)


NAME = "2024_11_受托业绩报告.xlsx"


def test_a_good_newest_file_is_told_with_its_rows_and_touches_no_warehouse(
    landing: LandingFolder, open_alerts: Callable[[], Any]
) -> None:
    landing.put(NAME, mtime_s=time.time())
    assert "3 rows would be inserted" in dq(landing)
    assert open_alerts() == set()
    assert not (landing.path.parent / "state" / "warehouse.db").exists()


@pytest.mark.parametrize(
    ("rows", "heading", "alert"),
    [
        ([], HEADING, "ZeroRows"),
        ([(2024, 11, "P1", "C1", "1%", 1.5)], HEADING[:6], "MissingColumns"),
        (
            [(2024, 11, "P1", "C1", "x"), (2024, 11, "P2", "C1", "y")],
            HEADING,
            "RowsRefused",
        ),
        (
            [(2024, 11, "P1", "C1", 0.5), (2024, 11, "P2", "C1", 5.5)],
            HEADING,
            "AmbiguousPercent",
        ),
    ],
)
def test_each_fault_of_the_newest_file_is_an_alert_of_its_own_until_a_probe_passes(
    landing: LandingFolder,
    open_alerts: Callable[[], Any],
    rows: Any,
    heading: Any,
    alert: str,
) -> None:
    landing.put(NAME, rows, heading=heading, mtime_s=time.time())
    assert alert in dq(landing)
    assert open_alerts() == {(alert, NAME)}
    landing.put(NAME, mtime_s=time.time())
    assert "no fault" in dq(landing)
    assert open_alerts() == set()


def test_an_unreadable_newest_file_is_an_alert_until_a_newer_one_passes(
    landing: LandingFolder, open_alerts: Callable[[], Any]
) -> None:
    landing.put_broken(NAME, mtime_s=time.time())
    assert "UnreadableFile" in dq(landing)
    assert open_alerts() == {("UnreadableFile", NAME)}
    landing.put("2024_12_受托业绩报告.xlsx", mtime_s=time.time())
    assert "no fault" in dq(landing)
    assert open_alerts() == set()


def test_a_newest_file_that_is_too_old_is_an_alert(
    landing: LandingFolder, open_alerts: Callable[[], Any]
) -> None:
    landing.put(NAME, mtime_s=time.time() - 46 * 86_400)
    assert "46 days old" in dq(landing)
    assert open_alerts() == {("StaleFile", NAME)}


def test_a_missing_folder_is_a_finding_of_the_probe(
    landing: LandingFolder, open_alerts: Callable[[], Any]
) -> None:
    landing.path.rmdir()
    assert "is not there" in dq(landing)
    assert open_alerts() == {("LandingFolderMissing", None)}


def test_a_passing_probe_closes_nothing_that_a_load_found_on_another_file(
    landing: LandingFolder, ticks: Ticks, open_alerts: Callable[[], Any]
) -> None:
    landing.put_broken("2024_10_受托业绩报告.xlsx")
    ticks.execute(ticks.tick()[0])
    landing.put(NAME, mtime_s=time.time())
    assert "no fault" in dq(landing)
    assert ("UnreadableFile", "2024_10_受托业绩报告.xlsx") in open_alerts()


def test_a_warehouse_that_is_down_counts_against_no_file(
    landing: LandingFolder, ticks: Ticks, warehouse: Callable[[str], Any]
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx")
    for _ in range(4):
        (request,) = ticks.tick()
        with pytest.MonkeyPatch.context() as down:
            down.setenv("WDH_WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:9/none")
            assert not ticks.execute(request)
    assert warehouse("SELECT state FROM wdh_files") == [("waiting",)]


def test_a_cancelled_run_counts_against_no_file(
    landing: LandingFolder, ticks: Ticks, warehouse: Callable[[str], Any]
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx")
    for _ in range(4):
        ticks.submit(ticks.tick()[0], DagsterRunStatus.CANCELED)
    assert warehouse("SELECT state FROM wdh_files") == [("waiting",)]


def test_a_file_that_kills_its_run_is_an_alert_of_its_own(
    landing: LandingFolder,
    ticks: Ticks,
    open_alerts: Callable[[], Any],
    open_incidents: Callable[[], Any],
) -> None:
    landing.put("2024_11_受托业绩报告.xlsx")
    killed = ticks.submit(ticks.tick()[0], DagsterRunStatus.FAILURE)
    (request,) = ticks.tick()
    assert open_alerts() == {("UnreadableFile", "2024_11_受托业绩报告.xlsx")}
    (told,) = open_incidents()
    assert told.generator_url == f"http://127.0.0.1:3000/runs/{killed}"
    assert ticks.execute(request)
    assert ("UnreadableFile", "2024_11_受托业绩报告.xlsx") not in open_alerts()


def test_the_alert_of_a_file_that_was_renamed_is_closed(
    landing: LandingFolder, ticks: Ticks, open_alerts: Callable[[], Any]
) -> None:
    broken = landing.put_broken("2024_11_受托业绩报告.xlsx")
    ticks.execute(ticks.tick()[0])
    assert ("UnreadableFile", "2024_11_受托业绩报告.xlsx") in open_alerts()
    broken.unlink()
    landing.put("2024-11-受托业绩数据.xlsx")
    ticks.tick()
    assert ("UnreadableFile", "2024_11_受托业绩报告.xlsx") not in open_alerts()
