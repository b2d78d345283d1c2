"""What `wdh serve` answers over HTTP: metrics for Prometheus, health for whoever restarts it, pages
for people.
"""

from __future__ import annotations

import gzip
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..alerting.logs import logger

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

# A client that sends nothing must not keep its thread.
_CLIENT_TIMEOUT_S = 10.0

log = logger(__name__)


@dataclass(frozen=True)
class Verdict:
    """Whether all is well, and what is not, a line each."""

    problems: tuple[str, ...] = ()

    @property
    def status(self) -> HTTPStatus:
        return HTTPStatus.SERVICE_UNAVAILABLE if self.problems else HTTPStatus.OK

    @property
    def text(self) -> str:
        return "\n".join(self.problems or ("ok",)) + "\n"


@contextmanager
def answering(
    host: str,
    port: int,
    *,
    registry: CollectorRegistry,
    checks: Mapping[str, Callable[[], Verdict]],
    pages: Mapping[str, Callable[[], str]] = MappingProxyType({}),
) -> Iterator[str]:
    """Answers in threads of its own while the block runs; gives its address.

    port: 0 takes a free one. checks, pages: by path; a page is HTML. Raises OSError when it cannot
    listen there.
    """
    answers = {"registry": registry, "checks": dict(checks), "pages": dict(pages)}
    handler = type("Handler", (_Handler,), answers)
    server = (_Server6 if ":" in host else _Server)((host, port), handler)
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    checks: Mapping[str, Callable[[], Verdict]]
    pages: Mapping[str, Callable[[], str]]
    timeout = _CLIENT_TIMEOUT_S
    server_version = "wdh"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._metrics()
        elif check := self.checks.get(path):
            verdict = check()
            self._answer(verdict.status, verdict.text.encode())
        elif page := self.pages.get(path):
            body = page().encode()
            self._answer(HTTPStatus.OK, body, content_type="text/html; charset=utf-8")
        else:
            lists = (path for path in self.pages if path.endswith("/"))
            known = "\n".join(("/metrics", *self.checks, *lists))
            self._answer(HTTPStatus.NOT_FOUND, f"There is:\n{known}\n".encode())

    do_HEAD = do_GET  # noqa: N815 - http.server looks it up by this name

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is nothing to write down."""

    def _metrics(self) -> None:
        from prometheus_client.exposition import choose_encoder, gzip_accepted

        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        body = encode(self.registry)
        headers = {}
        if gzip_accepted(self.headers.get("Accept-Encoding", "")):
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        self._answer(HTTPStatus.OK, body, content_type=content_type, headers=headers)

    def _answer(
        self,
        status: HTTPStatus,
        body: bytes,
        *,
        content_type: str = "text/plain; charset=utf-8",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that hung up is no news; anything else is ours to mend."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            log.error("http.failed", error=type(error).__name__)


class _Server6(_Server):
    address_family = socket.AF_INET6
