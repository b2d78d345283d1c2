"""A web address as a connection needs it: whom to ask for, and for what. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

_PORTS = {"http": 80, "https": 443}
# What an address may hold as it is; `%` is one that was quoted before.
_UNQUOTED = "/%:@!$&'()*+,;=~?[]"


@dataclass(frozen=True)
class WebAddress:
    """target: path and query, quoted. authorization: of the user and password within it."""

    encrypted: bool
    host: str
    port: int
    target: str
    authorization: str | None

    @property
    def has_default_port(self) -> bool:
        return self.port == _PORTS["https" if self.encrypted else "http"]


@lru_cache(maxsize=256)
def web_address(url: str) -> WebAddress:
    """Raises ValueError for what is no address of http or https; it may hold the address."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not a web address")
    host = parts.hostname
    if not host.isascii():
        host = host.encode("idna").decode()
    target = quote(parts.path or "/", safe=_UNQUOTED)
    if parts.query:
        target += "?" + quote(parts.query, safe=_UNQUOTED)
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return WebAddress(
        encrypted=parts.scheme == "https",
        host=host,
        port=parts.port or _PORTS[parts.scheme],
        target=target,
        authorization=authorization,
    )
