"""One exchange, one deadline; what a failure says, and what it does not say."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.http import MAX_ANSWER_BYTES, Answer, HttpSession, retry_after_s
from work_data_hub.alerting.sink import Deadline
from work_data_hub.alerting.web_address import web_address

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECRET_PATH = "/services/very-secret-path"


Reply = Callable[[socket.socket, threading.Event], object]


@contextmanager
def raw_server(*replies: Reply, encrypted: bool = False) -> Iterator[str]:
    """Requests are answered by these, in order. Each gets the connection, and what is set when
    the test is over. encrypted: the reply reads the request itself.
    """
    has_come = begins if encrypted else took_request
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    left = list(replies)

    def serve() -> None:
        while left:
            try:
                connection, _ = listener.accept()
                with connection:
                    while left and has_come(connection):
                        left.pop(0)(connection, over)
            except OSError:  # cut off, or over
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{SECRET_PATH}"
    finally:
        left.clear()
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def took_request(connection: socket.socket) -> bool:
    """Reads a request to its end, which is `{}` here; or the first of a body of many `x`."""
    read = b""
    while not read.endswith((b"{}", b"x")):
        more = connection.recv(65_536)
        if not more:
            return False
        read += more
    return True


def begins(connection: socket.socket) -> bool:
    return bool(connection.recv(1, socket.MSG_PEEK))


def says(reply: bytes) -> Reply:
    return lambda connection, _: connection.sendall(reply)


def drips(head: bytes) -> Reply:
    """The head at once, then a byte at a time for far longer than any deadline here."""

    def reply(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head)
        for _ in range(100):
            if over.wait(0.05):
                return
            connection.sendall(b"a")

    return reply


def says_nothing(_: socket.socket, over: threading.Event) -> None:
    over.wait(10)


def hangs_up(connection: socket.socket, _: threading.Event) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def says_half_and_hangs_up(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok")
    hangs_up(connection, over)


def post(url: str, deadline_s: float = 5.0, http: HttpSession | None = None) -> Answer:
    session = http or HttpSession()
    return session.post(
        url, b"{}", headers={"Authorization": "Bearer secret-token"}, deadline=Deadline(deadline_s)
    )


def failure(url: str, deadline_s: float = 5.0) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        post(url, deadline_s)
    return caught.value


def test_an_answer_is_given_with_its_status_headers_and_body() -> None:
    reply = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nwait"
    with raw_server(says(reply)) as url:
        answer = post(url)
    assert (answer.status, answer.body, answer.retry_after_s) == (429, b"wait", 7.0)


@pytest.mark.parametrize(
    "reply",
    [
        drips(b""),
        drips(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"),
        drips(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["status", "header", "body", "chunk", "endless"],
)
def test_a_server_that_drips_is_cut_at_the_deadline(reply: Reply) -> None:
    with raw_server(reply) as url:
        began = time.monotonic()
        error = failure(url, 0.3)
        assert time.monotonic() - began < 0.6
    assert error.reason is Reason.TIMEOUT


def test_a_server_that_says_nothing_is_cut_at_the_deadline() -> None:
    with raw_server(says_nothing) as url:
        began = time.monotonic()
        assert failure(url, 0.2).reason is Reason.TIMEOUT
        assert time.monotonic() - began < 0.5


def test_a_deadline_that_has_passed_sends_nothing() -> None:
    with raw_server(says(OK)) as url:
        assert failure(url, 0.0).reason is Reason.UNAVAILABLE


def test_a_name_that_does_not_resolve_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    real = socket.getaddrinfo

    def slow(host: str, port: int, family: int = 0, *rest: int) -> list[object]:
        if len(rest) == 3:  # only numbers wanted
            return list(real(host, port, family, *rest))
        release.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    began = time.monotonic()
    error = failure("http://slow.example.invalid/hook", 0.2)
    release.set()
    assert time.monotonic() - began < 0.5
    assert error.reason is Reason.UNAVAILABLE


def test_a_name_that_does_not_exist_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> list[object]:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure("https://secret-host.example.invalid/hook")
    assert error.detail == "the host name cannot be resolved"


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Any name has these addresses, and none is a number."""

    def found(host: str, port: int, *rest: int) -> list[object]:
        if len(rest) == 4:
            raise socket.gaierror("not a number")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_a_dead_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as opened, raw_server(says(OK)) as url:
        dead = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # a full queue: the next one waits for ever
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(dead.getsockname())
        alive = ("127.0.0.1", urlsplit(url).port or 0)
        resolve_to(monkeypatch, dead.getsockname(), alive)
        assert post("http://two-addresses.invalid/hook", 1.0).body == b"ok"


