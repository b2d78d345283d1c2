"""Connections that never wait longer than what is left of their exchange's deadline.

Beneath requests: name, connect, handshake, and every single read and write.
"""

from __future__ import annotations

import io
import socket
import threading
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError

from .dialing import dial
from .sink import Deadline


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


exchange = _Exchange()


class _Reader(io.RawIOBase):
    """A socket's bytes, each read waiting no longer than the exchange may still last."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(exchange.left_s())
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
        deadline = exchange.deadline or Deadline(0)
        try:
            return dial(self._dns_host, self.port or self.default_port, deadline=deadline)
        except socket.gaierror as err:
            raise NameResolutionError(self._dns_host, self, err) from None
        except OSError as err:
            raise NewConnectionError(self, type(err).__name__) from None

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.sock.settimeout(exchange.left_s())
        exchange.sent = True
        super().send(data)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class DeadlineAdapter(HTTPAdapter):
    """requests' adapter over such connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
