"""The Watchdog: an alert that always fires, so that somebody outside notices when it stops.

As in Alertmanager's world: a route of its own, `alertname="Watchdog"` with a short
repeat_interval, leads to the ping of a dead man's switch. It is told while it beats, there and
nowhere else, and it is never over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .alert import ALERTNAME, SEVERITY, Alert, Severity
from .route import Route, receivers_for

if TYPE_CHECKING:
    from .config import AlertsConfig
    from .matchers import Labels

WATCHDOG = "Watchdog"
LABELS = {ALERTNAME: WATCHDOG}
# Three beats of `wdh serve`: after them whoever should have beaten is taken for dead.
STALE_AFTER = timedelta(seconds=60)


def is_watchdog(labels: Labels) -> bool:
    return labels.get(ALERTNAME) == WATCHDOG


def is_stale(updated_at: datetime, *, now: datetime) -> bool:
    """Its last beat is too long ago to say that all is well."""
    return now - updated_at > STALE_AFTER


def ping_routes(config: AlertsConfig) -> list[Route]:
    """The routes that name the Watchdog and lead to something that can be told.

    Any other route, the first one say, would tell people again and again that all is well.
    """
    return [
        route
        for route in receivers_for(config.route, LABELS)
        if _names_it(route) and config.receivers[route.receiver].integrations
    ]


def beat() -> Alert:
    """All is well at this moment."""
    return Alert(
        {**LABELS, SEVERITY: Severity.INFO},
        {
            "summary": "Feed, dispatcher and store are at work. It is missed when they are not.",
            "summary_zh": "事件读取、发送和存储都在工作；不工作时就不会再有此消息。",
        },
    )


def _names_it(route: Route) -> bool:
    """By a matcher on alertname that lets not everything through."""
    return any(
        m.name == ALERTNAME and m.matches(LABELS) and not m.matches({ALERTNAME: "RunFailed"})
        for m in route.matchers
    )
