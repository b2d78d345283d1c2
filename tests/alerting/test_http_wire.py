"""A POST as it goes over the wire, and every form that its answer can take."""

from __future__ import annotations

import io

import pytest

from work_data_hub.alerting.http_wire import NotHttp, Reply, post, read_reply
from work_data_hub.alerting.web_address import web_address


def read(text: bytes, max_bytes: int = 100) -> Reply:
    return read_reply(io.BufferedReader(io.BytesIO(text)), max_bytes=max_bytes)


def test_a_post_has_its_length_its_host_and_its_headers() -> None:
    request = post(web_address("http://[::1]:8080/a?b=c"), b"{}", {"X-Team": "data"})
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a?b=c HTTP/1.1"
    assert {"Host: [::1]:8080", "Content-Length: 2", "X-Team: data"} <= set(lines)
    assert body == b"{}"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://x.example/", "x.example"),
        ("https://x.example/", "x.example"),
        ("https://x.example:80/", "x.example:80"),
    ],
)
def test_the_port_of_a_scheme_is_not_said(url: str, host: str) -> None:
    assert f"\r\nHost: {host}\r\n".encode() in post(web_address(url), b"", {})


@pytest.mark.parametrize("value", ["a\r\nX-Evil: b", "a\nb", "a\0b", "告警"])
def test_a_header_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"line break|latin-1"):
        post(web_address("http://x.example/"), b"", {"X-Team": value})


@pytest.mark.parametrize(
    ("text", "status", "body", "is_whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, b"ok", True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 204 None\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", 200, b"to the end", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (
            b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok",
            200,
            b"ok",
            False,
        ),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nContent-Length: 1\r\n\r\nx",
            429,
            b"x",
            True,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\nA\r\n0123456789"
            b"\r\n0\r\nTrailer: x\r\n\r\n",
            200,
            b"ok0123456789",
            True,
        ),
    ],
)
def test_an_answer_is_read(text: bytes, status: int, body: bytes, is_whole: bool) -> None:
    reply = read(text)
    assert (reply.status, reply.body, reply.is_whole) == (status, body, is_whole)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n5\r\n45678\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n12345678",
    ],
)
def test_of_a_long_body_the_beginning_is_read_and_the_connection_let_go(text: bytes) -> None:
    reply = read(text, max_bytes=5)
    assert (reply.body, reply.is_whole) == (b"12345", False)


def test_headers_are_found_by_lower_case_names_and_joined_where_they_come_twice() -> None:
    reply = read(b"HTTP/1.1 503 Busy\r\nRetry-After:  7 \r\nVia: a\r\nVIA: b\r\n\r\n")
    assert reply.headers == {"retry-after": "7", "via": "a, b"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_answer_or_half_of_one_is_said(text: bytes) -> None:
    with pytest.raises(NotHttp):
        read(text)
