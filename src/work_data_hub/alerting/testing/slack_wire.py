"""How the Slack of our tests talks HTTP, and how it fails to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler
from typing import Any


class Fault(StrEnum):
    """Ways of a server to misbehave that are no status and no error code."""

    HANG = "hang"  # takes the request, never answers
    DRIP = "drip"  # answers one byte every half second
    DROP = "drop"  # closes the connection, nothing taken
    DROP_TAKEN = "drop_taken"  # takes the message, closes without a word
    HTML = "html"  # a web page with status 200
    REDIRECT = "redirect"


@dataclass(frozen=True)
class Reply:
    """An answer, or a way of not giving one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None


def handler(
    handle: Callable[[str, str | None, Mapping[str, Any]], Reply],
    connections: set[socket.socket],
    closing: threading.Event,
) -> type[BaseHTTPRequestHandler]:
    """Reads requests, sends replies. handle: path, bearer token and JSON body -> reply.

    connections: those that are open now. closing: set when the server goes.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            with suppress(OSError):
                super().finish()

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            try:
                payload = json.loads(body)
            except ValueError:
                payload = {}
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            self._send(handle(self.path, token if scheme == "Bearer" else None, payload))

        def _send(self, reply: Reply) -> None:
            if reply.fault is not None:
                self.close_connection = True
                self._misbehave(reply.fault)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def _misbehave(self, fault: Fault) -> None:
            if fault is Fault.HANG:
                closing.wait(60)
            elif fault is Fault.DRIP:
                for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1_000:
                    try:
                        self.wfile.write(bytes([byte]))
                    except OSError:  # cut off at last
                        return
                    if closing.wait(0.5):
                        return

        def log_message(self, *args: object) -> None:
            """Silent: test output is for tests."""

    return Handler
