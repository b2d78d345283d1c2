"""What a template of alerts.yml can speak of: plain texts, by Alertmanager's names for them.

https://prometheus.io/docs/alerting/latest/notifications/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .render import local_time, spoken, web_address
from .sink import Incident, Notification, Status, alike
from .wording import EN, LANGUAGES, Words

NAMES = frozenset(
    {
        *("receiver", "status", "severity", "purpose", "language", "title"),
        *("group_labels", "common_labels", "common_annotations"),
        *("incidents", "firing", "resolved"),
    }
)


class _Texts(dict[str, str]):
    """By name; one that is not there is empty, as in Alertmanager."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True)
class IncidentData:
    """One incident. Times as a clock in Shanghai shows them; links are web addresses or empty."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    status: str
    severity: str
    summary: str
    started_at: str
    resolved_at: str
    event_count: int
    acknowledged_by: str
    fingerprint: str
    generator_url: str
    run_url: str
    runbook_url: str


def template_data(notification: Notification, *, title: str) -> Mapping[str, Any]:
    """Everything that NAMES lists."""
    words = LANGUAGES.get(notification.language, EN)
    incidents = [_incident(incident, words) for incident in notification.incidents]
    return {
        "receiver": notification.receiver,
        "status": notification.status.value,
        "severity": notification.severity.value,
        "purpose": notification.purpose.value,
        "language": words.code,
        "title": title,
        "group_labels": _Texts(notification.group_labels),
        "common_labels": _Texts(alike(i.labels for i in notification.incidents)),
        "common_annotations": _Texts(alike(i.annotations for i in notification.incidents)),
        "incidents": incidents,
        "firing": [i for i in incidents if i.status == Status.FIRING.value],
        "resolved": [i for i in incidents if i.status == Status.RESOLVED.value],
    }


def _incident(incident: Incident, words: Words) -> IncidentData:
    notes = incident.annotations
    return IncidentData(
        labels=_Texts(incident.labels),
        annotations=_Texts(notes),
        status=incident.status.value,
        severity=incident.severity.value,
        summary=spoken(notes, "summary", words),
        started_at=local_time(incident.started_at),
        resolved_at=local_time(incident.resolved_at) if incident.resolved_at else "",
        event_count=incident.event_count,
        acknowledged_by=incident.acknowledged.by if incident.acknowledged else "",
        fingerprint=incident.fingerprint,
        generator_url=web_address(incident.generator_url or ""),
        run_url=web_address(notes.get("run_url", "")),
        runbook_url=web_address(notes.get("runbook_url", "")),
    )
