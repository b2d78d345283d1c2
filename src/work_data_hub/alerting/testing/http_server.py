"""A web server on loopback that takes what is posted, and fails in the ways that servers do."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Fault(StrEnum):
    """Ways of a server to misbehave that are no status and no error code."""

    HANG = "hang"  # takes the request, never answers
    DRIP = "drip"  # answers one byte every half second
    DROP = "drop"  # closes the connection, nothing taken
    DROP_TAKEN = "drop_taken"  # takes the message, closes without a word
    HTML = "html"  # a web page with status 200
    REDIRECT = "redirect"


@dataclass(frozen=True)
class Request:
    """A POST as it came. headers: by lower-case name."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Mapping[str, Any]:
        """The body's object; empty where it is none."""
        try:
            said = json.loads(self.body)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else None


@dataclass(frozen=True)
class Reply:
    """An answer, or a way of not giving one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None


class HttpServer:
    """Answers each POST with what `handle` makes of it. A context manager."""

    def __init__(self, handle: Callable[[Request], Reply]) -> None:
        self._closing = threading.Event()
        self._connections: set[socket.socket] = set()
        wire = _handler(handle, self._connections, self._closing)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), wire)
        self._http.daemon_threads = False  # so that closing waits for them
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"


class Receiver(HttpServer):
    """Keeps what it takes; answers 200, or what it was told to.

    requests: all that came, in order. taken: those that were not refused.
    """

    def __init__(self) -> None:
        super().__init__(self._handle)
        self.requests: list[Request] = []
        self.taken: list[Request] = []
        self._script: deque[int | Reply | Fault] = deque()
        self._lock = threading.Lock()

    def answer(self, *script: int | Reply | Fault) -> None:
        """What the next requests get, in order; after that it behaves."""
        with self._lock:
            self._script.extend(script)

    def behave(self, request: Request) -> Reply:
        """Its answer when nothing else was asked of it; a service of its own overrides this."""
        self.taken.append(request)
        return Reply()

    def _handle(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            scripted = self._script.popleft() if self._script else None
            if scripted is None:
                return self.behave(request)
            if scripted is Fault.DROP_TAKEN:
                self.behave(request)
                return Reply(fault=Fault.DROP)
            if isinstance(scripted, Fault):
                return misbehaviour(scripted, self.address)
            return scripted if isinstance(scripted, Reply) else Reply(scripted)


def misbehaviour(fault: Fault, address: str) -> Reply:
    """The reply that comes closest to it."""
    if fault is Fault.HTML:
        return Reply(200, b"<!DOCTYPE html><html><body>Sign in</body></html>")
    if fault is Fault.REDIRECT:
        return Reply(302, b"", {"Location": f"{address}/elsewhere"})
    return Reply(fault=fault)


def _handler(
    handle: Callable[[Request], Reply], connections: set[socket.socket], closing: threading.Event
) -> type[BaseHTTPRequestHandler]:
    """Reads requests, sends replies.

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
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(handle(Request(self.path, headers, body)))

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
