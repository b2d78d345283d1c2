"""One POST a notification."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...http import HttpSession
from ...http_status import check
from ...redact import Redactor
from ...sink import Deadline, Notification, Receipt
from . import WebhookConfig
from .payload import payload
from .signature import headers, key_of


class WebhookSink:
    """Sends and forgets: the other side tells attempts apart by `webhook-id`, which stays the
    same while one notification is tried again.
    """

    can_edit = False
    pace_s = 0.0

    def __init__(
        self,
        config: WebhookConfig,
        *,
        redact: Redactor,
        http: HttpSession,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = config.url
        self._max_alerts = config.max_alerts
        self._timeout_s = config.timeout
        self._keys = [key_of(secret.get_secret_value()) for secret in config.secret]
        self._http_config = config.http_config
        self._redact = redact
        self._http = http
        self._clock = clock

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        """POST the payload. The receipt is empty. A 410 disables the sink (Reason.GONE)."""
        body = payload(notification, max_alerts=self._max_alerts)
        said = {
            "Content-Type": "application/json",
            **self._http_config.headers(),
            **headers(notification.key, body, at_s=int(self._clock()), keys=self._keys),
        }
        if self._timeout_s:
            deadline = Deadline(min(self._timeout_s, deadline.remaining_s))
        url = self._url.get_secret_value()
        check(self._http.post(url, body, headers=said, deadline=deadline), self._redact)
        return Receipt()
