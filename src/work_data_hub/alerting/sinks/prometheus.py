"""The counter: alerts by name, severity and status, for whoever plots or watches how many.

It sends nothing. What it counts goes into the store with the record of the delivery: once, and
for all processes and restarts together; `alerting.metrics` shows it as wdh_alerts_total.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..alert import ALERTNAME
from ..kind import Kind, SinkConfig
from ..plain_text import one_line
from ..sink import Deadline, Incident, Notification, Receipt, Status

if TYPE_CHECKING:
    from ..http import HttpSession
    from ..redact import Redactor

MAX_NAME_CHARS = 100


class PrometheusConfig(SinkConfig):
    """Nothing further to set. With send_resolved off, only what fires is counted."""


class PrometheusSink:
    """Counts each incident once as firing and, when it is over, once as resolved.

    The receipt says what has been counted in this episode: reminders, updates and the news of
    others in the group add nothing. An incident that comes back is another one.
    """

    can_edit = True  # an update is how it hears of what is over while others fire
    pace_s = 0.0

    def __init__(self, *, counts_resolved: bool) -> None:
        self._counts_resolved = counts_resolved

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:  # noqa: ARG002
        """Count what is new, by alertname, severity and status; the store knows the receiver."""
        before = notification.previous.values if notification.previous else {}
        new: Counter[tuple[str, ...]] = Counter()
        for incident in notification.incidents:
            name = one_line(incident.labels.get(ALERTNAME, ""), MAX_NAME_CHARS)
            for status in self._uncounted(incident, before.get(incident.fingerprint, "")):
                new[name, incident.severity.value, status.value] += 1
        now = {incident.fingerprint: _state(incident) for incident in notification.incidents}
        return Receipt(now, counts=dict(new))

    def _uncounted(self, incident: Incident, before: str) -> Iterator[Status]:
        counted, _, started = before.partition(" ")
        is_another = started != incident.started_at.isoformat()
        if is_another:
            yield Status.FIRING
        is_over = incident.status is Status.RESOLVED and self._counts_resolved
        if is_over and (is_another or counted != Status.RESOLVED):
            yield Status.RESOLVED


def _state(incident: Incident) -> str:
    return f"{incident.status.value} {incident.started_at.isoformat()}"


def build(
    config: PrometheusConfig,
    *,
    redact: Redactor,  # noqa: ARG001
    http: HttpSession | None,  # noqa: ARG001
) -> PrometheusSink:
    """The counter needs nothing but to know what it counts."""
    return PrometheusSink(counts_resolved=config.send_resolved)


PROMETHEUS = Kind("prometheus", PrometheusConfig, build)
