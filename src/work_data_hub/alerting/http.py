"""One HTTP exchange with a deadline for all of it: name, connection, handshake, every byte.

requests' timeout is for one read: a server that drips a byte every half second holds it for ever.
Its connections are given only what is left of the deadline here. No redirects, no proxies or netrc
from the environment, no retries: one attempt, and a failure says whether it may have been taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
import urllib3
from urllib3.exceptions import NameResolutionError

from .deadline_connection import DeadlineAdapter, exchange
from .errors import DeliveryError, Reason
from .sink import Deadline

USER_AGENT = "work-data-hub"
MAX_ANSWER_BYTES = 65_536
# Beyond this a server's wish is no pacing but a mistake.
MAX_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True)
class Answer:
    """What the other side said: status, headers by lower-case name, the body's first 64 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """Retry-After in seconds, from a number or a date; None when absent or unreadable."""
        return retry_after_s(self.headers.get("retry-after"))


def retry_after_s(header: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds to wait, 0 to a day. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return None if math.isnan(seconds) else min(max(0.0, seconds), MAX_RETRY_AFTER_S)


class HttpSession:
    """Keeps connections open between exchanges; one attempt each. Used by any thread.

    ca_file: certificate authorities in place of the public ones. TLS is always verified.
    """

    def __init__(self, *, ca_file: Path | None = None) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = True if ca_file is None else str(ca_file)
        self._session.headers["User-Agent"] = USER_AGENT
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, DeadlineAdapter(pool_maxsize=8))

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], deadline: Deadline
    ) -> Answer:
        """Send `body`, give the answer whatever its status, but for a redirect.

        Raises DeliveryError: UNAVAILABLE when nothing was sent, TIMEOUT or DROPPED when it may
        have been taken, MISCONFIGURED for a redirect or an address that is none. The error names
        neither the address nor a header.
        """
        exchange.deadline = deadline
        exchange.sent = False
        try:
            answer = self._exchange(url, body, headers)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as err:
            failure = _failure(err, sent=exchange.sent, late=deadline.remaining_s <= 0)
        except ValueError:  # a header or an address that cannot be written
            failure = DeliveryError(Reason.MISCONFIGURED, "the address or a header is not valid")
        else:
            if not 300 <= answer.status < 400:
                return answer
            failure = DeliveryError(
                Reason.MISCONFIGURED, f"HTTP {answer.status}: redirected, which is not followed"
            )
        finally:
            exchange.deadline = None
        raise failure  # outside the except clause: its context would hold the address

    def _exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        with self._session.post(
            url,
            data=body,
            headers=dict(headers),
            allow_redirects=False,
            stream=True,
            timeout=exchange.left_s(),
        ) as response:
            content = bytearray()
            for chunk in response.iter_content(8_192):
                content += chunk
                if len(content) >= MAX_ANSWER_BYTES:
                    break
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, names, bytes(content[:MAX_ANSWER_BYTES]))


def _failure(err: Exception, *, sent: bool, late: bool) -> DeliveryError:
    """What went wrong, in words that hold no address."""
    late = late or isinstance(err, requests.Timeout | TimeoutError)
    if isinstance(err, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL):
        return DeliveryError(Reason.MISCONFIGURED, "the address is not a web address")
    if sent and late:
        return DeliveryError(Reason.TIMEOUT, "sent, but not answered within the deadline")
    if sent:
        return DeliveryError(Reason.DROPPED, "the connection was lost before the answer came")
    if late:
        detail = "not connected within the deadline"
    elif isinstance(err, requests.exceptions.SSLError):
        detail = "TLS: the certificate or the handshake is not valid"
    elif isinstance(_root(err), NameResolutionError):
        detail = "the host name cannot be resolved"
    else:
        detail = "the connection was refused"
    return DeliveryError(Reason.UNAVAILABLE, detail)


def _root(err: Exception) -> object:
    """What requests wrapped: ConnectionError(MaxRetryError(reason=...))."""
    return getattr(err.args[0], "reason", None) if err.args else None