def test_a_handshake_has_all_the_time_that_is_left(
    ca: trustme.CA, trusting: HttpSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(ca, says(OK), shakes_hands_after_s=0.8) as url:
        alive = ("127.0.0.1", urlsplit(url).port or 0)
        resolve_to(monkeypatch, alive, alive)
        named = url.replace("127.0.0.1", "two-addresses.invalid")
        assert post(named, 1.5, trusting).body == b"ok"


def reads_slowly(connection: socket.socket, over: threading.Event) -> None:
    for _ in range(100):
        if over.wait(0.05) or not connection.recv(65_536):
            return


def test_a_server_that_reads_slowly_is_cut_at_the_deadline(
    ca: trustme.CA, trusting: HttpSession
) -> None:
    with tls_server(ca, reads_slowly) as url:
        began = time.monotonic()
        with pytest.raises(DeliveryError) as caught:
            trusting.post(url, b"x" * 30_000_000, headers={}, deadline=Deadline(0.5))
        assert time.monotonic() - began < 1.5
    assert caught.value.reason is Reason.TIMEOUT


def test_a_refused_connection_was_surely_not_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}/hook")
    assert (error.reason, error.reason.ambiguous) == (Reason.UNAVAILABLE, False)


@pytest.mark.parametrize(
    "reply", [hangs_up, says_half_and_hangs_up], ids=["no answer", "half an answer"]
)
def test_a_connection_lost_after_sending_is_ambiguous(reply: Reply) -> None:
    with raw_server(reply) as url:
        error = failure(url)
    assert (error.reason, error.reason.ambiguous) == (Reason.DROPPED, True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with raw_server(says(OK)) as elsewhere:
        reply = f"HTTP/1.1 {status} Go\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
        with raw_server(says(reply.encode())) as url:
            assert failure(url).reason is Reason.MISCONFIGURED


@contextmanager
def tls_server(ca: trustme.CA, *replies: Reply, shakes_hands_after_s: float = 0.0) -> Iterator[str]:
    """As raw_server, with a certificate of `ca`, but not for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "two-addresses.invalid").configure_cert(context)

    def encrypted(reply: Reply) -> Reply:
        def shake_hands_and_reply(connection: socket.socket, over: threading.Event) -> None:
            over.wait(shakes_hands_after_s)
            with context.wrap_socket(connection, server_side=True) as secure:
                took_request(secure)
                reply(secure, over)

        return shake_hands_and_reply

    with raw_server(*map(encrypted, replies), encrypted=True) as url:
        yield url.replace("http://", "https://")


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(ca: trustme.CA, tmp_path: Path) -> HttpSession:
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return HttpSession(ca_file=tmp_path / "ca.pem")


def test_a_certificate_of_a_trusted_authority_is_taken(
    ca: trustme.CA, trusting: HttpSession
) -> None:
    with tls_server(ca, says(OK)) as url:
        assert post(url, http=trusting).body == b"ok"


def test_a_certificate_of_nobody_we_know_is_refused_before_anything_is_sent(
    ca: trustme.CA,
) -> None:
    with tls_server(ca, says(OK)) as url:
        error = failure(url)
    assert (error.reason, error.detail[:4]) == (Reason.UNAVAILABLE, "TLS:")


def test_a_certificate_for_another_name_is_refused(ca: trustme.CA, trusting: HttpSession) -> None:
    with tls_server(ca, says(OK)) as url, pytest.raises(DeliveryError) as caught:
        post(url.replace("127.0.0.1", "localhost"), http=trusting)
    assert caught.value.detail.startswith("TLS")


def test_a_drip_under_tls_is_cut_at_the_deadline(ca: trustme.CA, trusting: HttpSession) -> None:
    with tls_server(ca, drips(b"HTTP/1.1 200 OK\r\nX-Slow: ")) as url:
        began = time.monotonic()
        with pytest.raises(DeliveryError) as caught:
            post(url, 0.4, trusting)
        assert time.monotonic() - began < 0.7
    assert caught.value.reason is Reason.TIMEOUT


def test_a_handshake_that_drips_is_cut_at_the_deadline() -> None:
    with raw_server(drips(b"\x16\x03\x03\x0f\xff"), encrypted=True) as url:
        began = time.monotonic()
        error = failure(url.replace("http://", "https://"), 0.3)
        assert time.monotonic() - began < 0.6
    assert error.reason is Reason.UNAVAILABLE


def test_tls_to_a_server_without_it_is_refused_before_anything_is_sent() -> None:
    with raw_server(says(OK), encrypted=True) as url:
        error = failure(url.replace("http://", "https://"))
    assert error.reason is Reason.UNAVAILABLE
    assert error.detail.startswith("TLS")


@pytest.mark.parametrize("url", ["ftp://example.com/x", "not an address", "http://", "http://[::x"])
def test_what_is_no_web_address_is_misconfigured(url: str) -> None:
    assert failure(url).reason is Reason.MISCONFIGURED


def test_proxies_and_netrc_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with raw_server(says(OK)) as url:
        assert post(url).body == b"ok"


def test_an_endless_body_is_read_to_its_limit_only() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    with raw_server(says(head + b"x" * (MAX_ANSWER_BYTES + 100_000))) as url:
        assert len(post(url).body) == MAX_ANSWER_BYTES


def test_a_connection_is_used_again_and_each_exchange_has_its_own_deadline() -> None:
    connections = []

    def remember(connection: socket.socket, _: threading.Event) -> None:
        connections.append(connection)
        connection.sendall(OK)

    def late(connection: socket.socket, over: threading.Event) -> None:
        over.wait(0.3)
        remember(connection, over)

    http = HttpSession()
    with raw_server(remember, late) as url:
        post(url, 0.2, http)
        post(url, 5.0, http)
    assert connections[0] is connections[1]


def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    def answers_and_hangs_up(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(OK)
        hangs_up(connection, over)

    http = HttpSession()
    with raw_server(answers_and_hangs_up, says(OK)) as url:
        post(url, http=http)
        for (connection,) in http._idle.values():
            while not connection.is_stale:  # its end is on the way
                pass
        assert post(url, http=http).body == b"ok"


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authorization"),
    [
        ("https://example.com", "example.com", 443, "/", None),
        ("http://Example.com:8080/a%20b?c=d e#f", "example.com", 8080, "/a%20b?c=d%20e", None),
        ("https://example.com/告警", "example.com", 443, "/%E5%91%8A%E8%AD%A6", None),
        ("https://公司.example/x", "xn--55qx5d.example", 443, "/x", None),
        ("http://[::1]:9/x", "::1", 9, "/x", None),
        ("http://anna:p%40ss@example.com/", "example.com", 80, "/", "Basic YW5uYTpwQHNz"),
    ],
)
def test_an_address_is_written_as_a_request_needs_it(
    url: str, host: str, port: int, target: str, authorization: str | None
) -> None:
    address = web_address(url)
    assert (address.host, address.port, address.target) == (host, port, target)
    assert address.authorization == authorization
    assert address.encrypted is url.startswith("https")


def test_no_error_holds_the_address_or_the_token() -> None:
    with raw_server(hangs_up) as url:
        error = failure(url)
    told = f"{error!r} {error.detail} {error.__cause__!r} {error.__context__!r}"
    assert "very-secret-path" not in told
    assert "secret-token" not in told


NOW = datetime(2024, 11, 5, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("30", 30.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1.5", 1.5),
        ("nan", None),
        ("soon", None),
        ("inf", 86_400.0),
        ("99999999", 86_400.0),
        ("Tue, 05 Nov 2024 02:11:00 GMT", 60.0),
        ("Tue, 05 Nov 2024 02:09:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after_s(header, now=NOW) == seconds
