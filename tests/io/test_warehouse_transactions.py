"""A file is in the warehouse wholly or not at all, whoever dies or loads at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from work_data_hub.io.loader.ledger import FileState, Ledger
from work_data_hub.io.loader.quarantine import Quarantine
from work_data_hub.io.loader.warehouse_loader import Warehouse

from .landing import DOMAIN, Landing, load, row, table_rows
from .loading_process import BEFORE_COMMIT, COMMITTED

CHECKOUT = Path(__file__).parents[2]


def loading(url: str, landing: Landing, name: str, run: str, *at: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.io.loading_process", url, str(landing.root), name, run]
    return subprocess.Popen([*command, *at], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def contents(warehouse: Warehouse) -> tuple[list[str], list[str], dict[str, int]]:
    """Plan codes with their source; quarantined values; loaded rows by file."""
    rows = [f"{plan} {source}" for plan, source in table_rows(warehouse, "plan_code, data_source")]
    kept = [str(refused.value) for refused in Quarantine(warehouse).rows(DOMAIN)]
    entries = Ledger(warehouse).entries(DOMAIN).values()
    return rows, kept, {entry.relative_path: entry.loaded for entry in entries}


@pytest.mark.processes
@pytest.mark.parametrize("point", [*BEFORE_COMMIT, COMMITTED])
def test_a_load_that_is_killed_leaves_all_of_a_file_or_nothing(
    warehouse: Warehouse, warehouse_url: str, landing: Landing, point: str
) -> None:
    load(warehouse, landing.workbook("old.xlsx", [row("A"), row("B", value="old")], mtime=1e9))
    before = contents(warehouse)
    landing.workbook("new.xlsx", [row("A"), row("C"), row("D"), row("E", value="new")])
    after = (
        ["A new.xlsx", "C new.xlsx", "D new.xlsx"],
        ["new", "old"],
        {"old.xlsx": 1, "new.xlsx": 3},
    )
    killed = loading(warehouse_url, landing, "new.xlsx", "run-1", point)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert contents(warehouse) == (after if point == COMMITTED else before)
    report = load(warehouse, landing.found("new.xlsx"), run="run-2")
    assert report.unchanged == (point == COMMITTED)
    assert contents(warehouse) == after


@pytest.mark.processes
def test_processes_that_load_different_files_at_once_all_succeed(
    warehouse: Warehouse, warehouse_url: str, landing: Landing
) -> None:
    """They also create the warehouse at once."""
    names = [f"{number}.xlsx" for number in range(4)]
    for number, name in enumerate(names):
        landing.workbook(name, [row("A"), row(f"P{number}"), row("X", value="bad")])
    running = [loading(warehouse_url, landing, name, name) for name in names]
    for process in running:
        process.communicate()
    assert [process.returncode for process in running] == [0, 0, 0, 0]
    assert table_rows(warehouse, "plan_code, data_source") == [
        ("A", "3.xlsx"),
        *((f"P{number}", name) for number, name in enumerate(names)),
    ]
    entries = Ledger(warehouse).entries(DOMAIN).values()
    assert all(entry.state is FileState.LOADED for entry in entries)
    assert sum(entry.rows_in for entry in entries) == 12


@pytest.mark.processes
def test_two_runs_that_load_one_file_at_once_count_it_once(
    warehouse: Warehouse, warehouse_url: str, landing: Landing
) -> None:
    landing.workbook("a.xlsx", [row("A"), row("B"), row("C", value="bad")])
    running = [loading(warehouse_url, landing, "a.xlsx", run) for run in ("run-1", "run-2")]
    printed = sorted(process.communicate()[0].strip() for process in running)
    assert printed == ["0 0 0 0", "3 2 0 1"]
    assert contents(warehouse) == (["A a.xlsx", "B a.xlsx"], ["bad"], {"a.xlsx": 2})


def test_an_error_halfway_leaves_nothing(warehouse: Warehouse, landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    with (
        pytest.raises(ZeroDivisionError),
        warehouse.writing() as connection,
    ):
        connection.exec_driver_sql("CREATE TABLE half_made (a INTEGER)")
        raise ZeroDivisionError
    load(warehouse, file)
    with pytest.raises(Exception, match="half_made"):
        table_rows(warehouse, "a", "half_made")
