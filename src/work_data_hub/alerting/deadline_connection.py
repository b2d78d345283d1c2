"""A connection that never waits longer than what is left of the exchange under way on it: name,
connect, handshake, and every single read and write.
"""

from __future__ import annotations

import io
import select
import socket
import ssl

from .dialing import DeadlineReader, dial, left_s
from .sink import Deadline

# Encrypted, each piece waits by itself for the other side to read.
_PIECE_BYTES = 65_536


class DeadlineConnection:
    """One at a time uses it. sent: something has left since an exchange began.

    tls: verifies the other side; None for a connection in plain text.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.sent = False
        self._host = host
        self._port = port
        self._tls = tls
        self._sock: socket.socket | None = None

    def begin(self, request: bytes, *, deadline: Deadline) -> io.BufferedReader:
        """Sends a request, over a new connection where none is open; gives what comes back.

        Raises OSError, a TimeoutError where the deadline has passed; reading does too.
        """
        self.sent = False
        sock = self._sock = self._sock or self._open(deadline)
        for start in range(0, len(request), _PIECE_BYTES):
            sock.settimeout(left_s(deadline))
            self.sent = True
            sock.sendall(request[start : start + _PIECE_BYTES])
        return io.BufferedReader(DeadlineReader(sock, deadline))

    @property
    def is_stale(self) -> bool:
        """Idle, it has something to say: that the other side has closed it, as a rule."""
        if self._sock is None:
            return True
        if not hasattr(select, "poll"):  # Windows, where any socket can be selected
            return bool(select.select([self._sock], [], [], 0)[0])
        waiting = select.poll()
        waiting.register(self._sock, select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
        self._sock = None

    def _open(self, deadline: Deadline) -> socket.socket:
        sock = dial(self._host, self._port, deadline=deadline)
        if self._tls is None:
            return sock
        try:
            return self._tls.wrap_socket(sock, server_hostname=self._host)
        except BaseException:
            sock.close()
            raise
