"""Notifications to try a sink with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ..alert import Severity, fingerprint
from ..sink import Incident, Notification, Purpose, Receipt, Status

STARTED_AT = datetime(2024, 11, 4, 18, 10, 33, tzinfo=UTC)  # 02:10:33 in Shanghai

LABELS = {
    "alertname": "RunFailed",
    "severity": "critical",
    "location": "work_data_hub",
    "job": "trustee_performance_multi_file_job",
}
ANNOTATIONS = {
    "summary": "load_op failed: the warehouse refused the connection",
    "error": "WarehouseError: could not connect to the warehouse\n  caused by: connection refused",
    "error_class": "WarehouseError",
    "step": "load_op",
    "run_id": "0d6c1a52-6f0e-4c57-9d6b-0a5d3f2b9c11",
    "run_url": "http://127.0.0.1:3000/runs/0d6c1a52-6f0e-4c57-9d6b-0a5d3f2b9c11",
    "schedule": "trustee_daily_schedule",
    "log_excerpt": "02:10:31 load_op started\n02:10:33 load_op failed",
    "next_step": "Start the warehouse; the files stay to be loaded.",
    "owner": "data-team",
}


def sample_incident(
    *,
    status: Status = Status.FIRING,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    started_at: datetime = STARTED_AT,
) -> Incident:
    """A failed run of the trustee job; `labels` and `annotations` are added to its own."""
    named = {**LABELS, **(labels or {})}
    resolved_at = started_at + timedelta(hours=2, minutes=5)
    over = status is Status.RESOLVED
    return Incident(
        fingerprint=fingerprint({n: v for n, v in named.items() if n != "severity"}),
        labels=named,
        annotations={**ANNOTATIONS, **(annotations or {})},
        severity=Severity(named["severity"]),
        status=status,
        started_at=started_at,
        updated_at=resolved_at if over else started_at,
        resolved_at=resolved_at if over else None,
        event_count=1,
    )


def sample_notification(
    purpose: Purpose = Purpose.OPEN,
    *incidents: Incident,
    previous: Receipt | None = None,
    language: str = "en",
) -> Notification:
    """One incident, or those given: firing, or resolved for RESOLVE."""
    over = purpose is Purpose.RESOLVE
    status = Status.RESOLVED if over else Status.FIRING
    return Notification(
        key=f"sample:{purpose}",
        receiver="sample",
        group_key='{}:{alertname="RunFailed"}',
        group_labels={"alertname": "RunFailed", "job": LABELS["job"]},
        status=status,
        purpose=purpose,
        incidents=incidents or (sample_incident(status=status),),
        previous=previous,
        language=language,
    )


def resolved(notification: Notification, previous: Receipt | None = None) -> Notification:
    """The RESOLVE that ends the episode of this notification, two hours later."""
    ends = [
        replace(i, status=Status.RESOLVED, resolved_at=i.started_at + timedelta(hours=2))
        for i in notification.incidents
    ]
    return replace(
        notification,
        key=f"{notification.key}:resolved",
        purpose=Purpose.RESOLVE,
        status=Status.RESOLVED,
        incidents=tuple(ends),
        previous=previous,
    )
