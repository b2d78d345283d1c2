"""Addresses as people write them in a configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

# What any server takes: no quotes, no comments, ASCII only.
# https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?"
)

# Some four hundred addresses. More are for a mailing list: a server need take a hundred.
_MAX_CHARS = 10_000


@dataclass(frozen=True)
class Mailbox:
    """`name` may be empty."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def mailboxes(text: str) -> tuple[Mailbox, ...]:
    """`a@example.org, "On call" <b@example.org>`, in order. Raises ValueError."""
    from email.utils import getaddresses

    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("holds a line break or a control character")
    if len(text) > _MAX_CHARS:
        raise ValueError(f"is longer than {_MAX_CHARS:,} characters; so many want a mailing list")
    if not text.strip():
        raise ValueError("has no address")
    found = tuple(Mailbox(name, address) for name, address in getaddresses([text]))
    for box in found:
        if not _ADDRESS.fullmatch(box.address):
            raise ValueError("is no e-mail address; write name@example.org, with commas between")
    if len({box.address.lower() for box in found}) < len(found):
        raise ValueError("names an address twice")
    return found


def host_and_port(text: str) -> tuple[str, int]:
    """`mail.example.org:587`, `[::1]:25`. Raises ValueError."""
    host, colon, port = text.strip().rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_host = re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host)
    if not colon or not is_host or not port.isascii() or not port.isdigit():
        raise ValueError("must be host:port, such as mail.example.org:587")
    if not 0 < int(port) < 65_536:
        raise ValueError("has a port that is none")
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """This machine: what is said to it crosses no network."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
