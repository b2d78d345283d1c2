"""A notification for trying a receiver out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from .alert import Alert, Severity
from .sink import Incident, Notification, Purpose, Status


def trial_notification(receiver: str, language: str = "en") -> Notification:
    """What `wdh alerts test` sends: an incident that says it is a test."""
    now = datetime.now(UTC)
    alert = Alert(
        {"alertname": "Test", "severity": Severity.INFO.value, "receiver": receiver},
        {
            "summary": "A test of this receiver; nothing is wrong. 这是测试消息，一切正常。",
            "next_step": "Nothing to do.",
        },
    )
    incident = Incident(
        fingerprint=alert.fingerprint,
        labels=alert.labels,
        annotations=alert.annotations,
        severity=alert.severity,
        status=Status.FIRING,
        started_at=now,
        updated_at=now,
        resolved_at=None,
        event_count=1,
    )
    return Notification(
        key=f"test-{uuid.uuid4()}",
        receiver=receiver,
        group_key="test",
        group_labels={"alertname": "Test"},
        status=Status.FIRING,
        purpose=Purpose.OPEN,
        incidents=(incident,),
        language=language,
    )
