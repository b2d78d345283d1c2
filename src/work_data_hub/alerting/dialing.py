"""A TCP connection within a deadline: the name, one address after the other, what comes back."""

from __future__ import annotations

import io
import socket
import threading
from typing import Any

from .sink import Deadline


def dial(host: str, port: int, *, deadline: Deadline) -> socket.socket:
    """A connected socket, its timeout what is left of the deadline.

    Raises OSError: TimeoutError when the deadline passed, socket.gaierror when the name has no
    address, else what the last address said.
    """
    addresses = _addresses(host, port, deadline)
    last: OSError = OSError("no address")
    for place, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A dead address leaves time for the next one.
            sock.settimeout(left_s(deadline) / (len(addresses) - place))
            sock.connect(address)
            sock.settimeout(left_s(deadline))
            return sock
        except OSError as err:
            sock.close()
            last = err
    raise last


def left_s(deadline: Deadline) -> float:
    """What is left for the next wait. Raises TimeoutError when nothing is."""
    left = deadline.remaining_s
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


class DeadlineReader(io.RawIOBase):
    """A socket's bytes, each read waiting no longer than the deadline allows.

    max_bytes: of all that is read; more is an OSError. None for no bound.
    """

    def __init__(
        self, sock: socket.socket, deadline: Deadline, *, max_bytes: int | None = None
    ) -> None:
        self._sock = sock
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(left_s(self._deadline))
        count = self._sock.recv_into(buffer)
        self._read_bytes += count
        if self._max_bytes is not None and self._read_bytes > self._max_bytes:
            raise OSError("the server does not stop talking")
        return count


def _addresses(host: str, port: int, deadline: Deadline) -> list[Any]:
    """getaddrinfo within the deadline. The system's resolver has none: it gets a thread, which
    ends by itself when the resolver gives up.
    """
    try:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    found: list[Any] = []
    failed: list[OSError] = []

    def resolve() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except OSError as err:
            failed.append(err)
        except UnicodeError:
            failed.append(socket.gaierror("not a host name"))

    thread = threading.Thread(target=resolve, name="resolve", daemon=True)
    thread.start()
    thread.join(left_s(deadline))
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError("the name was not resolved in time")
    return found
