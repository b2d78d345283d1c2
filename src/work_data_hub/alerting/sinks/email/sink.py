"""E-mail: one mail a notification, threaded by episode, with a result for each recipient."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from ...errors import DeliveryError, Reason
from ...plain_text import one_line
from ...redact import Redactor
from ...render import MAX_TITLE_CHARS, message
from ...sink import Deadline, Notification, Receipt
from ...timing import utc_now
from .addresses import Mailbox, mailboxes
from .mail import mail, message_id
from .replies import Reply, refused_for_good
from .smtp import SmtpServer

if TYPE_CHECKING:
    from . import EmailConfig


@dataclass(frozen=True)
class _SoFar:
    """What earlier attempts came to. Addresses are kept as marks, which tell nobody who it is.

    thread: the id of the episode's first mail. reached, refused: by this very notification.
    """

    thread: str | None = None
    reached: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


class EmailSink:
    """A mail to all recipients at once.

    Where the server takes it for some only, those have it; the others are tried again by
    themselves, or, refused for good, make a dead letter that says which: a name that was
    mistyped, or has left, is not dropped in silence. That attempt's error carries the receipt.
    A recipient is named by its place in `to`.
    """

    can_edit = False
    pace_s = 0.0

    def __init__(
        self,
        config: EmailConfig,
        redact: Redactor,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sender = mailboxes(config.from_)[0]
        self._recipients = mailboxes(config.to)
        self._headers = config.own_headers()
        self._own = config.own_texts()
        self._server = SmtpServer(config, redact)
        self._clock = clock

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        """Send one mail to those who do not have it yet. The receipt names the thread."""
        before = _so_far(notification)
        own_id = message_id(notification.key, self._sender)
        thread = before.thread or own_id
        done = before.reached | before.refused
        wanted = [box.address for box in self._recipients if _mark(box) not in done]
        refused: Mapping[str, Reply] = {}
        failed = 0
        if wanted:
            ours = message(notification)
            own = self._own.fill_in(notification, title=ours.title)
            failed = own.failed
            made = mail(
                replace(
                    ours, title=one_line(own.texts.get("subject", ours.title), MAX_TITLE_CHARS)
                ),
                sender=self._sender,
                recipients=self._recipients,
                own_id=own_id,
                thread=None if thread == own_id else thread,
                headers=self._headers,
                at=self._clock(),
                own_text=own.texts.get("text"),
                own_html=own.texts.get("html"),
            )
            refused = self._server.send(self._sender.address, wanted, made, deadline=deadline)
        receipt = self._settled(notification.key, before, thread, wanted, refused)
        return replace(receipt, templates_failed=failed)

    def _settled(
        self,
        key: str,
        before: _SoFar,
        thread: str,
        wanted: list[str],
        refused: Mapping[str, Reply],
    ) -> Receipt:
        """The receipt where everybody has it; else the error, with the receipt of those who do."""
        for_good = {a for a, said in refused.items() if refused_for_good(said)}
        reached = before.reached | {_mark_of(a) for a in wanted if a not in refused}
        gone = before.refused | {_mark_of(a) for a in for_good}
        if not gone and not refused:
            return Receipt({"thread": thread})
        waits = len(for_good) < len(refused)
        values = {
            "key": key,
            "reached": " ".join(sorted(reached)),
            "refused": " ".join(sorted(gone)),
        }
        raise DeliveryError(
            Reason.UNAVAILABLE if waits else Reason.REJECTED,
            self._described(refused, gone, reached),
            receipt=Receipt({"thread": thread, **values}) if reached else None,
        )

    def _described(
        self, refused: Mapping[str, Reply], gone: frozenset[str], reached: frozenset[str]
    ) -> str:
        said = [
            f"recipient {place}: {refused.get(box.address, 'refused before')}"
            for place, box in enumerate(self._recipients, 1)
            if box.address in refused or _mark(box) in gone
        ]
        return f"{len(reached)} of {len(self._recipients)} have it; {'; '.join(said)}"


def _so_far(notification: Notification) -> _SoFar:
    values = notification.previous.values if notification.previous else {}
    thread = values.get("thread")
    if thread is None or values.get("key") != notification.key:
        return _SoFar(thread)
    # A first attempt that some had before is a replay: whom the server refused is asked anew.
    refused = values.get("refused", "") if notification.attempt > 1 else ""
    return _SoFar(thread, frozenset(values.get("reached", "").split()), frozenset(refused.split()))


def _mark(box: Mailbox) -> str:
    return _mark_of(box.address)


def _mark_of(address: str) -> str:
    return hashlib.blake2b(address.lower().encode(), digest_size=8).hexdigest()
