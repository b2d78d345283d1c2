"""HTTP/1.1 as it goes over the wire, as much of it as a POST and its answer need.

http.client costs three times as much an exchange, urllib3 five times, requests ten times, for what
is not used here. https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from .web_address import WebAddress

_MAX_LINE_BYTES = 65_536
_MAX_HEADERS = 200
_WITHOUT_BODY = frozenset({204, 304})


class NotHttp(ConnectionError):
    """What came is no answer, or not all of one."""


@dataclass(frozen=True)
class Reply:
    """headers: by lower-case name. is_whole: the connection can be used again."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool


def post(address: WebAddress, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Raises ValueError for a header that cannot be written."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    said = {
        "Host": host if address.has_default_port else f"{host}:{address.port}",
        "Accept-Encoding": "identity",
        "Content-Length": str(len(body)),
        **headers,
    }
    if any("\n" in text or "\r" in text or "\0" in text for text in (*said, *said.values())):
        raise ValueError("a header holds a line break")
    lines = [f"POST {address.target} HTTP/1.1", *(f"{n}: {v}" for n, v in said.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def read_reply(stream: io.BufferedReader, *, max_bytes: int) -> Reply:
    """So much of the body at most. Raises NotHttp, and what reading raises."""
    status = 100
    while 100 <= status < 200:  # an interim answer, before the one that counts
        version, status = _status(_line(stream))
        headers = _headers(stream)
    body, is_whole = _body(stream, status, headers, max_bytes)
    stays = version == b"HTTP/1.1" and "close" not in headers.get("connection", "").lower()
    return Reply(status, headers, body, is_whole and stays)


def _line(stream: io.BufferedReader) -> bytes:
    line = stream.readline(_MAX_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise NotHttp("the answer ends, or a line does not")
    return line.rstrip(b"\r\n")


def _status(line: bytes) -> tuple[bytes, int]:
    version, _, rest = line.partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or len(code) != 3 or not code.isdigit():
        raise NotHttp("no status")
    return version, int(code)


def _headers(stream: io.BufferedReader) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_MAX_HEADERS):
        line = _line(stream)
        if not line:
            return found
        name, _, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    raise NotHttp("too many headers")


def _body(
    stream: io.BufferedReader, status: int, headers: Mapping[str, str], max_bytes: int
) -> tuple[bytes, bool]:
    """With it, whether that was all and something may follow."""
    if status in _WITHOUT_BODY:
        return b"", True
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _chunks(stream, max_bytes)
    if "content-length" not in headers:
        return stream.read(max_bytes), False
    length = _number(headers["content-length"], 10)
    return _exactly(stream, min(length, max_bytes)), length <= max_bytes


def _chunks(stream: io.BufferedReader, max_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    while size := _number(_line(stream).split(b";")[0].decode("latin-1"), 16):
        left = max_bytes - len(body)
        body += _exactly(stream, min(size, left))
        if size >= left:
            return bytes(body), False
        _line(stream)
    _headers(stream)  # trailers, as a rule none
    return bytes(body), True


def _exactly(stream: io.BufferedReader, size: int) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise NotHttp("the body ends too soon")
    return found


def _number(text: str, radix: int) -> int:
    try:
        number = int(text, radix)
    except ValueError:
        number = -1
    if number < 0:
        raise NotHttp("no length")
    return number
