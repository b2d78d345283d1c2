"""One SMTP exchange with a deadline for all of it: name, connection, TLS, every reply.

TLS is verified, and where it is wanted nothing is said without it: neither login nor mail.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...errors import DeliveryError, Reason
from ...redact import Redactor
from ...sink import Deadline
from .addresses import host_and_port, is_loopback
from .connection import Connection
from .replies import CLOSING, DONE, GO_AHEAD, GREETING, LOGGED_IN, READY_FOR_TLS, Reply, reply

if TYPE_CHECKING:
    from . import EmailConfig


class SmtpServer:
    """The server of a configuration. Used by any thread; each mail has its own connection."""

    def __init__(self, config: EmailConfig, redact: Redactor) -> None:
        self._config = config
        self._redact = redact
        self._host, self._port = host_and_port(config.smarthost)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._config.tls_config.context()

    def send(
        self, sender: str, recipients: Sequence[str], mail: bytes, *, deadline: Deadline
    ) -> Mapping[str, Reply]:
        """Hand one mail over; gives the recipients that were refused, with what was said of them.

        All the others have it; where all were refused, nobody has. Raises DeliveryError where it
        came to nothing for anybody: TIMEOUT or DROPPED when it may have been taken all the same.
        """
        connection = Connection(deadline)
        try:
            self._open(connection)
            self._log_in(connection)
            return self._hand_over(connection, sender, recipients, mail)
        except (smtplib.SMTPException, OSError) as err:
            failure = _failure(err, connection, deadline)
        finally:
            connection.close()
        raise failure  # outside the except clause: its context may hold the address

    def _open(self, connection: Connection) -> None:
        context = self._tls if self._config.implicit_tls else None
        answer = self._said(connection.begin(self._host, self._port, context))
        if answer.code != GREETING:
            # 554 is "no SMTP service here", and what is no number is no SMTP at all.
            hopeless = answer.reason is Reason.REJECTED or answer.code < 0
            raise answer.error("connected", reason=Reason.MISCONFIGURED if hopeless else None)
        self._greet(connection)
        if not self._config.require_tls or connection.is_encrypted:
            return
        if not connection.has_extn("starttls"):
            raise DeliveryError(
                Reason.MISCONFIGURED, "the server offers no STARTTLS, and require_tls is true"
            )
        answer = self._said(connection.docmd("STARTTLS"))
        if answer.code != READY_FOR_TLS:
            raise answer.error("STARTTLS")
        connection.encrypt(self._host, self._tls)
        self._greet(connection)

    def _greet(self, connection: Connection) -> None:
        answer = self._said(connection.ehlo(self._config.hello))
        if answer.code not in DONE:
            answer = self._said(connection.helo(self._config.hello))
        if answer.code not in DONE:
            raise answer.error("HELO")

    def _log_in(self, connection: Connection) -> None:
        username = self._config.auth_username
        if not username:
            return
        if not connection.is_encrypted and not is_loopback(self._host):
            raise DeliveryError(
                Reason.MISCONFIGURED, "the login would go out unencrypted; set require_tls"
            )
        offered = connection.esmtp_features.get("auth", "").upper().split()
        for mechanism in offered:
            if (answer_to := self._answer_to(connection, mechanism, username)) is not None:
                break
        else:
            what = " ".join(offered) or "no login"
            raise DeliveryError(
                Reason.MISCONFIGURED, f"the server offers {what}; PLAIN, LOGIN or CRAM-MD5 is known"
            )
        try:
            answer = self._said(connection.auth(mechanism, answer_to))
        except smtplib.SMTPAuthenticationError as err:
            answer = self._said((err.smtp_code, _as_bytes(err.smtp_error)))
        if answer.code not in LOGGED_IN:
            raise answer.error(f"AUTH {mechanism}")

    def _answer_to(self, connection: Connection, mechanism: str, username: str) -> Any:
        """What smtplib asks for an answer to the server's challenge; None where we have none."""
        config = self._config
        connection.user = username
        if mechanism == "CRAM-MD5" and config.auth_secret is not None:
            connection.password = config.auth_secret.get_secret_value()
            return connection.auth_cram_md5
        if config.auth_password is None:
            return None
        connection.password = password = config.auth_password.get_secret_value()
        known = {
            "PLAIN": lambda _=None: f"{config.auth_identity}\0{username}\0{password}",
            "LOGIN": connection.auth_login,
        }
        return known.get(mechanism)

    def _hand_over(
        self, connection: Connection, sender: str, recipients: Sequence[str], mail: bytes
    ) -> Mapping[str, Reply]:
        answer = self._said(connection.mail(sender))
        if answer.code not in DONE:
            raise answer.error("MAIL FROM")
        refused: dict[str, Reply] = {}
        for recipient in recipients:
            answer = self._said(connection.rcpt(recipient))
            if answer.code == CLOSING or answer.reason is Reason.UNAUTHORIZED:
                raise answer.error("RCPT TO")
            if answer.code not in DONE:
                refused[recipient] = answer
        if len(refused) < len(recipients):
            answer = self._said(connection.docmd("DATA"))
            if answer.code != GO_AHEAD:
                raise answer.error("DATA")
            answer = self._said(connection.content(mail))
            if answer.code not in DONE:
                raise answer.error("after the mail")
        connection.part()
        return refused

    def _said(self, answer: tuple[int, bytes]) -> Reply:
        return reply(*answer, self._redact)


def _failure(err: Exception, connection: Connection, deadline: Deadline) -> DeliveryError:
    """What went wrong with the connection, in words that hold no address."""
    # smtplib says "disconnected" for whatever the socket raised.
    late = deadline.remaining_s <= 0 or any(
        isinstance(cause, TimeoutError) for cause in (err, err.__context__)
    )
    if connection.content_sent:
        if late:
            return DeliveryError(Reason.TIMEOUT, "sent, but not answered within the deadline")
        return DeliveryError(Reason.DROPPED, "the connection was lost before the answer came")
    if late:
        detail = "nothing was sent: the server did not answer within the deadline"
    elif isinstance(err, ssl.SSLCertVerificationError):
        detail = f"TLS: the server's certificate is not valid: {err.verify_message}"
    elif isinstance(err, ssl.SSLError):
        detail = "TLS: the handshake failed"
    elif isinstance(err, socket.gaierror):
        detail = "the host name cannot be resolved"
    elif isinstance(err, ConnectionRefusedError):
        detail = "the connection was refused"
    else:
        detail = "nothing was sent: the connection was lost"
    return DeliveryError(Reason.UNAVAILABLE, detail)


def _as_bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()
