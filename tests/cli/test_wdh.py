"""`wdh` as people type it: what it prints, and how it ends."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from work_data_hub.cli import main as cli
from work_data_hub.cli.sample_data import broken_on_purpose, write_sample_data


class Wdh:
    """Runs a command in this process; keeps exit code, stdout and stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["wdh", *arguments])
        self._capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err

    def json(self, *arguments: str) -> Any:
        code, out, err = self(*arguments, "--json")
        assert code in (0, 1), err
        return json.loads(out)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that is also where the command runs, with its state."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def wdh(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Wdh:
    return Wdh(capsys, monkeypatch)


@pytest.fixture
def sample(folder: Path) -> Path:
    write_sample_data(folder / "data")
    return folder / "data"


def by_file(reports: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {report["relative_path"]: report for report in reports}


def test_run_plans_only_unless_told_otherwise(wdh: Wdh, sample: Path, folder: Path) -> None:
    code, out, _ = wdh("run")
    assert code == 1  # the broken file is a failure, planned or not
    assert "nothing written" in out
    assert "wdh run --execute" in out
    assert not (folder / ".wdh" / "warehouse.db").exists()


def test_run_loads_a_folder_that_is_larger_than_a_batch(wdh: Wdh, sample: Path) -> None:
    reports = wdh.json("run", "--execute", "--max-files", "2")
    failed = [report["relative_path"] for report in reports if report["error"]]
    assert len(reports) == 8
    assert len(failed) == 1
    assert all(r["rows_in"] == r["loaded"] + r["superseded"] + r["quarantined"] for r in reports)
    assert [r["relative_path"] for r in wdh.json("run", "--execute")] == failed


@pytest.mark.parametrize("command", [("demo",), ("run", "--execute")], ids=" ".join)
def test_a_failed_file_that_was_only_removed_is_named_and_its_alerts_close_at_once(
    wdh: Wdh, sample: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "dagster"))
    of_the_broken_file = {"UnreadableFile", "RunFailed", "StepFailed"}

    def open_alerts() -> set[str]:
        return {of["labels"]["alertname"] for of in wdh.json("alerts", "list")}

    wdh(*command)
    (broken,) = broken_on_purpose(sample)
    assert open_alerts() >= of_the_broken_file
    (sample / broken).unlink()
    code, out, _ = wdh(*command)
    assert (code, open_alerts() & of_the_broken_file) == (0, set())
    assert f"{broken} had failed and is no longer there: its alerts are closed." in out
    assert "Nothing new" in out
    assert "no longer there" not in wdh(*command)[1]


def test_a_dry_run_withdraws_nothing(wdh: Wdh, sample: Path) -> None:
    wdh("run", "--execute")
    (broken,) = broken_on_purpose(sample)
    (sample / broken).unlink()
    assert wdh.json("run") == []
    states = {entry["relative_path"]: entry["state"] for entry in wdh.json("files")}
    assert states[broken] == "failed"


def test_run_says_what_is_wrong_with_its_options(wdh: Wdh, sample: Path) -> None:
    for arguments, text in (
        (["run", "--domain", "other"], "trustee_performance"),
        (["run", "--mode", "upsert"], "upsert"),
        (["run", "--pk", "no_such_column", "--execute"], "no_such_column"),
        (["run", "--sheet", "没有"], "没有"),
    ):
        code, out, err = wdh(*arguments)
        assert code == 1, arguments
        assert text in out + err, arguments
        assert "Traceback" not in err


def test_a_missing_landing_folder_is_one_sentence(wdh: Wdh, folder: Path) -> None:
    code, out, err = wdh("run", "--data-dir", str(folder / "nowhere"))
    assert (code, out) == (1, "")
    assert err.startswith("wdh: the landing folder ")
    assert err.count("\n") == 1


