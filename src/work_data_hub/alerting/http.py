"""One HTTP exchange with a deadline for all of it: name, connection, handshake, every byte.

requests' timeout is for one read: a server that drips a byte every half second holds it for ever.
Here each wait is given only what is left of the deadline. No redirects, no proxies or netrc from
the environment, no retries: one attempt, and a failure says whether it may have been taken.
"""

from __future__ import annotations

import io
import math
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError

from .errors import DeliveryError, Reason
from .sink import Deadline

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


class _Exchange(threading.local):
    """The exchange under way in this thread: when it must end, and whether bytes have left."""

    deadline: Deadline | None = None
    sent = False

    def left_s(self) -> float:
        """What is left for the next wait. Raises TimeoutError when nothing is."""
        left = self.deadline.remaining_s if self.deadline is not None else 0.0
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


_exchange = _Exchange()


class _Reader(io.RawIOBase):
    """A socket's bytes, each read waiting no longer than the exchange may still last."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_exchange.left_s())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        addresses = _addresses(self, self._dns_host, self.port or self.default_port)
        last: OSError = OSError("no address")
        for place, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # A dead address leaves time for the next one.
                sock.settimeout(_exchange.left_s() / (len(addresses) - place))
                sock.connect(address)
                sock.settimeout(_exchange.left_s())
                return sock
            except OSError as err:
                sock.close()
                last = err
        raise NewConnectionError(self, type(last).__name__) from None

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(_exchange.left_s())
            _exchange.sent = True
        super().send(data)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _addresses(connection: HTTPConnection, host: str, port: int) -> list[Any]:
    """getaddrinfo within the deadline. The system's resolver has none: it gets a thread, which
    ends by itself when the resolver gives up.
    """
    try:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    found: list[Any] = []
    failed: list[socket.gaierror] = []

    def resolve() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except socket.gaierror as err:
            failed.append(err)
        except (OSError, UnicodeError):
            failed.append(socket.gaierror("not a host name"))

    thread = threading.Thread(target=resolve, name="resolve", daemon=True)
    thread.start()
    thread.join(_exchange.left_s())
    if failed or not found:
        reason = failed[0] if failed else socket.gaierror("no answer in time")
        raise NameResolutionError(host, connection, reason) from None
    return found


class HttpSession:
    """Keeps connections open between exchanges; one attempt each. Used by any thread."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter(pool_maxsize=8))

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], deadline: Deadline
    ) -> Answer:
        """Send `body`, give the answer whatever its status, but for a redirect.

        Raises DeliveryError: UNAVAILABLE when nothing was sent, TIMEOUT or DROPPED when it may
        have been taken, MISCONFIGURED for a redirect or an address that is none. The error names
        neither the address nor a header.
        """
        _exchange.deadline = deadline
        _exchange.sent = False
        try:
            answer = self._exchange(url, body, headers)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as err:
            failure = _failure(err, sent=_exchange.sent, late=deadline.remaining_s <= 0)
        except ValueError:  # a header or an address that cannot be written
            failure = DeliveryError(Reason.MISCONFIGURED, "the address or a header is not valid")
        else:
            if not 300 <= answer.status < 400:
                return answer
            failure = DeliveryError(
                Reason.MISCONFIGURED, f"HTTP {answer.status}: redirected, which is not followed"
            )
        finally:
            _exchange.deadline = None
        raise failure  # outside the except clause: its context would hold the address

    def _exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        with self._session.post(
            url,
            data=body,
            headers=dict(headers),
            allow_redirects=False,
            stream=True,
            timeout=_exchange.left_s(),
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
