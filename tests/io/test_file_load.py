"""From path to rows: what is read is what is hashed, and what cannot be read says why."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from work_data_hub.io import file_read
from work_data_hub.io.connectors.discovered_file import DiscoveredFile
from work_data_hub.io.file_load import (
    FailureKind,
    FileFailure,
    FilePlan,
    FileReport,
    FileRows,
    fail_file,
    load_file,
    process_rows,
    read_file,
    read_rows,
)
from work_data_hub.io.loader.ledger import FileState, Ledger
from work_data_hub.io.loader.quarantine import Quarantine
from work_data_hub.io.loader.warehouse_loader import Warehouse

from .landing import DOMAIN, HEADINGS, NOW, TABLE, TODAY, Landing, config, load, plan_of, row


def failure(file: DiscoveredFile, **options: Any) -> FileFailure:
    read = read_file(file, config(), today=TODAY, **options)
    assert isinstance(read, FileFailure)
    return read


def test_the_hash_is_that_of_the_bytes_that_were_parsed(landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    plan = plan_of(file)
    assert plan.rows.sha256 == hashlib.sha256(Path(file.path).read_bytes()).hexdigest()
    assert [record.plan_code for record in plan.outcome] == ["A"]


def test_rows_name_the_file_they_came_from_by_its_path_in_the_landing_folder(
    landing: Landing,
) -> None:
    plan = plan_of(landing.workbook("数据采集/V1/a.xlsx", [row("A")]))
    assert plan.outcome.frame["data_source"].to_list() == ["数据采集/V1/a.xlsx"]


def test_a_file_replaced_between_sensor_and_run_is_taken_as_it_is_now(
    warehouse: Warehouse, landing: Landing
) -> None:
    seen = landing.workbook("a.xlsx", [row("A")])
    now = landing.workbook("a.xlsx", [row("A"), row("B")], mtime=1_700_009_000.0)
    report = load(warehouse, seen)
    assert report.loaded == 2
    entry = Ledger(warehouse).entries(DOMAIN)[now.path]
    known = now.metadata
    assert (entry.mtime, entry.size, entry.ctime, entry.inode) == (
        known["modified_time"],
        known["size"],
        known["ctime"],
        known["inode"],
    )


def test_a_file_that_vanished_is_named(landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    Path(file.path).unlink()
    gone = failure(file)
    assert (gone.kind, gone.sha256) == (FailureKind.VANISHED, None)
    assert gone.file.path == file.path
    assert gone.error == "is gone since it was discovered"


def test_a_file_that_changes_while_it_is_read_is_not_loaded(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    looks = 0

    def fstat(descriptor: int) -> os.stat_result:
        nonlocal looks
        looks += 1
        if looks == 2:
            with Path(file.path).open("ab") as stream:
                stream.write(b"more")
        return os.stat(descriptor)

    monkeypatch.setattr("work_data_hub.io.file_read.os.fstat", fstat)
    assert failure(file).kind is FailureKind.CHANGED


def test_a_directory_in_the_place_of_a_file_is_unreadable(landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    Path(file.path).unlink()
    Path(file.path).mkdir()
    assert failure(file).kind is FailureKind.UNREADABLE


def test_a_file_beyond_the_bound_is_not_read(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_read, "MAX_FILE_BYTES", 1_000)
    refused = failure(landing.workbook("a.xlsx", [row("A")]))
    assert refused.kind is FailureKind.UNREADABLE
    assert "at most 1000 are read" in refused.error


def test_a_broken_workbook_is_unreadable_and_keeps_its_hash(landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    content = Path(file.path).read_bytes()[:500]
    Path(file.path).write_bytes(content)
    broken = failure(file)
    assert broken.kind is FailureKind.UNREADABLE
    assert broken.sha256 == hashlib.sha256(content).hexdigest()


def test_a_sheet_that_is_not_there_is_unreadable(landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    assert failure(file, sheet="收益").kind is FailureKind.UNREADABLE


@pytest.mark.parametrize(
    ("headings", "named"), [(HEADINGS[:3], "公司代码"), ((*HEADINGS, "plan_code"), "计划代码")]
)
def test_missing_or_doubled_columns_are_named_with_the_file(
    landing: Landing, headings: tuple[str, ...], named: str
) -> None:
    wrong = failure(landing.workbook("a.xlsx", [row("A")[: len(headings)]], headings=headings))
    assert wrong.kind is FailureKind.COLUMNS
    assert named in wrong.error
    assert wrong.file.path.endswith("a.xlsx")


def test_a_failure_is_in_the_ledger_with_its_reason(warehouse: Warehouse, landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [])
    Path(file.path).write_bytes(b"")
    report = load(warehouse, file, run="run-9")
    assert report.failed and report.error_kind is FailureKind.UNREADABLE
    entry = Ledger(warehouse).entries(DOMAIN)[file.path]
    assert (entry.state, entry.reason, entry.failed_runs) == (
        FileState.FAILED,
        report.error,
        ("run-9",),
    )


def test_a_failure_in_a_plan_leaves_no_trace(warehouse: Warehouse, landing: Landing) -> None:
    rows = [row("A", value="bad"), row("B", value="bad")]
    read = failure(landing.workbook("a.xlsx", rows))
    report = fail_file(warehouse, read, plan_only=True, run_id="1")
    assert (report.failed, report.rows_in, report.quarantined) == (True, 2, 2)
    assert Ledger(warehouse).entries(DOMAIN) == {}
    assert Quarantine(warehouse).counts(DOMAIN) == {}


def test_reading_and_processing_can_be_two_steps_in_two_processes(
    warehouse: Warehouse, landing: Landing
) -> None:
    rows = read_rows(landing.workbook("a.xlsx", [row("A"), row("B")]), config())
    assert isinstance(rows, FileRows)
    plan = process_rows(pickle.loads(pickle.dumps(rows)), config(), today=TODAY)
    assert isinstance(plan, FilePlan)
    sent: FilePlan = pickle.loads(pickle.dumps(plan))
    report = load_file(warehouse, sent, table=TABLE, pk=config().pk, run_id="1", now=NOW)
    assert report.loaded == 2
    assert pickle.loads(pickle.dumps(report)) == report
    gone = replace(sent.file, path=sent.file.path + "x")
    again: FileFailure = pickle.loads(pickle.dumps(failure(gone)))
    assert again.kind is FailureKind.VANISHED


def test_a_report_that_does_not_add_up_cannot_be_made() -> None:
    with pytest.raises(AssertionError, match="3 != 2"):
        FileReport("/a", "a", FileState.LOADED, rows_in=3, loaded=1, quarantined=1)


def test_the_time_a_file_took_is_that_of_reading_and_loading(
    warehouse: Warehouse, landing: Landing
) -> None:
    ticks = iter(range(100))
    file = landing.workbook("a.xlsx", [row("A")])
    plan = read_file(file, config(), today=TODAY, clock=lambda: float(next(ticks)))
    assert isinstance(plan, FilePlan)
    assert plan.duration_s == 2.0
    times = iter([0.0, 40.0])
    report = load_file(
        warehouse, plan, table=TABLE, pk=config().pk, now=NOW, clock=lambda: next(times)
    )
    assert report.duration_s == 42.0


def test_the_path_of_a_file_may_be_any_text(warehouse: Warehouse, landing: Landing) -> None:
    name = 'it\'s 100% "收益"; DROP TABLE x--.xlsx'
    report = load(warehouse, landing.workbook(name, [row("A"), row("B", value="bad")]))
    assert report.loaded == 1
    assert list(Quarantine(warehouse).counts(DOMAIN)) == [name]


@pytest.mark.processes
def test_importing_the_loader_loads_neither_polars_nor_sqlalchemy() -> None:
    code = (
        "import sys, work_data_hub.io.file_load, work_data_hub.io.replay,"
        "work_data_hub.io.loader.ledger, work_data_hub.io.loader.warehouse_loader,"
        "work_data_hub.io.loader.quarantine, work_data_hub.io.loader.pending;"
        "heavy = {'polars', 'sqlalchemy', 'fastexcel', 'psycopg'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
