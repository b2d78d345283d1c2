"""One HTTP exchange with a deadline for all of it: name, connection, handshake, every byte.

A timeout is for one read as a rule: a server that drips a byte every half second holds it for ever.
Connections are given only what is left of the deadline here. No redirects, no proxies or netrc
from the environment, no retries: one attempt, and a failure says whether it may have been taken.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import weakref
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import certifi

from .deadline_connection import DeadlineConnection
from .errors import DeliveryError, Reason
from .http_wire import post, read_reply
from .sink import Deadline
from .web_address import WebAddress, web_address

USER_AGENT = "work-data-hub"
MAX_ANSWER_BYTES = 65_536
# Kept open for one place: as many as there are threads that deliver to it.
MAX_IDLE = 16
# Beyond this a server's wish is no pacing but a mistake.
MAX_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True)
class Answer:
    """What the other side said: status, headers by lower-case name, the begin of the body."""

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


# By host, port, and whether it is encrypted; the one used last at the end.
_Idle = defaultdict[tuple[str, int, bool], deque[DeadlineConnection]]


class HttpSession:
    """Keeps connections open between exchanges; one attempt each. Used by any thread.

    ca_file: certificate authorities in place of the public ones. TLS is always verified.
    """

    def __init__(self, *, ca_file: Path | None = None) -> None:
        self._authorities = certifi.where() if ca_file is None else str(ca_file)
        self._tls: ssl.SSLContext | None = None
        self._opening = threading.Lock()
        self._idle: _Idle = defaultdict(deque)
        weakref.finalize(self, _close, self._idle)

    def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        deadline: Deadline,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Send `body`, give the answer whatever its status, but for a redirect.

        max_bytes: of the answer's body; what is beyond is not read.
        Raises DeliveryError: UNAVAILABLE when nothing was sent, TIMEOUT or DROPPED when it may
        have been taken, MISCONFIGURED for a redirect or an address that is none. The error names
        neither the address nor a header.
        """
        connection = None
        try:
            address = web_address(url)
            said = {"User-Agent": USER_AGENT, **headers}
            if address.authorization is not None:
                said.setdefault("Authorization", address.authorization)
            request = post(address, body, said)
            connection = self._connection(address)
            reply = read_reply(connection.begin(request, deadline=deadline), max_bytes=max_bytes)
        except OSError as err:
            sent = connection is not None and connection.sent
            failure = _failure(err, sent=sent, late=deadline.remaining_s <= 0)
        except ValueError:  # a header or an address that cannot be written
            failure = DeliveryError(Reason.MISCONFIGURED, "the address or a header is not valid")
        else:
            if reply.is_whole:
                self._keep(address, connection)
            else:
                connection.close()
            if not 300 <= reply.status < 400:
                return Answer(reply.status, reply.headers, reply.body)
            raise DeliveryError(
                Reason.MISCONFIGURED, f"HTTP {reply.status}: redirected, which is not followed"
            )
        if connection is not None:
            connection.close()
        raise failure  # outside the except clause: its context would hold the address

    def _connection(self, address: WebAddress) -> DeadlineConnection:
        """One that is open, the one used last; else a new one."""
        idle = self._idle[_place(address)]
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread was faster
                break
            if not connection.is_stale:
                return connection
            connection.close()
        return DeadlineConnection(
            address.host, address.port, self._context() if address.encrypted else None
        )

    def _keep(self, address: WebAddress, connection: DeadlineConnection) -> None:
        """For the next exchange."""
        idle = self._idle[_place(address)]
        if len(idle) < MAX_IDLE:
            idle.append(connection)
        else:
            connection.close()

    def _context(self) -> ssl.SSLContext:
        with self._opening:
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=self._authorities)
            return self._tls


def _place(address: WebAddress) -> tuple[str, int, bool]:
    return address.host, address.port, address.encrypted


def _close(idle: _Idle) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()


def _failure(err: Exception, *, sent: bool, late: bool) -> DeliveryError:
    """What went wrong, in words that hold no address."""
    late = late or isinstance(err, TimeoutError)
    if sent and late:
        return DeliveryError(Reason.TIMEOUT, "sent, but not answered within the deadline")
    if sent:
        return DeliveryError(Reason.DROPPED, "the connection was lost before the answer came")
    if late:
        detail = "not connected within the deadline"
    elif isinstance(err, ssl.SSLError):
        detail = "TLS: the certificate or the handshake is not valid"
    elif isinstance(err, socket.gaierror):
        detail = "the host name cannot be resolved"
    else:
        detail = "the connection was refused"
    return DeliveryError(Reason.UNAVAILABLE, detail)
