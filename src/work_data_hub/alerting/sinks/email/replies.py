"""What an SMTP reply means. Pure: code and text in, one Reason out.

https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3, the login's in
https://www.rfc-editor.org/rfc/rfc4954#section-6
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import DeliveryError, Reason
from ...plain_text import one_line
from ...redact import Redactor

GREETING = 220
READY_FOR_TLS = 220
LOGGED_IN = (235, 503)  # 503: this connection is logged in already
DONE = (250, 251, 252)
GO_AHEAD = 354
CLOSING = 421
# "Too many recipients" as some servers say 452, and a full mailbox: tomorrow it may be taken.
# https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.10
TOO_MANY_OR_FULL = 552

_LOGIN_REFUSED = frozenset({530, 534, 535, 538})
_ADDRESS = re.compile(r"[^\s<>:,;]+@[^\s<>:,;]+")
_MAX_SAID_CHARS = 160


@dataclass(frozen=True)
class Reply:
    """text: one line, without addresses and secrets."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()

    @property
    def reason(self) -> Reason:
        """Of a reply that is not the one hoped for."""
        if self.code in _LOGIN_REFUSED:
            return Reason.UNAUTHORIZED
        return Reason.REJECTED if 500 <= self.code < 600 else Reason.UNAVAILABLE

    def error(self, at: str, *, reason: Reason | None = None) -> DeliveryError:
        """at: what we had said."""
        return DeliveryError(reason or self.reason, f"{at}: the server said {self}")


def reply(code: int, said: bytes, redact: Redactor) -> Reply:
    """What smtplib gives, fit to be shown."""
    text = redact.text(_ADDRESS.sub("[address]", said.decode("utf-8", "replace")))
    return Reply(code, one_line(text, _MAX_SAID_CHARS))


def refused_for_good(answer: Reply) -> bool:
    """Of one recipient: no later attempt can succeed."""
    return answer.reason is Reason.REJECTED and answer.code != TOO_MANY_OR_FULL
