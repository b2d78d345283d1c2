"""What the status of an HTTP answer means, where the service has no words of its own."""

from __future__ import annotations

from http import HTTPStatus

from .errors import DeliveryError, Reason
from .http import Answer
from .plain_text import one_line
from .redact import Redactor

_MAX_SAID_CHARS = 120

_REASONS = {
    HTTPStatus.UNAUTHORIZED: Reason.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: Reason.UNAUTHORIZED,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: Reason.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND: Reason.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: Reason.MISCONFIGURED,
    HTTPStatus.REQUEST_TIMEOUT: Reason.UNAVAILABLE,
    HTTPStatus.CONFLICT: Reason.UNAVAILABLE,
    HTTPStatus.GONE: Reason.GONE,
    HTTPStatus.TOO_EARLY: Reason.UNAVAILABLE,
    HTTPStatus.TOO_MANY_REQUESTS: Reason.RATE_LIMITED,
}


def check(answer: Answer, redact: Redactor) -> None:
    """Returns for a 2xx. Raises DeliveryError for every other answer, Retry-After with it."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    said = one_line(redact.text(answer.body[:1_000].decode("utf-8", "replace")), _MAX_SAID_CHARS)
    raise DeliveryError(
        reason(answer.status),
        f"HTTP {answer.status}: {said}" if said else f"HTTP {answer.status}",
        retry_after_s=answer.retry_after_s,
    )


def reason(status: int) -> Reason:
    """Of a status that is no success. 4xx is for good, but for those that say otherwise."""
    if status in _REASONS:
        return _REASONS[HTTPStatus(status)]
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Reason.REJECTED
    return Reason.UNAVAILABLE
