"""An alert: what it must have, and which incident it belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from work_data_hub.alerting import Alert, Severity
from work_data_hub.alerting.alert import MAX_INDEXED_BYTES, fingerprint

LABELS = {"alertname": "RunFailed", "job": "daily", "severity": "critical"}


@pytest.mark.parametrize(
    ("labels", "options", "says"),
    [
        ({}, {}, "needs the label 'alertname'"),
        ({"alertname": ""}, {}, "needs the label 'alertname'"),
        ({"alertname": "A", "n": 3}, {}, "label 'n' is not text: int"),
        ({"alertname": "A", "severity": "bad"}, {}, "'bad' is none of critical, warning, info"),
        (LABELS, {"occurred_at": datetime(2024, 11, 5)}, "no time zone"),  # noqa: DTZ001
        (LABELS, {"identity": ["jbo"]}, r"labels that are not there: \['jbo'\]"),
        (LABELS, {"annotations": {"n": None}}, "annotation 'n' is not text: NoneType"),
    ],
)
def test_what_is_no_alert_is_refused_with_a_sentence(
    labels: dict[str, Any], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Alert(labels, **options)


def test_severity_is_warning_unless_said() -> None:
    assert Alert({"alertname": "A"}).severity is Severity.WARNING
    assert Severity.CRITICAL.rank < Severity.WARNING.rank < Severity.INFO.rank


def test_identity_is_all_labels_but_severity_unless_said() -> None:
    whole = Alert(LABELS)
    assert whole.fingerprint == Alert({**LABELS, "severity": "info"}).fingerprint
    assert whole.fingerprint != Alert({**LABELS, "job": "hourly"}).fingerprint
    named = [Alert({**LABELS, "team": t}, identity=["alertname", "job"]) for t in "ab"]
    assert named[0].fingerprint == named[1].fingerprint == whole.fingerprint


def test_a_fingerprint_is_the_same_in_every_process_and_release() -> None:
    assert fingerprint({"alertname": "RunFailed", "作业": "每日"}) == "c8e0d00a15c53847"


@given(st.dictionaries(st.text(), st.text()))
def test_neither_order_nor_empty_values_change_a_fingerprint(labels: dict[str, str]) -> None:
    reordered = dict(reversed(labels.items()))
    assert fingerprint({**reordered, "nothing": ""} | reordered) == fingerprint(labels)


def test_an_alert_cannot_be_changed_by_its_publisher_afterwards() -> None:
    labels = dict(LABELS)
    alert = Alert(labels)
    labels["job"] = "other"
    assert alert.labels["job"] == "daily"
    with pytest.raises(TypeError):
        alert.labels["job"] = "other"  # type: ignore[index]


def test_a_label_over_a_thousand_bytes_ends_in_a_digest_that_tells_it_from_others() -> None:
    longest, longer = "a" * MAX_INDEXED_BYTES, "失败" * MAX_INDEXED_BYTES
    alerts = [Alert({"alertname": "A", "path": path}) for path in (longest, longer, f"{longer}!")]
    values = [alert.labels["path"] for alert in alerts]
    assert values[0] == longest
    assert [len(value.encode()) <= MAX_INDEXED_BYTES for value in values] == [True] * 3
    assert values[1][:300] == values[2][:300] == longer[:300]
    assert len({alert.fingerprint for alert in alerts}) == 3
