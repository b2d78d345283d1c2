"""Which runs speak against a file that the sensor would request again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from src.work_data_hub.io.connectors.discovered_file import DiscoveredFile
from src.work_data_hub.io.loader.ledger import FileState, entry_of
from src.work_data_hub.orchestration.file_requests import crashed
from src.work_data_hub.orchestration.requested_runs import EndedRun

FILE = DiscoveredFile(
    "trustee_performance", "/landing/a.xlsx", 2024, 11, {"modified_time": 50.0, "ctime": 50.0}
)
RUNS = [EndedRun(f"run-{at_s}", f"run-{at_s}", at_s, (FILE.path,)) for at_s in (300.0, 200.0, 40.0)]


def test_a_run_that_died_before_the_file_was_given_its_chances_again_counts_no_more() -> None:
    entry = entry_of(FILE, FileState.FAILED, datetime.fromtimestamp(250, UTC))
    assert [run.run_id for _, run in crashed([FILE], {FILE.path: entry}, RUNS)] == ["run-300.0"]
    counted = replace(entry, failed_runs=("run-300.0",))
    assert [run.run_id for _, run in crashed([FILE], {FILE.path: counted}, RUNS)] == ["run-200.0"]
