"""Alertmanager's webhook payload, version 4: whoever reads its webhooks reads ours. Pure.

Key for key as in https://github.com/prometheus/alertmanager/blob/main/notify/webhook/webhook.go
and https://github.com/prometheus/alertmanager/blob/main/template/template.go. Labels and
annotations go as they are: what shows them to people is on the other side. Our fingerprint is
over the identifying labels alone; `wdh alerts show` takes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ...sink import Incident, Notification, Status, alike

VERSION = "4"
# Go's zero time: a firing alert has no end.
NO_TIME = "0001-01-01T00:00:00Z"
# Alertmanager sends a receiver's name escaped for use in a regular expression.
_QUOTED = re.compile(r"[\\.+*?()|\[\]{}^$]")
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def payload(notification: Notification, *, max_alerts: int = 0) -> bytes:
    """JSON in ASCII. max_alerts: how many are in it, 0 for all; the others are counted."""
    shown = notification.incidents[: max_alerts or None]
    data = {
        "receiver": _QUOTED.sub(r"\\\g<0>", notification.receiver),
        "status": _status(shown).value,
        "alerts": [_alert(incident) for incident in shown],
        "groupLabels": _texts(notification.group_labels),
        "commonLabels": _texts(alike(incident.labels for incident in shown)),
        "commonAnnotations": _texts(alike(incident.annotations for incident in shown)),
        "externalURL": "",
        "version": VERSION,
        "groupKey": _text(notification.group_key),
        "truncatedAlerts": len(notification.incidents) - len(shown),
    }
    return _ENCODER.encode(data).encode("ascii")


def go_time(at: datetime) -> str:
    """As Go writes RFC 3339: no zeros at the end of the fraction, no fraction for none."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if at.microsecond else text}Z"


def _status(incidents: Iterable[Incident]) -> Status:
    fires = any(incident.status is Status.FIRING for incident in incidents)
    return Status.FIRING if fires else Status.RESOLVED


def _alert(incident: Incident) -> dict[str, Any]:
    over = incident.status is Status.RESOLVED and incident.resolved_at is not None
    return {
        "status": incident.status.value,
        "labels": _texts(incident.labels),
        "annotations": _texts(incident.annotations),
        "startsAt": go_time(incident.started_at),
        "endsAt": go_time(incident.resolved_at) if over and incident.resolved_at else NO_TIME,
        "generatorURL": _text(incident.generator_url or ""),
        "fingerprint": incident.fingerprint,
    }


def _texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {_text(name): _text(texts[name]) for name in sorted(texts)}


def _text(text: str) -> str:
    """Half a character, as a broken file name may hold, is no JSON to a strict reader."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)
