"""Whatever alert we word ourselves, we word in English and in Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from work_data_hub.alerting import Alert, troubles, watchdog
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.config.data_sources import load_data_sources
from work_data_hub.domain.errors import DoubledColumn, MissingColumns
from work_data_hub.domain.trustee_performance import DOMAIN
from work_data_hub.io.connectors.discovered_file import DiscoveredFile
from work_data_hub.io.errors import LandingFolderMissing
from work_data_hub.io.file_load import FailureKind, FileFailure
from work_data_hub.io.file_read import read_file
from work_data_hub.observability import instance_events
from work_data_hub.observability.daemons import Down
from work_data_hub.orchestration import data_alerts, load_findings, probe
from work_data_hub.orchestration.data_alerts import FoundBy

from .observability.runs import a_run
from .orchestration.landing import LandingFolder, rows_of

SOURCES = Path(__file__).parents[1] / "src" / "work_data_hub"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Words in a row: not the name of a file or a setting, nor a command.
ENGLISH = re.compile(r"\b[a-z']+ [a-z]+\b")
COMMAND = re.compile(r"`?wdh [a-z ]+`?")
# Of these the summary is what was raised, in its own words, or there is none: what the title says
# of them is in the wording of both languages.
IN_ANOTHERS_WORDS = {"run_failed", "run_succeeded", "step_failed", "step_succeeded"}
# These word nothing: the summary is a Finding's, or the alert's that they are given.
OF_OTHERS = {"alert_of", "met_in"}

NOW = datetime(2024, 11, 5, 2, 10, tzinfo=UTC)
FILE = DiscoveredFile(DOMAIN, "/landing/2024_11.xlsx", 2024, 11, {"modified_time": 0.0})
INTEGRATION = ("team", "slack[0]")
REFUSED = DeliveryError(Reason.UNAUTHORIZED, "not_authed")

ALERTS = {
    "dead_letter": [
        troubles.dead_letter(INTEGRATION, REFUSED, letter_id=1, group_key="g", said="title")
    ],
    "parked": [troubles.parked(INTEGRATION, REFUSED)],
    "failing": [troubles.failing(INTEGRATION, REFUSED, since=0.0)],
    "beat": [watchdog.beat()],
    "daemon_down": [
        instance_events.daemon_down(Down(name, at))
        for name in (*instance_events._WITHOUT, "OF_A_LATER_DAGSTER")
        for at in (NOW, None)
    ],
    "dispatch_lag": [
        instance_events.dispatch_lag(*name, waits_s=600, count=3)
        for name in (INTEGRATION, ("", ""))
    ],
    "config_invalid": [instance_events.config_invalid("alerts.yml", "line 3: no such key")],
    "round_failing": [
        instance_events.round_failing("feed", fails_s=300, error=error)
        for error in ("OSError: away", "")
    ],
    "landing_folder_missing": [
        data_alerts.landing_folder_missing(DOMAIN, LandingFolderMissing("/landing"))
    ],
    "killed_its_run": [load_findings.killed_its_run(FILE, a_run())],
}


def builders() -> Iterator[str]:
    """Every function that words an alert, by its name."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.returns is None:
                continue
            if ast.unparse(node.returns) == "Alert" and not node.name.startswith("_"):
                yield node.name


def test_every_function_that_words_an_alert_is_looked_at() -> None:
    assert set(builders()) == set(ALERTS) | IN_ANOTHERS_WORDS | OF_OTHERS


@pytest.mark.parametrize(
    "alert", [alert for alerts in ALERTS.values() for alert in alerts], ids=lambda alert: alert.name
)
def test_an_alert_is_worded_in_both_languages(alert: Alert) -> None:
    _says_in_both(alert)


def test_a_daemon_that_is_down_says_in_both_what_does_not_happen_meanwhile() -> None:
    notes = instance_events.daemon_down(Down("SENSOR", NOW)).annotations
    assert notes["summary"].endswith(": no sensor runs")
    assert notes["summary_zh"].endswith("：传感器都不运行")


@pytest.mark.parametrize(
    "error",
    [MissingColumns(["计划代码"], ["年", "月"]), DoubledColumn("年", ["年", "year"])],
    ids=lambda error: type(error).__name__,
)
def test_columns_that_are_wrong_are_named_in_both(error: MissingColumns | DoubledColumn) -> None:
    assert CHINESE.search(error.in_chinese.replace("年", "").replace("计划代码", ""))
    assert "年" in error.in_chinese


@pytest.mark.parametrize("kind", FailureKind)
def test_why_a_file_loads_nothing_is_told_in_both(kind: FailureKind) -> None:
    failure = FileFailure(FILE, kind, "is gone", "已不在原处", 0.0)
    (finding,) = load_findings.findings_in(failure, load_data_sources().domain(DOMAIN).validation)
    alert = data_alerts.alert_of(finding, domain=DOMAIN, file="f", found_by=FoundBy.LOAD)
    assert (alert.annotations["summary"], alert.annotations["summary_zh"]) == (
        "is gone",
        "已不在原处",
    )


def test_what_is_wrong_with_real_files_is_told_in_both(tmp_path: Path) -> None:
    landing = LandingFolder(tmp_path)
    rows = rows_of(2024, 11, count=4)
    refused = [(*row[:2], "", *row[3:]) for row in rows]
    ambiguous = [
        (*row[:4], rate, *row[5:]) for row, rate in zip(rows, (0.5, 5, 0.1, 3), strict=True)
    ]
    paths = [
        landing.put("empty.xlsx", []),
        landing.put("few.xlsx", rows[:1]),
        landing.put("ambiguous.xlsx", ambiguous),
        landing.put("refused.xlsx", refused),
        landing.put("columns.xlsx", rows, heading=("年", "月", "a", "b", "c", "d", "e")),
        landing.put_broken("2024_11_broken.xlsx"),
        tmp_path / "gone.xlsx",
    ]
    source = load_data_sources().domain(DOMAIN)
    limits = source.validation.model_copy(update={"min_rows": 2})
    kinds = set()
    for path in paths:
        file = DiscoveredFile(DOMAIN, str(path), 2024, 11, {"modified_time": 0.0})
        findings = load_findings.findings_in(read_file(file, source), limits)
        findings += probe.stale(file, source, now_s=1e9)
        for finding in findings:
            kinds.add(finding.kind)
            _says_in_both(
                data_alerts.alert_of(finding, domain=DOMAIN, file="f", found_by=FoundBy.PROBE)
            )
    assert kinds == set(data_alerts.DataAlert) - {data_alerts.DataAlert.LANDING_FOLDER_MISSING}


def _says_in_both(alert: Alert) -> None:
    notes = alert.annotations
    for name in {"summary", "next_step"} & set(notes):
        assert ENGLISH.search(notes[name])
        assert CHINESE.search(notes[f"{name}_zh"])
        assert not ENGLISH.search(COMMAND.sub("", notes[f"{name}_zh"]))