def test_what_was_refused_can_be_listed_exported_and_replayed(
    wdh: Wdh, sample: Path, folder: Path
) -> None:
    wdh("run", "--execute")
    rows = wdh.json("quarantine", "list")
    assert {"totals_row", "duplicate_key", "not_a_number"} <= {row["reason"] for row in rows}
    assert all(row["cells"] for row in rows)
    wdh("quarantine", "export", "q.csv")
    with (folder / "q.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(rows)
    replayed = wdh.json("quarantine", "replay")
    assert sum(report["refused"] for report in replayed) == len(rows)


def test_files_shows_the_state_of_each(wdh: Wdh, sample: Path) -> None:
    assert wdh.json("files") == []
    wdh("run", "--execute")
    states = {entry["relative_path"]: entry["state"] for entry in wdh.json("files")}
    assert sorted(states.values()) == ["failed"] + ["loaded"] * 7


def test_a_refused_file_is_loaded_again_when_it_is_told_so(wdh: Wdh, folder: Path) -> None:
    workbook = folder / "data" / "2024_11_受托业绩报告.xlsx"
    workbook.parent.mkdir()
    workbook.write_bytes(b"PK, and then nothing")
    for _ in range(3):
        assert wdh("run", "--execute")[0] == 1
    assert [entry["state"] for entry in wdh.json("files")] == ["refused"]
    assert wdh.json("run", "--execute") == []
    code, out, _ = wdh("files", "retry", workbook.name)
    assert code == 0
    assert workbook.name in out
    assert [entry["state"] for entry in wdh.json("files")] == ["failed"]
    assert wdh("run", "--execute")[0] == 1
    assert [entry["state"] for entry in wdh.json("files")] == ["failed"]


def test_what_is_not_refused_cannot_be_retried(wdh: Wdh, sample: Path) -> None:
    wdh("run", "--execute")
    loaded = next(e for e in wdh.json("files") if e["state"] == "loaded")["relative_path"]
    code, _, err = wdh("files", "retry", loaded)
    assert code == 1
    assert "is loaded, not refused" in err
    code, _, err = wdh("files", "retry", "nothing.xlsx")
    assert code == 1
    assert "no file nothing.xlsx" in err


def test_sources_check_names_the_line_of_a_fault(wdh: Wdh, folder: Path) -> None:
    assert wdh("sources", "check")[0] == 0
    (folder / "bad.yml").write_text("domains:\n  d:\n    pattern: '('\n    table: t\n    pk: [a]\n")
    code, _, err = wdh("sources", "check", "bad.yml")
    assert code == 1
    assert "bad.yml:3: domains.d.pattern" in err


def test_alerts_check_names_the_line_of_a_fault_and_what_is_off(wdh: Wdh, folder: Path) -> None:
    code, out, _ = wdh("alerts", "check")
    assert code == 0
    assert "SLACK_WEBHOOK_URL" in out
    (folder / "alerts.yml").write_text("route:\n  receiver: nobody\nreceivers: []\n")
    code, _, err = wdh("alerts", "check")
    assert code == 1
    assert "alerts.yml:2: route.receiver" in err


def test_an_alert_is_sent_listed_told_once_and_closed(wdh: Wdh, folder: Path) -> None:
    labels = ("alertname=Disk", "severity=critical", "host=a")
    assert "opened" in wdh("alerts", "send", *labels, "--summary", "full")[1]
    (incident,) = wdh.json("alerts", "list")
    assert incident["annotations"]["summary"] == "full"
    assert wdh.json("alerts", "dispatch", "--once")["told"] == 2  # to the log, and to the counter
    assert wdh.json("alerts", "dispatch", "--once")["told"] == 0
    assert "1 incident(s) closed" in wdh("alerts", "send", "--resolved", *labels)[1]
    assert wdh.json("alerts", "list") == []
    assert len(wdh.json("alerts", "list", "--all")) == 1


@pytest.mark.parametrize("labels", [["severity=critical"], ["alertname"], ["alertname=a", "=b"]])
def test_an_alert_that_is_none_is_refused(wdh: Wdh, labels: list[str]) -> None:
    code, _, err = wdh("alerts", "send", *labels)
    assert code != 0
    assert "alertname" in err or "name=value" in err


def test_a_receiver_can_be_tried_out(wdh: Wdh, folder: Path) -> None:
    code, out, _ = wdh("alerts", "test", "default")
    assert code == 0  # Slack is not set, and it says so; what is on took it
    assert "taken" in out
    assert "SLACK_WEBHOOK_URL" in out
    code, _, err = wdh("alerts", "test", "nobody")
    assert code != 0
    assert "default" in err


def test_the_demo_ends_well_when_only_its_own_broken_file_failed(wdh: Wdh, folder: Path) -> None:
    code, out, _ = wdh("demo")
    assert code == 0
    assert "FAILED: is cut short" in out
    assert "UnreadableFile" in out
    (folder / "data" / "2020_01_受托业绩报告.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    assert wdh("demo")[0] == 1
