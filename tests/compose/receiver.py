"""A webhook receiver in a container: keeps what is posted, and gives it back as a JSON list."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8080
taken: list[object] = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(json.dumps(taken).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Receiver).serve_forever()
