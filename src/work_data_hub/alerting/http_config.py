"""`http_config` of an integration, with Alertmanager's keys: what goes with each request.

https://prometheus.io/docs/alerting/latest/configuration/#http_config
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr, field_validator, model_validator

from .kind import ConfigPart
from .tls import TlsConfig

if TYPE_CHECKING:
    from .http import HttpSession

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,70}")
# What a request is made of, and what has a key of its own.
_NOT_FREE = frozenset(
    {"authorization", "content-length", "content-type", "host", "transfer-encoding", "connection"}
)


class Authorization(ConfigPart):
    """`Authorization: <type> <credentials>`."""

    type: str = "Bearer"
    credentials: SecretStr


class BasicAuth(ConfigPart):
    """A user name, and a password that may be empty."""

    username: str
    password: SecretStr = SecretStr("")


class HeaderValues(ConfigPart):
    """The values of one header."""

    values: tuple[str, ...] = ()
    secrets: tuple[SecretStr, ...] = ()

    def text(self) -> str:
        return ", ".join((*self.values, *(secret.get_secret_value() for secret in self.secrets)))


class HttpConfig(ConfigPart):
    """authorization or basic_auth; http_headers: further headers, by name.

    follow_redirects: known for Alertmanager's sake, and only as false.
    """

    authorization: Authorization | None = None
    basic_auth: BasicAuth | None = None
    http_headers: Mapping[str, HeaderValues] = Field(default_factory=dict)
    tls_config: TlsConfig = TlsConfig()
    follow_redirects: bool = False

    @field_validator("follow_redirects")
    @classmethod
    def _is_false(cls, value: bool) -> bool:
        if value:
            raise ValueError("redirects are never followed; write the address they lead to")
        return value

    @model_validator(mode="after")
    def _fits_a_request(self) -> HttpConfig:
        if self.authorization is not None and self.basic_auth is not None:
            raise ValueError("needs authorization or basic_auth, not both")
        for name in self.http_headers:
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            if name.lower() in _NOT_FREE or name.lower().startswith("webhook-"):
                raise ValueError(f"the header {name} is not for http_headers to set")
        if not all(text.isprintable() and text.isascii() for text in self.headers().values()):
            raise ValueError("a header holds a line break or letters that are not ASCII")
        return self

    def headers(self) -> dict[str, str]:
        """By name, secrets in plain: for the request and nothing else."""
        found = {name: values.text() for name, values in self.http_headers.items()}
        if self.authorization is not None:
            secret = self.authorization.credentials.get_secret_value()
            found["Authorization"] = f"{self.authorization.type} {secret}"
        if self.basic_auth is not None:
            password = self.basic_auth.password.get_secret_value()
            pair = f"{self.basic_auth.username}:{password}".encode()
            found["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return found

    def session(self, shared: HttpSession | None) -> HttpSession:
        """The shared one where it will do, else one of its own."""
        from .http import HttpSession

        if self.tls_config.ca_file is not None:
            return HttpSession(ca_file=self.tls_config.ca_file)
        return shared or HttpSession()
