"""Trying a receiver out: each of its integrations is sent a test, as the dispatcher would."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from .alert import Alert, Severity
from .errors import DeliveryError, Reason
from .sink import AlertSink, Deadline, Incident, Notification, Purpose, Receipt, Status
from .workers import KEEPS_NO_DEADLINE, OVERRUN_S, answer

# Somebody waits for it and sees what is slow: longer than a delivery.
TRIAL_DEADLINE_S = 15.0


def try_out(
    sinks: Mapping[str, AlertSink],
    receiver: str,
    *,
    language: str,
    describe: Callable[[Exception], str],
    deadline_s: float = TRIAL_DEADLINE_S,
    overrun_s: float = OVERRUN_S,
) -> dict[str, Receipt | DeliveryError]:
    """What each integration answered, all of them asked at once.

    sinks: by the integration's name. describe: puts an error into words that hold no secret.
    overrun_s: what has not come back so long after its deadline is not waited for.
    """
    answers: dict[str, Receipt | DeliveryError] = {}

    def ask(name: str) -> None:
        told = trial_notification(receiver, language)
        answers[name] = answer(sinks[name], told, Deadline(deadline_s), describe=describe)

    asked = [threading.Thread(target=ask, args=(name,), daemon=True) for name in sinks]
    for thread in asked:
        thread.start()
    patience = Deadline(deadline_s + overrun_s)
    for thread in asked:
        thread.join(patience.remaining_s)
    overdue = DeliveryError(Reason.TIMEOUT, KEEPS_NO_DEADLINE)
    return {name: answers.get(name, overdue) for name in sinks}


def trial_notification(receiver: str, language: str = "en") -> Notification:
    """What is sent: an incident that says it is a test."""
    now = datetime.now(UTC)
    alert = Alert(
        {"alertname": "Test", "severity": Severity.INFO.value, "receiver": receiver},
        {
            "summary": "A test of this receiver; nothing is wrong. 这是测试消息，一切正常。",
            "next_step": "Nothing to do.",
            "next_step_zh": "无需处理。",
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
