"""E-mail over SMTP: what an entry of `email_configs` may hold, with Alertmanager's keys.

https://prometheus.io/docs/alerting/latest/configuration/#email_config
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from ...kind import Kind, SinkConfig
from ...templates import Templates, TemplateText, holds_marks, is_go
from ...tls import TlsConfig
from .addresses import host_and_port, is_loopback, mailboxes

if TYPE_CHECKING:
    from ...http import HttpSession
    from ...redact import Redactor
    from ...sink import AlertSink

# The port of SMTP within TLS; on any other one TLS begins with STARTTLS.
# https://www.rfc-editor.org/rfc/rfc8314#section-7.3
SMTPS_PORT = 465

# Headers that make the mail what it is: its form, its place in the thread.
_OURS = frozenset(
    {
        *("message-id", "references", "in-reply-to", "date", "bcc", "mime-version"),
        *("content-type", "content-transfer-encoding", "content-disposition"),
    }
)
_HEADER_NAME = re.compile(r"[!-9;-~]{1,70}")
_HELLO = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_SUBJECT = "subject"


class EmailConfig(SinkConfig):
    """to: addresses, separated by commas. smarthost: `host:port`.

    auth_username: with auth_password (PLAIN, LOGIN) or auth_secret (CRAM-MD5); without it the
    server must relay without a login. auth_identity: on whose behalf, where PLAIN is spoken.
    require_tls: STARTTLS, or nothing is sent. Port 465 is TLS from the first byte, and so is any
    other with force_implicit_tls.
    headers: added to ours, or in their place. html, text and the header Subject may be Jinja2. A Go
    template, and a template in any other header, are accepted and ours is sent in their place.
    """

    model_config = ConfigDict(populate_by_name=True)

    to: str
    from_: str = Field(alias="from")
    smarthost: str
    hello: str = "localhost"
    auth_username: str | None = None
    auth_password: SecretStr | None = None
    auth_secret: SecretStr | None = None
    auth_identity: str = ""
    require_tls: bool = True
    force_implicit_tls: bool | None = None
    tls_config: TlsConfig = TlsConfig()
    headers: Mapping[str, TemplateText] = Field(default_factory=dict)
    html: TemplateText | None = None
    text: TemplateText | None = None

    @property
    def implicit_tls(self) -> bool:
        """TLS from the first byte."""
        if self.force_implicit_tls is not None:
            return self.force_implicit_tls
        return host_and_port(self.smarthost)[1] == SMTPS_PORT

    def notes(self) -> tuple[str, ...]:
        host, _ = host_and_port(self.smarthost)
        if self.require_tls or self.implicit_tls or is_loopback(host):
            return ()
        return ("require_tls is false: mails go out unencrypted",)

    def replaced(self) -> tuple[str, ...]:
        go = [name for name in ("html", "text") if is_go(getattr(self, name) or "")]
        headers = [
            f"headers.{name}"
            for name, text in self.headers.items()
            if is_go(text) or (holds_marks(text) and name.lower() != _SUBJECT)
        ]
        return (*go, *headers)

    def own_headers(self) -> Mapping[str, str]:
        """Those that can be sent as they are."""
        return {name: text for name, text in self.headers.items() if not holds_marks(text)}

    def own_texts(self) -> Templates:
        """What is said in the place of our subject, text and HTML; by the keys' names."""
        subjects = (text for name, text in self.headers.items() if name.lower() == _SUBJECT)
        template = next(filter(holds_marks, subjects), None)
        return Templates(
            "email",
            subject=(template, str),
            text=(self.text, str),
            html=(self.html, html.escape),
        )

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        mailboxes(value)
        return value

    @field_validator("from_")
    @classmethod
    def _is_one_address(cls, value: str) -> str:
        if len(mailboxes(value)) > 1:
            raise ValueError("is more than one address")
        return value

    @field_validator("smarthost")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        host_and_port(value)
        return value

    @field_validator("hello")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not _HELLO.fullmatch(value):
            raise ValueError("is no host name")
        return value

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        if len({name.lower() for name in value}) < len(value):
            raise ValueError("names a header twice")
        for name, text in value.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            if name.lower() in _OURS:
                raise ValueError(f"{name} is not for a configuration to set")
            if any(ord(c) < 32 or ord(c) == 127 for c in text):
                raise ValueError(f"{name} holds a line break or a control character")
            if name.lower() in ("to", "from") and not holds_marks(text):
                mailboxes(text)
        return value

    @model_validator(mode="after")
    def _log_in_or_not(self) -> EmailConfig:
        secrets = [s.get_secret_value() for s in (self.auth_password, self.auth_secret) if s]
        has_secret = bool(secrets)
        if bool(self.auth_username) != has_secret:
            raise ValueError(
                "needs auth_username and auth_password together, or neither: a relay without login"
            )
        # smtplib sends no other, and its error would show the password.
        said = (self.auth_username or "", self.auth_identity, *secrets)
        if not all(text.isascii() and text.isprintable() for text in said):
            raise ValueError("the login holds letters that are not ASCII")
        return self


def build(config: EmailConfig, *, redact: Redactor, http: HttpSession | None) -> AlertSink:  # noqa: ARG001
    """The sink; smtplib and the e-mail package are imported here, not before."""
    from .sink import EmailSink

    return EmailSink(config, redact)


EMAIL = Kind(
    "email",
    EmailConfig,
    build,
    globals={
        "from": "smtp_from",
        "smarthost": "smtp_smarthost",
        "hello": "smtp_hello",
        "auth_username": "smtp_auth_username",
        "auth_password": "smtp_auth_password",
        "auth_secret": "smtp_auth_secret",
        "auth_identity": "smtp_auth_identity",
        "require_tls": "smtp_require_tls",
        "force_implicit_tls": "smtp_force_implicit_tls",
        "tls_config": "smtp_tls_config",
    },
)
