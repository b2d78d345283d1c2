"""What the ledger keeps of a file, and which files are to be loaded by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from work_data_hub.io.connectors.discovered_file import DiscoveredFile
from work_data_hub.io.loader.ledger import FileState, Ledger, LedgerEntry, entry_of, failure_after
from work_data_hub.io.loader.pending import pending, waiting_for_a_run
from work_data_hub.io.loader.warehouse_loader import Warehouse

from .landing import DOMAIN, NOW, Landing, load, row

IDENTITY: dict[str, Any] = {"modified_time": 100.5, "size": 7, "ctime": 90.25, "inode": 3}


def file(name: str = "a", month: int = 11, **known: Any) -> DiscoveredFile:
    return DiscoveredFile(DOMAIN, f"/landing/{name}", 2024, month, {**IDENTITY, **known})


def entered(
    *files: DiscoveredFile, state: FileState = FileState.LOADED
) -> Mapping[str, LedgerEntry]:
    return {f.path: entry_of(f, state, NOW) for f in files}


def failed(ledger: Ledger, found: DiscoveredFile, *roots: str, sha256: str | None) -> LedgerEntry:
    """The entry after a failed run of each of these roots."""
    entries = [
        ledger.record_failure(found, run_id=f"of-{r}", root_run_id=r, reason="no", sha256=sha256)
        for r in roots
    ]
    return entries[-1]


def test_without_a_warehouse_the_ledger_is_empty_and_nothing_is_created(
    warehouse: Warehouse, landing: Landing
) -> None:
    assert Ledger(warehouse).entries(DOMAIN) == {}
    assert not (landing.root.parent / "state").exists()


def test_what_is_entered_is_read_back_to_the_last_digit(warehouse: Warehouse) -> None:
    ledger = Ledger(warehouse)
    odd = file("收益 'x\".xlsx", modified_time=1732300000.1234567, inode=2**64 - 1, size=2**40)
    assert ledger.enter(seen=[odd], waiting=[file("b")], now=NOW) == 2
    assert ledger.entries(DOMAIN) == {
        odd.path: entry_of(odd, FileState.SEEN, NOW),
        "/landing/b": entry_of(file("b"), FileState.WAITING, NOW),
    }
    assert ledger.entries("another") == {}


def test_what_the_ledger_knows_is_not_entered_again(warehouse: Warehouse) -> None:
    ledger = Ledger(warehouse)
    failed(ledger, file("a"), "root", sha256=None)
    assert ledger.enter(seen=[file("a"), file("b"), file("b")]) == 1
    assert ledger.entries(DOMAIN)["/landing/a"].state is FileState.FAILED


def test_the_third_failed_run_refuses_a_file(warehouse: Warehouse) -> None:
    ledger = Ledger(warehouse)
    assert failed(ledger, file(), "1", "2", sha256="x").state is FileState.FAILED
    entry = failed(ledger, file(), "3", sha256="x")
    assert (entry.state, entry.failed_runs) == (FileState.REFUSED, ("1", "2", "3"))
    assert ledger.entries(DOMAIN)["/landing/a"] == entry


def test_a_retry_of_the_same_root_run_counts_once(warehouse: Warehouse) -> None:
    entry = failed(Ledger(warehouse), file(), "1", "1", "1", "2", sha256="x")
    assert (entry.state, entry.failed_runs) == (FileState.FAILED, ("1", "2"))


def test_other_content_starts_counting_again(warehouse: Warehouse) -> None:
    ledger = Ledger(warehouse)
    failed(ledger, file(), "1", "2", "3", sha256="x")
    entry = failed(ledger, file(size=8), "4", sha256="y")
    assert (entry.state, entry.failed_runs) == (FileState.FAILED, ("4",))


def test_a_refused_file_that_is_only_touched_stays_refused(warehouse: Warehouse) -> None:
    ledger = Ledger(warehouse)
    failed(ledger, file(), "1", "2", "3", sha256="x")
    entry = failed(ledger, file(modified_time=500.0), "4", sha256="x")
    assert entry.state is FileState.REFUSED
    assert pending([file(modified_time=500.0)], ledger.entries(DOMAIN)) == []


@pytest.mark.parametrize(("size", "state"), [(7, FileState.REFUSED), (8, FileState.FAILED)])
def test_a_file_that_cannot_be_read_is_told_by_its_identity(size: int, state: FileState) -> None:
    before = replace(entry_of(file(), FileState.FAILED, NOW), failed_runs=("1", "2"))
    now = replace(entry_of(file(size=size), FileState.FAILED, NOW), root_run_id="3")
    assert failure_after(before, now).state is state


def test_a_run_that_loads_forgets_the_failures(warehouse: Warehouse, landing: Landing) -> None:
    bad, ledger = landing.workbook("a.xlsx", [row("A", value="bad")]), Ledger(warehouse)
    for run in ("1", "2"):
        assert load(warehouse, bad, run=run).state is FileState.FAILED
    assert load(warehouse, bad, run="3").state is FileState.REFUSED
    good = landing.workbook("a.xlsx", [row("A")])
    assert pending([good], ledger.entries(DOMAIN)) == [good]
    load(warehouse, good, run="4")
    entry = ledger.entries(DOMAIN)[good.path]
    assert (entry.state, entry.failed_runs, entry.reason) == (FileState.LOADED, (), None)


def test_rows_of_content_that_was_loaded_still_count_when_newer_content_fails(
    warehouse: Warehouse, landing: Landing
) -> None:
    load(warehouse, landing.workbook("V2/a.xlsx", [row("A")], version=2))
    load(warehouse, landing.workbook("V2/a.xlsx", [row("A", value="bad")], version=2))
    report = load(warehouse, landing.workbook("V1/a.xlsx", [row("A")], version=1))
    assert (report.loaded, report.superseded) == (0, 1)


def test_pending_files_come_oldest_first() -> None:
    files = [
        file("d", month=11, version=2),
        file("c", month=11, version=1, modified_time=9e9),
        file("b", month=11, version=1),
        file("a", month=10, version=9),
    ]
    assert [f.path[-1] for f in pending(files, {})] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("state", FileState)
def test_what_is_loaded_or_refused_waits_no_more_and_what_was_seen_waits_for_a_run_only(
    state: FileState,
) -> None:
    entries = entered(file(), state=state)
    done = {FileState.LOADED, FileState.REFUSED}
    assert bool(pending([file()], entries)) == (state not in done | {FileState.SEEN})
    assert bool(waiting_for_a_run([file()], entries)) == (state not in done)


@pytest.mark.parametrize("changed", IDENTITY)
@pytest.mark.parametrize("state", [FileState.LOADED, FileState.SEEN, FileState.REFUSED])
def test_a_file_that_changed_in_any_way_is_pending_again(changed: str, state: FileState) -> None:
    now = file(**{changed: IDENTITY[changed] - 1})
    assert pending([now], entered(file(), state=state)) == [now]


def test_the_modified_time_alone_decides_where_that_is_all_there_is() -> None:
    entries = entered(file())
    same = DiscoveredFile(DOMAIN, "/landing/a", 2024, 11, {"modified_time": 100.5})
    other = DiscoveredFile(DOMAIN, "/landing/a", 2024, 11, {"modified_time": 100.25})
    assert pending([same], entries) == []
    assert pending([other], entries) == [other]
    assert pending([file(modified_time=100.25)], entered(same)) == [file(modified_time=100.25)]
    assert pending([file(size=8)], entered(same)) == []


def test_two_files_with_the_same_mtime_are_both_pending() -> None:
    assert pending([file("a"), file("b")], entered(file("a"))) == [file("b")]


@pytest.mark.parametrize(
    ("mtime", "wanted"), [(69.9, True), (70.0, True), (70.1, False), (100.0, False), (100.1, True)]
)
def test_a_file_is_left_alone_until_it_has_settled_and_one_of_the_future_has(
    mtime: float, wanted: bool
) -> None:
    found = file(modified_time=mtime)
    assert pending([found], {}, now_s=100.0, settle_s=30) == ([found] if wanted else [])


names = st.sampled_from("abcdef")
found_files = st.dictionaries(names, st.tuples(st.integers(1, 12), st.integers(0, 3)), max_size=6)


@given(found=found_files, known=found_files)
def test_every_file_is_pending_or_dealt_with_and_none_twice(
    found: dict[str, tuple[int, int]], known: dict[str, tuple[int, int]]
) -> None:
    files = [file(name, month, inode=inode) for name, (month, inode) in found.items()]
    entries = entered(*(file(name, month, inode=i) for name, (month, i) in known.items()))
    waiting = pending(files, entries)
    done = [f for f in files if f.path in entries and entries[f.path].inode == f.metadata["inode"]]
    assert sorted(f.path for f in [*waiting, *done]) == sorted(f.path for f in files)
    assert waiting == sorted(waiting, key=lambda f: f.order)


def test_a_refused_file_can_be_given_its_chances_again(warehouse: Warehouse) -> None:
    ledger, found = Ledger(warehouse), file()
    entry = failed(ledger, found, "1", "2", "3", sha256="x")
    assert waiting_for_a_run([found], ledger.entries(DOMAIN)) == []
    assert ledger.retry(entry, now=NOW)
    assert waiting_for_a_run([found], ledger.entries(DOMAIN)) == [found]
    assert not ledger.retry(entry)
    assert failed(ledger, found, "4", "5", sha256="x").state is FileState.FAILED
