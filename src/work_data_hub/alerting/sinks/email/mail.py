"""A mail: the message as text and as HTML, its headers, its place in the thread. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from ...alert import Severity
from ...message import Message
from ...sink import Status
from ...text_form import cut, text_form
from .addresses import Mailbox

# Readers cut a mail off (Gmail at 102 kB); the log and the error must fit with all the rest.
MAX_SECTION_CHARS = 15_000

# Seven bits: a server need not know 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit")

_COLOURS = {Severity.CRITICAL: "#c62828", Severity.WARNING: "#ef6c00", Severity.INFO: "#1565c0"}
_RESOLVED_COLOUR = "#2e7d32"
_FONT = "font-family:-apple-system,'Segoe UI','Microsoft YaHei','PingFang SC',Arial,sans-serif"
_PRE = (
    "white-space:pre-wrap;word-break:break-word;background:#f5f5f5;padding:8px;"
    "font-family:Consolas,Menlo,monospace;font-size:13px;margin:4px 0 12px"
)
_BUTTON = (
    "display:inline-block;padding:8px 16px;margin-right:8px;background:#1565c0;color:#ffffff;"
    "text-decoration:none;border-radius:4px"
)


def message_id(key: str, sender: Mailbox) -> str:
    """Of the notification with this key: a repeated attempt is the same mail to its readers."""
    return f"<{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}@{sender.domain}>"


def mail(
    message: Message,
    *,
    sender: Mailbox,
    recipients: tuple[Mailbox, ...],
    own_id: str,
    thread: str | None,
    headers: Mapping[str, str],
    at: datetime,
    own_text: str | None = None,
    own_html: str | None = None,
) -> bytes:
    """Ready to be sent. thread: the id of the episode's first mail, None when this is it.

    headers: the configuration's, in the place of ours. own_text, own_html: the operator's.
    """
    made = EmailMessage(policy=_POLICY)
    made["Message-ID"] = own_id
    made["Date"] = at
    ours: dict[str, object] = {
        "Subject": message.title,
        "From": _address(sender),
        "To": tuple(map(_address, recipients)),
        # No holiday notes in answer. https://www.rfc-editor.org/rfc/rfc3834#section-5
        "Auto-Submitted": "auto-generated",
    }
    if message.status is Status.FIRING and message.severity is Severity.CRITICAL:
        ours["Importance"] = "high"
    given = {name.lower() for name in headers}
    kept = {name: value for name, value in ours.items() if name.lower() not in given}
    for name, value in {**kept, **headers}.items():
        made[name] = value
    if thread is not None:
        made["In-Reply-To"] = thread
        made["References"] = thread
    text = own_text or text_form(message, max_section_chars=MAX_SECTION_CHARS)
    made.set_content(text + "\n")
    made.add_alternative(own_html or html(message), subtype="html")
    return made.as_bytes()


def html(message: Message) -> str:
    """Every word escaped; nothing is fetched from anywhere."""
    body = "".join(_html_parts(message))
    return (
        f'<!DOCTYPE html><html lang="{message.words.code}"><head><meta charset="utf-8"></head>'
        f'<body style="{_FONT};font-size:14px;color:#212121">{body}</body></html>\n'
    )


def _address(box: Mailbox) -> Address:
    return Address(display_name=box.name, addr_spec=box.address)


def _html_parts(message: Message) -> Iterator[str]:
    first, words = message.first, message.words
    firing = message.status is Status.FIRING
    colour = _COLOURS[message.severity] if firing else _RESOLVED_COLOUR
    yield f'<div style="border-left:6px solid {colour};padding-left:12px">'
    yield f'<h2 style="font-size:17px;margin:0 0 8px">{escape(message.title)}</h2>'
    if first.summary:
        yield f'<p style="white-space:pre-wrap;margin:0 0 12px">{escape(first.summary)}</p>'
    links = (
        f'<a style="{_BUTTON}" href="{escape(link.url)}">{escape(link.text)}</a>'
        for link in first.links
    )
    yield f'<p style="margin:0 0 12px">{"".join(links)}</p>'
    yield '<table cellpadding="3" style="border-collapse:collapse;margin-bottom:12px">'
    for field in first.fields:
        yield (
            f'<tr><td style="color:#616161;vertical-align:top">{escape(field.name)}</td>'
            f'<td style="word-break:break-word">{escape(field.value)}</td></tr>'
        )
    yield "</table>"
    for section in first.sections:
        style = _PRE if section.code else "white-space:pre-wrap;margin:4px 0 12px"
        yield f"<b>{escape(section.title)}</b>"
        yield f'<div style="{style}">{escape(cut(section, MAX_SECTION_CHARS, words))}</div>'
    if message.others:
        yield f"<b>{escape(words.others)}</b><ul>"
        for other in message.others:
            label = escape(other.text)
            if other.link is not None:
                label += f' <a href="{escape(other.link.url)}">{escape(other.link.text)}</a>'
            yield f"<li>{label}</li>"
        if message.more:
            yield f"<li>{escape(words.more.format(message.more))}</li>"
        yield "</ul>"
    if message.silence:
        yield f"<b>{escape(message.silence.title)}</b>"
        yield f'<div style="{_PRE}">{escape(message.silence.text)}</div>'
    yield f'<p style="color:#757575;font-size:12px">{escape(message.footer)}</p></div>'
