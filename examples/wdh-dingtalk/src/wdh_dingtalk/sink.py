"""One text message a notification, signed. DingTalk can edit nothing.

https://open.dingtalk.com/document/robots/custom-robot-access
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.http import Answer, HttpSession
from work_data_hub.alerting.http_status import check
from work_data_hub.alerting.plain_text import one_line
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.render import message
from work_data_hub.alerting.sink import Deadline, Notification, Receipt
from work_data_hub.alerting.text_form import text_form

from .config import DingTalkConfig

# 20 messages a minute and robot; whoever sends more is mute for ten minutes.
MESSAGE_EVERY_S = 3.0
MUTE_S = 600.0
# A body of more than 20,000 bytes is refused (460101). JSON at worst doubles a text.
MAX_TEXT_BYTES = 9_000
MAX_SECTION_CHARS = 1_500

_REASONS = {
    -1: Reason.UNAVAILABLE,
    130101: Reason.RATE_LIMITED,
    410100: Reason.RATE_LIMITED,
    310000: Reason.UNAUTHORIZED,  # the signature, a keyword or our address
    300001: Reason.UNAUTHORIZED,  # no such access_token
    400101: Reason.UNAUTHORIZED,
    400102: Reason.GONE,  # the robot was switched off
    400106: Reason.NOT_FOUND,  # the robot was removed
    400013: Reason.NOT_FOUND,  # the group was dissolved
    460101: Reason.REJECTED,  # too long
    **dict.fromkeys((430101, 430102, 430103, 430104), Reason.REJECTED),  # content
}


class DingTalkSink:
    """Plain text, in which nothing is markup and nobody can be called."""

    can_edit = False
    pace_s = MESSAGE_EVERY_S

    def __init__(
        self,
        config: DingTalkConfig,
        *,
        redact: Redactor,
        http: HttpSession,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = config.url
        self._secret = config.secret
        self._redact = redact
        self._http = http
        self._clock = clock

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        """Send it. The receipt is empty. DeliveryError says why DingTalk did not take it."""
        url = self._url.get_secret_value()
        query = signature(self._secret.get_secret_value(), at_ms=int(self._clock() * 1_000))
        answer = self._http.post(
            f"{url}&{urlencode(query)}",
            body(notification),
            headers={"Content-Type": "application/json; charset=utf-8"},
            deadline=deadline,
        )
        check_answer(answer, self._redact)
        return Receipt()


def signature(secret: str, *, at_ms: int) -> dict[str, str]:
    """`timestamp` and `sign`, for the address.

    https://open.dingtalk.com/document/robots/customize-robot-security-settings
    """
    signed = hmac.digest(secret.encode(), f"{at_ms}\n{secret}".encode(), hashlib.sha256)
    return {"timestamp": str(at_ms), "sign": base64.b64encode(signed).decode()}


def body(notification: Notification) -> bytes:
    """UTF-8: DingTalk counts bytes, and a Chinese character as \\uXXXX is twice as many."""
    text = text_form(message(notification), max_section_chars=MAX_SECTION_CHARS)
    content = text.encode()[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
    said = {"msgtype": "text", "text": {"content": content}}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def check_answer(answer: Answer, redact: Redactor) -> None:
    """Returns when DingTalk took it. It refuses with a 200 and a code of its own.

    A code that nobody knows is taken as transient: a retry costs less than a lost alert.
    """
    check(answer, redact)
    said = _object(answer.body)
    code = said.get("errcode")
    if code == 0:
        return
    if not isinstance(code, int):
        raise DeliveryError(Reason.MISCONFIGURED, "it was not DingTalk that answered: check url")
    reason = _REASONS.get(code, Reason.UNAVAILABLE)
    raise DeliveryError(
        reason,
        f"{code}: {one_line(redact.text(str(said.get('errmsg', ''))), 120)}",
        retry_after_s=MUTE_S if reason is Reason.RATE_LIMITED else None,
    )


def _object(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
