"""smtplib's protocol, each wait given only what is left of the deadline."""

from __future__ import annotations

import io
import smtplib
import ssl
from typing import Any

from ...dialing import DeadlineReader, dial, left_s
from ...sink import Deadline

_SENT_AT_ONCE = 65_536
# Of all replies to one mail; a real server says a few lines.
_MAX_SAID_BYTES = 1_048_576


class Connection(smtplib.SMTP):
    """One connection, from its greeting to its end.

    content_sent: the server may have the mail, whatever it says or does not say from here on.
    """

    def __init__(self, deadline: Deadline) -> None:
        super().__init__(local_hostname="localhost")  # else it asks DNS for our own name
        self._deadline = deadline
        self.content_sent = False

    @property
    def is_encrypted(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket)

    def begin(self, host: str, port: int, context: ssl.SSLContext | None) -> tuple[int, bytes]:
        """Connect, with TLS from the first byte where there is a context; gives the greeting."""
        self.sock = dial(host, port, deadline=self._deadline)
        if context is not None:
            self.encrypt(host, context)
        return self.getreply()

    def encrypt(self, host: str, context: ssl.SSLContext) -> None:
        """Wrap the connection. What was said before it counts no more."""
        assert self.sock is not None
        self.sock.settimeout(left_s(self._deadline))
        self.sock = context.wrap_socket(self.sock, server_hostname=host)
        self.file = None
        self.esmtp_features = {}

    def send(self, s: Any) -> None:
        data = memoryview(s.encode("ascii") if isinstance(s, str) else bytes(s))
        for start in range(0, len(data), _SENT_AT_ONCE):
            if self.sock is not None:
                self.sock.settimeout(left_s(self._deadline))
            super().send(data[start : start + _SENT_AT_ONCE].tobytes())

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(
                DeadlineReader(self.sock, self._deadline, max_bytes=_MAX_SAID_BYTES)
            )
        return super().getreply()

    def content(self, mail: bytes) -> tuple[int, bytes]:
        """The mail and the dot that ends it; gives what the server says then."""
        lines = mail.replace(b"\r\n.", b"\r\n..")
        self.content_sent = True
        self.send(b"." + lines if lines.startswith(b".") else lines)
        self.send(b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n")
        return self.getreply()

    def part(self) -> None:
        """Say goodbye, and wait for no answer: the mail is taken, or refused, by now."""
        try:
            self.putcmd("QUIT")
        except OSError:
            self.close()
