"""Alerts about the alerting itself: a sink that fails, one that is parked, what was given up; and
what a process that watches itself finds: a dispatch that lags, a bad alerts.yml, a failing round.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import locations
from .alert import ALERTNAME, SEVERITY, Alert, Severity
from .errors import DeliveryError

DEAD_LETTERS = "DeadLetters"
SINK_FAILING = "SinkFailing"
SINK_PARKED = "SinkParked"
DISPATCH_LAG = "DispatchLag"
CONFIG_INVALID = "ConfigInvalid"
ROUND_FAILING = "RoundFailing"
# Over once the sink takes something. A dead letter stays one until it is replayed or dropped.
OF_THE_SINK = (SINK_FAILING, SINK_PARKED)
NAMES = (DEAD_LETTERS, *OF_THE_SINK)
_OF_THE_PROCESS = (DISPATCH_LAG, CONFIG_INVALID, ROUND_FAILING)

Name = tuple[str, str]


def is_about_alerting(labels: Mapping[str, str]) -> bool:
    """What fails to be told about these raises nothing further, or it would go round for ever."""
    return labels.get(ALERTNAME) in (*NAMES, *_OF_THE_PROCESS)


def labels_of(alertname: str, name: Name) -> dict[str, str]:
    receiver, integration = name
    return {ALERTNAME: alertname, "receiver": receiver, "integration": integration}


def dead_letter(
    name: Name, error: DeliveryError, *, letter_id: int, group_key: str, said: str
) -> Alert:
    """A notification was given up. said: its title, for whoever is told in its place."""
    return _alert(
        DEAD_LETTERS,
        name,
        Severity.CRITICAL,
        (
            f"A notification to {name[1]} of receiver {name[0]} was given up: {error.detail}",
            f"发给接收者 {name[0]} 的 {name[1]} 的一条通知已放弃：{error.detail}",
        ),
        {
            "error": str(error),
            "undelivered": said,
            "group": group_key,
            "dead_letter": str(letter_id),
        },
        event_key=f"dead_letter:{letter_id}",
    )


def parked(name: Name, error: DeliveryError) -> Alert:
    """The credentials of a sink are refused."""
    return _alert(
        SINK_PARKED,
        name,
        Severity.CRITICAL,
        (
            f"{name[1]} of receiver {name[0]} refuses our credentials; nothing is sent to it until"
            " they change. What it has to tell is kept.",
            f"接收者 {name[0]} 的 {name[1]} 拒绝我们的凭据；凭据更换之前不再发送，"
            "待发的通知都保留着。",
        ),
        {"error": str(error)},
    )


def failing(name: Name, error: DeliveryError, *, since: float) -> Alert:
    """A sink has not taken anything for a while. One event for each stretch of failures."""
    return _alert(
        SINK_FAILING,
        name,
        Severity.WARNING,
        (
            f"{name[1]} of receiver {name[0]} takes nothing; it is tried again and again,"
            " and nothing is lost meanwhile.",
            f"接收者 {name[0]} 的 {name[1]} 收不到通知；会一直重试，其间不会丢失。",
        ),
        {"error": str(error)},
        event_key=f"sink_failing:{name[0]}:{name[1]}:{since}",
    )


def _alert(
    alertname: str,
    name: Name,
    severity: Severity,
    summary: tuple[str, str],
    annotations: Mapping[str, str],
    *,
    event_key: str | None = None,
) -> Alert:
    """summary: in English and in Chinese."""
    labels = labels_of(alertname, name) | {SEVERITY: severity.value}
    texts = {
        "summary": summary[0],
        "summary_zh": summary[1],
        "runbook_url": locations.runbook_url(alertname),
        **annotations,
    }
    return Alert(labels, texts, event_key=event_key)
