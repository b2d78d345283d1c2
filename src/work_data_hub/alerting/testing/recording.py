"""A sink that keeps what it is told, in memory; for tests of what decides to tell."""

from __future__ import annotations

from collections import deque

from ..errors import DeliveryError
from ..sink import Deadline, Notification, Receipt


class RecordingSink:
    """delivered: every notification that was taken, in order. failures: what comes first instead.

    can_edit: gives receipts (`n` counts the messages) and takes updates. pace_s: its own pace.
    """

    def __init__(
        self, *failures: DeliveryError, can_edit: bool = True, pace_s: float = 0.0
    ) -> None:
        self.can_edit = can_edit
        self.pace_s = pace_s
        self.delivered: list[Notification] = []
        self.attempts: list[Notification] = []
        self._failures = deque(failures)

    def fail(self, *failures: DeliveryError) -> None:
        """The next attempts end so."""
        self._failures.extend(failures)

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:  # noqa: ARG002
        """Take it, or raise the next failure."""
        self.attempts.append(notification)
        if self._failures:
            raise self._failures.popleft()
        self.delivered.append(notification)
        if not self.can_edit:
            return Receipt()
        return notification.previous or Receipt({"n": str(len(self.delivered))})
