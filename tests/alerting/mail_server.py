"""A real SMTP server on loopback, which takes mail, refuses it, or goes quiet when told to."""

from __future__ import annotations

import asyncio
import email
import socket
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from work_data_hub.alerting.testing import Fault

USER = "wdh@example.org"
PASSWORD = "mail-password-7f3a91"


@dataclass(frozen=True)
class TakenMail:
    """A mail as it came, and whom the server has it for."""

    recipients: tuple[str, ...]
    message: EmailMessage
    encrypted: bool
    user: str | None

    def __getitem__(self, header: str) -> str:
        return str(self.message[header])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


class MailServer:
    """Behaves, but for what `say`, `refuse` and `fault` ask for.

    say("MAIL", "451 later"): the next answers to this verb. refuse: by recipient, until changed.
    """

    def __init__(
        self,
        *,
        starttls: bool = True,
        implicit_tls: bool = False,
        names: tuple[str, ...] = ("localhost",),
        log_in: bool = False,
    ) -> None:
        self.mails: list[TakenMail] = []
        self.verbs: list[str] = []
        self.refuse: dict[str, str] = {}
        self.logins: list[tuple[str, bytes]] = []
        self.ca = trustme.CA()
        self._script: defaultdict[str, deque[str | Fault]] = defaultdict(deque)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        options: dict[str, Any] = {"server_hostname": "mail.test", "auth_require_tls": False}
        if starttls:
            options["tls_context"] = context
        if log_in:
            options["authenticator"] = self._check
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            ready_timeout=20,
            ssl_context=context if implicit_tls else None,
            **options,
        )

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def smarthost(self) -> str:
        return f"localhost:{self._controller.port}"

    def ca_file(self, folder: Path) -> str:
        """The authority that signed its certificate."""
        path = folder / "mail-ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return str(path)

    def say(self, verb: str, *answers: str | Fault) -> None:
        self._script[verb].extend(answers)

    def _check(self, _s: SMTP, _session: Session, _e: Envelope, how: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((how, data.login))
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False, auth_data=data)

    async def handle_EHLO(
        self, server: SMTP, session: Session, _: Envelope, host: str, lines: list[str]
    ) -> list[str]:
        self.verbs.append(f"EHLO {host}")
        session.host_name = host
        return lines

    async def handle_MAIL(
        self, server: SMTP, _s: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.verbs.append("MAIL")
        if scripted := await self._scripted("MAIL", server):
            return scripted
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, _s: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.verbs.append(f"RCPT {address}")
        if scripted := await self._scripted("RCPT", server):
            return scripted
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.verbs.append("DATA")
        if self._script["DATA"] and self._script["DATA"][0] == Fault.DROP_TAKEN:
            self._take(server, session, envelope)
        if scripted := await self._scripted("DATA", server):
            return scripted
        self._take(server, session, envelope)
        return "250 2.0.0 queued"

    async def _scripted(self, verb: str, server: SMTP) -> str | None:
        if not self._script[verb]:
            return None
        scripted = self._script[verb].popleft()
        if not isinstance(scripted, Fault):
            return scripted
        if scripted in (Fault.DROP, Fault.DROP_TAKEN):
            server.transport.abort()  # type: ignore[union-attr]
        elif scripted is Fault.DRIP:
            for byte in b"250 " + b"o" * 60:
                server._writer.write(bytes([byte]))
                await asyncio.sleep(0.5)
        else:
            await asyncio.sleep(60)
        return "421 gone"

    def _take(self, server: SMTP, session: Session, envelope: Envelope) -> None:
        content = envelope.original_content
        assert content is not None
        message = email.message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        user = session.auth_data.login.decode() if session.authenticated else None
        self.mails.append(
            TakenMail(tuple(envelope.rcpt_tos), message, session.ssl is not None, user)
        )


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def saying(*lines: bytes, drip_s: float | None = None) -> Iterator[str]:
    """A server that says these lines, one for each line it hears, the first unasked.

    drip_s: seconds between two bytes. After its last line it says nothing, and stays.
    """
    closing = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as heard, suppress(OSError):
            for line in lines:
                for part in (line,) if drip_s is None else [bytes([b]) for b in line]:
                    sock.sendall(part)
                    if drip_s is not None and closing.wait(drip_s):
                        return
                if not heard.readline():
                    return
            closing.wait(60)

    def serve() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                sock.settimeout(60)
                thread = threading.Thread(target=talk, args=(sock,), daemon=True)
                threads.append(thread)
                thread.start()

    threads: list[threading.Thread] = []
    accepting = threading.Thread(target=serve, daemon=True)
    accepting.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        closing.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *threads):
            thread.join(2)
