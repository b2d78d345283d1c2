"""What becomes of the rows of a file, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from work_data_hub.io.file_load import FailureKind, LoadMode, load_file
from work_data_hub.io.loader.ledger import FileState, Ledger
from work_data_hub.io.loader.quarantine import Quarantine
from work_data_hub.io.loader.warehouse_loader import Warehouse

from .landing import DOMAIN, NOW, TABLE, Landing, config, load, plan_of, row, table_rows

OLD, NEW = 1_700_000_000.0, 1_700_000_500.0


def reasons(warehouse: Warehouse) -> list[tuple[str, int, str]]:
    """file, row number and reason of everything in quarantine."""
    return [(r.file, r.row_number, r.reason) for r in Quarantine(warehouse).rows(DOMAIN)]


def test_a_file_is_loaded_with_every_digit_it_had(warehouse: Warehouse, landing: Landing) -> None:
    rows = [(2024, 11, "0012", "c-1", 0.123456, 1.2345, 9876543210.12), (2024, 11, "B", "C1")]
    report = load(warehouse, landing.workbook("2024_11.xlsx", rows))
    assert (report.rows_in, report.loaded, report.quarantined, report.superseded) == (2, 2, 0, 0)
    columns = "plan_code, company_code, return_rate, net_asset_value, fund_scale, data_source"
    first, second = table_rows(warehouse, columns)
    assert [first[0], first[1], first[5]] == ["0012", "C1", "2024_11.xlsx"]
    assert [Decimal(str(value)) for value in first[2:5]] == [
        Decimal("0.123456"),
        Decimal("1.2345"),
        Decimal("9876543210.12"),
    ]
    assert second[2:5] == (None, None, None)


def test_every_row_is_loaded_or_quarantined_or_superseded(
    warehouse: Warehouse, landing: Landing
) -> None:
    load(warehouse, landing.workbook("new.xlsx", [row("A")], mtime=NEW))
    good = [row("A"), row("B"), row("E")]
    rows = [*good, row("C", value="bad"), row("D"), row("D"), ("合计",)]
    report = load(warehouse, landing.workbook("old.xlsx", rows, mtime=OLD))
    assert (report.rows_in, report.loaded, report.superseded, report.quarantined) == (7, 2, 1, 4)
    assert report.reasons == {"not_a_number": 1, "duplicate_key": 2, "totals_row": 1}
    entry = Ledger(warehouse).entries(DOMAIN)[report.path]
    assert (entry.rows_in, entry.loaded, entry.superseded, entry.quarantined) == (7, 2, 1, 4)
    assert entry.state is FileState.LOADED


def test_a_newer_file_takes_the_place_of_an_older_one_row_by_row(
    warehouse: Warehouse, landing: Landing
) -> None:
    load(warehouse, landing.workbook("old.xlsx", [row("A"), row("B"), row("C")], mtime=OLD))
    report = load(warehouse, landing.workbook("new.xlsx", [row("A"), row("D")], mtime=NEW))
    assert (report.loaded, report.superseded) == (2, 0)
    assert table_rows(warehouse, "plan_code, data_source") == [
        ("A", "new.xlsx"),
        ("B", "old.xlsx"),
        ("C", "old.xlsx"),
        ("D", "new.xlsx"),
    ]


def test_rows_that_a_newer_version_no_longer_has_stay_and_are_reported(
    warehouse: Warehouse, landing: Landing
) -> None:
    load(warehouse, landing.workbook("V1/a.xlsx", [row("A"), row("B"), row("C")], version=1))
    load(warehouse, landing.workbook("other.xlsx", [row("Z", month=10)], month=10))
    report = load(warehouse, landing.workbook("V2/a.xlsx", [row("A")], version=2, mtime=OLD - 9))
    assert (report.loaded, report.left_over) == (1, 2)
    assert len(table_rows(warehouse, "plan_code")) == 4
    assert Ledger(warehouse).entries(DOMAIN)[report.path].left_over == 2


def test_an_older_file_that_comes_later_supersedes_nothing(
    warehouse: Warehouse, landing: Landing
) -> None:
    load(warehouse, landing.workbook("V2/a.xlsx", [row("A", value="2.5")], version=2))
    report = load(warehouse, landing.workbook("V1/a.xlsx", [row("A"), row("B")], version=1))
    assert (report.loaded, report.superseded, report.left_over) == (1, 1, 0)
    assert table_rows(warehouse, "plan_code, data_source") == [
        ("A", "V2/a.xlsx"),
        ("B", "V1/a.xlsx"),
    ]


def test_two_files_of_the_same_moment_have_the_same_outcome_in_either_order(
    warehouse: Warehouse, landing: Landing
) -> None:
    one = landing.workbook("1.xlsx", [row("A")])
    two = landing.workbook("2.xlsx", [row("A")])
    for table, files in (("forth", [one, two]), ("back", [two, one])):
        for file in files:
            load(warehouse, file, table=table)
        assert table_rows(warehouse, "plan_code, data_source", table) == [("A", "2.xlsx")]


def test_new_content_of_a_loaded_file_replaces_its_rows(
    warehouse: Warehouse, landing: Landing
) -> None:
    load(warehouse, landing.workbook("a.xlsx", [row("A"), row("B")]))
    report = load(warehouse, landing.workbook("a.xlsx", [row("A", value="2.5")]))
    assert (report.loaded, report.left_over, report.unchanged) == (1, 1, False)
    values = {
        plan: Decimal(str(v)) for plan, v in table_rows(warehouse, "plan_code, net_asset_value")
    }
    assert values == {"A": Decimal("2.5"), "B": Decimal("1.5")}


def test_a_touched_file_is_not_loaded_again(warehouse: Warehouse, landing: Landing) -> None:
    load(warehouse, landing.workbook("a.xlsx", [row("A")]), run="first")
    report = load(warehouse, landing.found("a.xlsx", mtime=NEW), run="second")
    assert report.unchanged
    assert (report.rows_in, report.loaded) == (0, 0)
    entry = Ledger(warehouse).entries(DOMAIN)[report.path]
    assert (entry.mtime, entry.run_id, entry.loaded) == (NEW, "first", 1)


def test_a_loaded_file_is_loaded_again_where_its_table_is_gone(
    warehouse: Warehouse, landing: Landing
) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    load(warehouse, file)
    with warehouse.writing() as connection:
        connection.exec_driver_sql(f"DROP TABLE {TABLE}")
    assert load(warehouse, file).loaded == 1


def test_a_loaded_file_is_loaded_into_another_table_too(
    warehouse: Warehouse, landing: Landing
) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    load(warehouse, file)
    assert load(warehouse, file, table="second").loaded == 1
    assert table_rows(warehouse, "plan_code", "second") == [("A",)]


def test_append_quarantines_a_row_whose_key_the_table_has(
    warehouse: Warehouse, landing: Landing
) -> None:
    load(warehouse, landing.workbook("a.xlsx", [row("A", value="2.5")]))
    newer = landing.workbook("b.xlsx", [row("A"), row("B")], mtime=NEW)
    report = load(warehouse, newer, mode=LoadMode.APPEND)
    assert (report.loaded, report.quarantined, report.reasons) == (1, 1, {"key_exists": 1})
    assert table_rows(warehouse, "plan_code, data_source") == [("A", "a.xlsx"), ("B", "b.xlsx")]
    (kept,) = Quarantine(warehouse).rows(DOMAIN)
    assert (kept.row_number, kept.value) == (2, "2024-11-01, A, C1")
    assert '"净值":"1.5"' in kept.cells


def test_append_skips_what_the_same_root_run_has_loaded(
    warehouse: Warehouse, landing: Landing
) -> None:
    first = {"mode": LoadMode.APPEND, "root_run_id": "root"}
    load(warehouse, landing.workbook("a.xlsx", [row("A")]), run="1", **first)
    changed = landing.workbook("a.xlsx", [row("A"), row("B")])
    assert load(warehouse, changed, run="2", **first).unchanged
    assert load(warehouse, changed, run="3", mode=LoadMode.APPEND).loaded == 1


def test_a_file_without_rows_is_loaded_with_none(warehouse: Warehouse, landing: Landing) -> None:
    report = load(warehouse, landing.workbook("a.xlsx", []))
    assert (report.state, report.rows_in, report.error) == (FileState.LOADED, 0, None)
    assert table_rows(warehouse, "plan_code") == []


def test_a_file_with_too_many_refused_rows_loads_nothing_and_loses_nothing(
    warehouse: Warehouse, landing: Landing
) -> None:
    rows = [row("A"), row("B", value="bad"), row("C", value="bad")]
    report = load(warehouse, landing.workbook("a.xlsx", rows))
    assert report.error_kind is FailureKind.REFUSED_SHARE
    assert (report.rows_in, report.loaded, report.quarantined) == (3, 0, 3)
    assert report.error is not None and "66.7%" in report.error
    assert reasons(warehouse) == [
        ("a.xlsx", 2, "file_failed"),
        ("a.xlsx", 3, "not_a_number"),
        ("a.xlsx", 4, "not_a_number"),
    ]
    assert Ledger(warehouse).entries(DOMAIN)[report.path].state is FileState.FAILED


def test_half_of_the_rows_refused_is_still_loaded(warehouse: Warehouse, landing: Landing) -> None:
    report = load(warehouse, landing.workbook("a.xlsx", [row("A"), row("B", value="bad")]))
    assert (report.loaded, report.quarantined, report.error) == (1, 1, None)


def test_new_content_takes_the_place_of_a_files_open_quarantine(
    warehouse: Warehouse, landing: Landing
) -> None:
    bad = [row("A"), row("B", value="bad")]
    load(warehouse, landing.workbook("a.xlsx", bad))
    load(warehouse, landing.workbook("b.xlsx", bad))
    load(warehouse, landing.workbook("a.xlsx", [*bad, row("C"), row("D", value="worse")]))
    assert reasons(warehouse) == [
        ("a.xlsx", 3, "not_a_number"),
        ("a.xlsx", 5, "not_a_number"),
        ("b.xlsx", 3, "not_a_number"),
    ]


def test_quotes_commas_and_line_breaks_are_kept_as_they_are(
    warehouse: Warehouse, landing: Landing
) -> None:
    odd = 'a "quoted",\nbroken \\. text'
    load(warehouse, landing.workbook("a.xlsx", [row("A"), row("B", value=odd)]))
    (kept,) = Quarantine(warehouse).rows(DOMAIN)
    assert kept.value == odd


def test_another_key_than_the_rows_were_checked_for_quarantines_both_of_a_pair(
    warehouse: Warehouse, landing: Landing
) -> None:
    rows = [row("A", company="C1"), row("A", company="C2"), row("B")]
    plan = plan_of(landing.workbook("a.xlsx", rows))
    report = load_file(
        warehouse, plan, table=TABLE, pk=["report_date", "plan_code"], run_id="1", now=NOW
    )
    assert (report.loaded, report.reasons) == (1, {"duplicate_key": 2})
    assert reasons(warehouse) == [("a.xlsx", 2, "duplicate_key"), ("a.xlsx", 3, "duplicate_key")]


def test_no_digit_of_a_number_too_long_for_sqlite_is_lost(
    warehouse: Warehouse, landing: Landing
) -> None:
    long = "12345678901234567.89"
    rows = [(2024, 11, "A", "C1", "5%", "1.5", long), row("B")]
    report = load(warehouse, landing.workbook("a.xlsx", rows))
    if warehouse.is_postgres:
        assert (report.loaded, report.quarantined) == (2, 0)
        assert table_rows(warehouse, "fund_scale")[-1] == (Decimal(long),)
    else:
        assert (report.loaded, report.reasons) == (1, {"too_many_digits": 1})
        (kept,) = Quarantine(warehouse).rows(DOMAIN)
        assert (kept.column, kept.value) == ("fund_scale", long)


@pytest.mark.parametrize("mode", LoadMode)
def test_a_plan_says_what_the_load_then_does_and_writes_nothing(
    warehouse: Warehouse, landing: Landing, mode: LoadMode
) -> None:
    scenario: list[dict[str, Any]] = [
        {"name": "V1/a.xlsx", "rows": [row("A"), row("B")], "version": 1},
        {"name": "V3/a.xlsx", "rows": [row("B"), row("C", value="bad"), row("D")], "version": 3},
        {"name": "V2/a.xlsx", "rows": [row("A"), row("D"), row("E")], "version": 2},
        {"name": "V3/a.xlsx", "rows": [row("D"), row("D"), row("F"), row("G")], "version": 3},
        {"name": "V3/a.xlsx", "rows": [row("D"), row("D"), row("F"), row("G")], "version": 3},
    ]
    for number, step in enumerate(scenario):
        file = landing.workbook(**step)
        before = Ledger(warehouse).entries(DOMAIN), Quarantine(warehouse).rows(DOMAIN)
        planned = load(warehouse, file, mode=mode, run=f"run-{number}", plan_only=True)
        assert (Ledger(warehouse).entries(DOMAIN), Quarantine(warehouse).rows(DOMAIN)) == before
        done = load(warehouse, file, mode=mode, run=f"run-{number}")
        for name in ("rows_in", "loaded", "superseded", "quarantined", "left_over", "reasons"):
            assert getattr(planned, name) == getattr(done, name), (step["name"], name)
        assert planned.unchanged == done.unchanged


def test_a_plan_creates_no_warehouse(warehouse: Warehouse, landing: Landing) -> None:
    from sqlalchemy import inspect

    report = load(warehouse, landing.workbook("a.xlsx", [row("A")]), plan_only=True)
    assert report.loaded == 1
    if warehouse.is_postgres:
        assert inspect(warehouse.engine).get_table_names() == []
    else:
        assert not (landing.root.parent / "state").exists()


def test_the_key_of_the_table_is_the_configured_one(warehouse: Warehouse, landing: Landing) -> None:
    from sqlalchemy import inspect

    load(warehouse, landing.workbook("a.xlsx", [row("A")]))
    key = inspect(warehouse.engine).get_pk_constraint(TABLE)
    assert sorted(key["constrained_columns"]) == sorted(config().pk)
