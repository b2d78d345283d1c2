"""The log: one structured line a notification, for people without a channel and for machines."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

from ..alert import ALERTNAME, Severity
from ..kind import Kind, SinkConfig
from ..plain_text import one_line
from ..sink import Deadline, Notification, Receipt, Status

if TYPE_CHECKING:
    from ..http import HttpSession
    from ..redact import Redactor

LOGGER = "work_data_hub.alerts"
MAX_LABEL_CHARS = 200

_LEVELS = {
    Severity.CRITICAL: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.INFO: logging.INFO,
}


class LogConfig(SinkConfig):
    """Nothing to set."""


class LogSink:
    """Writes JSON on one line to the logger `work_data_hub.alerts`.

    Where the process has set up no logging, it goes to stderr: an alert at level INFO is still an
    alert, and Python's own last resort would hide it.
    """

    can_edit = False
    pace_s = 0.0

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)
        if self._logger.level == logging.NOTSET:
            self._logger.setLevel(logging.INFO)

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:  # noqa: ARG002
        """Write the line. The receipt is empty: a line cannot be changed."""
        firing = notification.status is Status.FIRING
        level = _LEVELS[notification.severity] if firing else logging.INFO
        line = log_line(notification)
        if self._logger.hasHandlers():
            self._logger.log(level, "%s", line)
        else:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        return Receipt()


def log_line(notification: Notification) -> str:
    """JSON on one line: bounded texts, no log excerpt."""
    from ..render import message

    told = message(notification)
    return json.dumps(
        {
            "event": "alert.told",
            "purpose": notification.purpose,
            "status": notification.status,
            "severity": notification.severity,
            "receiver": notification.receiver,
            "alertname": one_line(notification.incidents[0].labels.get(ALERTNAME, "")),
            "group": {
                one_line(name, MAX_LABEL_CHARS): one_line(value, MAX_LABEL_CHARS)
                for name, value in notification.group_labels.items()
            },
            "firing": len(notification.firing),
            "incidents": len(notification.incidents),
            "title": told.title,
            "url": told.first.links[0].url if told.first.links else None,
            "key": notification.key,
        },
        ensure_ascii=False,
    )


def build(config: LogConfig, *, redact: Redactor, http: HttpSession | None) -> LogSink:  # noqa: ARG001
    """The log needs nothing."""
    return LogSink()


LOG = Kind("log", LogConfig, build)
