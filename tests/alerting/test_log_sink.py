"""The log sink: one line of JSON, at a level that fits, visible without any set-up."""

from __future__ import annotations

import json
import logging

import pytest

from work_data_hub.alerting.sink import Deadline, NoticeCause, Purpose
from work_data_hub.alerting.sinks.log import LOGGER, LogSink, log_line
from work_data_hub.alerting.testing import resolved, sample_incident, sample_notification


def test_a_line_holds_what_a_machine_wants_to_know() -> None:
    line = log_line(sample_notification())
    assert "\n" not in line
    said = json.loads(line)
    assert said["event"] == "alert.told"
    assert said["alertname"] == "RunFailed"
    assert said["status"] == "firing"
    assert said["url"].startswith("http://127.0.0.1:3000/runs/")


def test_a_text_of_many_lines_stays_on_one() -> None:
    incident = sample_incident(annotations={"summary": "one\ntwo\r\nthree\u2028four"})
    line = log_line(sample_notification(Purpose.OPEN, incident))
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    ("severity", "level"),
    [("critical", logging.ERROR), ("warning", logging.WARNING), ("info", logging.INFO)],
)
def test_the_level_follows_the_severity(
    severity: str, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    incident = sample_incident(labels={"severity": severity})
    with caplog.at_level(logging.DEBUG, LOGGER):
        LogSink().deliver(sample_notification(Purpose.OPEN, incident), deadline=Deadline(1))
    assert [record.levelno for record in caplog.records] == [level]


def test_a_resolution_is_information(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        LogSink().deliver(resolved(sample_notification()), deadline=Deadline(1))
    assert [record.levelno for record in caplog.records] == [logging.INFO]


def test_without_logging_set_up_even_information_reaches_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(LOGGER), "propagate", False)
    incident = sample_incident(labels={"severity": "info", "alertname": "StepSucceeded"})
    LogSink().deliver(sample_notification(Purpose.OPEN, incident), deadline=Deadline(1))
    said = json.loads(capsys.readouterr().err)
    assert said["alertname"] == "StepSucceeded"


def test_why_it_is_told_again_stands_in_the_title() -> None:
    notice = sample_notification(Purpose.NOTICE)
    object.__setattr__(notice, "causes", (NoticeCause.REMINDER,))
    assert "Still open" in json.loads(log_line(notice))["title"]
