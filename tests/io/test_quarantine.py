"""Refused rows: what is kept of them, and how they come back."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import pytest

from work_data_hub.io.file_load import LoadMode
from work_data_hub.io.loader.ledger import FileState, Ledger
from work_data_hub.io.loader.quarantine import Quarantine
from work_data_hub.io.loader.warehouse_loader import Warehouse
from work_data_hub.io.replay import ReplayReport, replay

from .landing import DOMAIN, NOW, TODAY, Landing, config, load, row, table_rows

APRIL = date(2025, 4, 2)


def replayed(warehouse: Warehouse, *, today: date = TODAY, **limits: float) -> list[ReplayReport]:
    validation = config().validation.model_copy(update=limits)
    now_configured = config().model_copy(update={"validation": validation})
    return replay(warehouse, now_configured, domain=DOMAIN, today=today, now=NOW)


def early(plan: str) -> tuple[object, ...]:
    """A row of April, which is refused in March."""
    return (2025, 4, plan, "C1", "5.5%", "1.5", "1000")


def test_a_refused_row_is_kept_with_all_that_is_needed_to_mend_it(
    warehouse: Warehouse, landing: Landing
) -> None:
    bad = (2024, 11, "B", "C1", "5.5%", "１.5x", None)
    load(warehouse, landing.workbook("V1/a.xlsx", [row("A"), bad]), run="run-7")
    (kept,) = Quarantine(warehouse).rows(DOMAIN)
    assert (kept.file, kept.sheet, kept.row_number) == ("V1/a.xlsx", "0", 3)
    assert (kept.column, kept.value, kept.reason) == ("净值", "１.5x", "not_a_number")
    assert (kept.run_id, kept.created_at, kept.replayed_at) == ("run-7", NOW, None)
    assert len(kept.sha256) == 64
    assert json.loads(kept.cells) == {
        "年": "2024",
        "月": "11",
        "计划代码": "B",
        "公司代码": "C1",
        "收益率": "5.5%",
        "净值": "１.5x",
        "规模": None,
    }


def test_rows_are_counted_by_file_and_reason(warehouse: Warehouse, landing: Landing) -> None:
    assert Quarantine(warehouse).counts(DOMAIN) == {}
    twice = [row("A"), row("B"), row("C"), row("D", value="x"), row("E", value="x")]
    load(warehouse, landing.workbook("a.xlsx", twice))
    load(warehouse, landing.workbook("b.xlsx", [row("A"), early("B")]))
    assert Quarantine(warehouse).counts(DOMAIN) == {
        "a.xlsx": {"not_a_number": 2},
        "b.xlsx": {"month_in_future": 1},
    }
    rows = Quarantine(warehouse).rows
    assert [r.row_number for r in rows(DOMAIN)] == [5, 6, 3]
    assert [r.row_number for r in rows(DOMAIN, limit=1)] == [5]
    assert [r.row_number for r in rows(DOMAIN, file="b.xlsx")] == [3]
    assert rows("another") == []


def test_the_export_is_csv_that_reads_back(warehouse: Warehouse, landing: Landing) -> None:
    odd = 'x,"y"\nz'
    load(warehouse, landing.workbook("a.xlsx", [row("A"), row("B", value=odd)]))
    stream = io.StringIO(newline="")
    assert Quarantine(warehouse).export(DOMAIN, stream) == 1
    stream.seek(0)
    (found,) = csv.DictReader(stream)
    assert (found["file"], found["row_number"], found["value"]) == ("a.xlsx", "3", odd)
    assert json.loads(found["cells"])["净值"] == odd


def test_a_row_that_passes_now_is_loaded_and_the_rest_stays(
    warehouse: Warehouse, landing: Landing
) -> None:
    rows = [row("A"), row("Z"), early("B"), row("C", value="bad")]
    file = landing.workbook("a.xlsx", rows)
    load(warehouse, file)
    assert replayed(warehouse) == [
        ReplayReport("a.xlsx", 2, refused=2, reasons={"month_in_future": 1, "not_a_number": 1})
    ]
    assert replayed(warehouse, today=APRIL) == [
        ReplayReport("a.xlsx", 2, loaded=1, refused=1, reasons={"not_a_number": 1})
    ]
    assert table_rows(warehouse, "plan_code, data_source")[1] == ("B", "a.xlsx")
    assert Quarantine(warehouse).counts(DOMAIN) == {"a.xlsx": {"not_a_number": 1}}
    entry = Ledger(warehouse).entries(DOMAIN)[file.path]
    assert (entry.rows_in, entry.loaded, entry.quarantined) == (4, 3, 1)
    assert replayed(warehouse, today=APRIL)[0].loaded == 0


def test_a_row_that_was_replayed_is_still_on_record(warehouse: Warehouse, landing: Landing) -> None:
    load(warehouse, landing.workbook("a.xlsx", [row("A"), early("B")]))
    replayed(warehouse, today=APRIL)
    with warehouse.reading() as connection:
        assert connection is not None
        query = "SELECT count(*) FROM wdh_quarantine WHERE replayed_at IS NOT NULL"
        assert connection.exec_driver_sql(query).scalar() == 1


def test_a_replayed_row_is_superseded_by_a_newer_file(
    warehouse: Warehouse, landing: Landing
) -> None:
    load(warehouse, landing.workbook("V1/a.xlsx", [row("A"), early("B")], version=1))
    newer = landing.workbook("V2/a.xlsx", [(2024, 11, "A", "C1"), (2024, 11, "B", "C1")], version=2)
    load(warehouse, newer)
    with warehouse.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE trustee_performance SET report_date = '2025-04-01' WHERE plan_code = 'B'"
        )
    assert replayed(warehouse, today=APRIL) == [ReplayReport("V1/a.xlsx", 1, superseded=1)]
    assert table_rows(warehouse, "plan_code, data_source")[1] == ("B", "V2/a.xlsx")
    assert Quarantine(warehouse).counts(DOMAIN) == {}


def test_a_row_whose_key_the_rest_of_its_file_has_stays(
    warehouse: Warehouse, landing: Landing
) -> None:
    """Appended before, it stands twice in this file: nothing says which of the two counts."""
    load(warehouse, landing.workbook("a.xlsx", [row("A")]), mode=LoadMode.APPEND)
    both = landing.workbook("a.xlsx", [row("A", value="2.5"), row("B")])
    load(warehouse, both, run="run-2", mode=LoadMode.APPEND)
    (report,) = replayed(warehouse)
    assert (report.loaded, report.refused, report.reasons) == (0, 1, {"duplicate_key": 1})
    assert float(table_rows(warehouse, "net_asset_value")[0][0]) == 1.5


def test_a_file_that_failed_is_loaded_by_a_replay_when_its_limit_allows_it(
    warehouse: Warehouse, landing: Landing
) -> None:
    rows = [row("A"), row("B", value="bad"), row("C", value="bad")]
    file = landing.workbook("a.xlsx", rows)
    load(warehouse, file)
    (report,) = replayed(warehouse)
    assert (report.loaded, report.refused) == (0, 3)
    assert report.error is not None and "limit" in report.error
    assert Ledger(warehouse).entries(DOMAIN)[file.path].state is FileState.FAILED
    (report,) = replayed(warehouse, max_refused_share=0.7)
    assert (report.loaded, report.refused) == (1, 2)
    entry = Ledger(warehouse).entries(DOMAIN)[file.path]
    assert (entry.state, entry.rows_in, entry.loaded) == (FileState.LOADED, 3, 1)
    assert load(warehouse, file).error is not None  # the limit of the configuration is as it was


def test_one_file_can_be_replayed_alone(warehouse: Warehouse, landing: Landing) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        load(warehouse, landing.workbook(name, [row("A"), early(name[0])]))
    (report,) = replay(warehouse, config(), domain=DOMAIN, file="b.xlsx", today=APRIL, now=NOW)
    assert (report.file, report.loaded) == ("b.xlsx", 1)
    assert list(Quarantine(warehouse).counts(DOMAIN)) == ["a.xlsx"]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_a_warehouse_there_is_nothing_to_replay(warehouse: Warehouse, share: float) -> None:
    assert replayed(warehouse, max_refused_share=share) == []
