"""A connection within a deadline, whatever the name or the first address is worth."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from work_data_hub.alerting import dialing
from work_data_hub.alerting.dialing import dial
from work_data_hub.alerting.sink import Deadline

Address = tuple[str, int]


@pytest.fixture
def listening() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: Address) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(dialing.socket, "getaddrinfo", lambda *_: found)


def test_its_timeout_is_what_is_left(listening: Address) -> None:
    with dial(*listening, deadline=Deadline(3)) as sock:
        assert sock.getpeername() == listening
        timeout_s = sock.gettimeout()
    assert timeout_s is not None
    assert 0 < timeout_s <= 3


def test_the_next_address_is_tried_when_one_refuses(
    listening: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(monkeypatch, ("127.0.0.1", 1), listening)
    with dial("mail.example.org", 25, deadline=Deadline(3)) as sock:
        assert sock.getpeername() == listening


def test_the_last_refusal_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, ("127.0.0.1", 1), ("127.0.0.1", 2))
    with pytest.raises(ConnectionRefusedError):
        dial("mail.example.org", 25, deadline=Deadline(3))


def test_a_deadline_that_has_passed_connects_to_nobody(listening: Address) -> None:
    with pytest.raises(TimeoutError):
        dial(*listening, deadline=Deadline(0))


def test_a_name_that_is_none_is_no_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object) -> None:
        raise socket.gaierror("nobody")

    monkeypatch.setattr(dialing.socket, "getaddrinfo", nobody)
    with pytest.raises(socket.gaierror):
        dial("mail.invalid", 25, deadline=Deadline(3))


def test_a_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(_host: str, _port: int, *flags: int) -> None:
        if socket.AI_NUMERICHOST in flags:
            raise socket.gaierror("no number")
        over.wait(10)
        raise socket.gaierror("too late")

    monkeypatch.setattr(dialing.socket, "getaddrinfo", hang)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        dial("mail.example.org", 25, deadline=Deadline(0.3))
    assert time.monotonic() - began < 1
    over.set()
