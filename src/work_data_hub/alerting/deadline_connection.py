"""A connection that never waits longer than what is left of the exchange under way on it.

Beneath http.client: name, connect, handshake, and every single read and write. requests and
urllib3 cost five and two times as much an exchange, for what is not used here: redirects, proxies,
retries, cookies.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from typing import Any

from .dialing import dial, left_s
from .sink import Deadline

# Encrypted, each piece waits by itself for the other side to read.
_PIECE_BYTES = 65_536


class DeadlineConnection(http.client.HTTPConnection):
    """One at a time uses it. deadline: of the exchange under way. sent: some of it has left.

    tls: verifies the other side; None for a connection in plain text.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        # Left out of the Host header where it is the scheme's own.
        self.default_port = http.client.HTTP_PORT if tls is None else http.client.HTTPS_PORT
        self.deadline = Deadline(0)
        self.sent = False
        self._tls = tls

    def connect(self) -> None:
        self.sock: Any = None
        sock = dial(self.host, self.port, deadline=self.deadline)
        if self._tls is not None:
            try:
                sock = self._tls.wrap_socket(sock, server_hostname=self.host)
            except BaseException:
                sock.close()
                raise
        self.sock = _TimedSocket(sock, self)

    def is_stale(self) -> bool:
        """Idle, it has something to say: that the other side has closed it, as a rule."""
        return self.sock is None or self.sock.is_readable()


class _TimedSocket:
    """As much of a socket as http.client uses."""

    def __init__(self, sock: socket.socket, connection: DeadlineConnection) -> None:
        self._sock = sock
        self._connection = connection

    def sendall(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            self._sock.settimeout(left_s(self._connection.deadline))
            self._connection.sent = True
            self._sock.sendall(data[start : start + _PIECE_BYTES])

    def makefile(self, _mode: str) -> io.BufferedReader:
        raw = self._sock.makefile("rb", buffering=0)
        return io.BufferedReader(_Reader(raw, self._sock, self._connection))

    def is_readable(self) -> bool:
        if not hasattr(select, "poll"):  # Windows, where any socket can be selected
            return bool(select.select([self._sock], [], [], 0)[0])
        waiting = select.poll()
        waiting.register(self._sock, select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        self._sock.close()


class _Reader(io.RawIOBase):
    """A socket's bytes, each read waiting no longer than the exchange may still last."""

    def __init__(
        self, raw: io.RawIOBase, sock: socket.socket, connection: DeadlineConnection
    ) -> None:
        self._raw = raw
        self._sock = sock
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(left_s(self._connection.deadline))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
