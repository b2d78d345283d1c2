"""The mail itself: whatever an alert says, its headers are ours and its text arrives."""

from __future__ import annotations

import email
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default

from hypothesis import given
from hypothesis import strategies as st

from work_data_hub.alerting.message import Section
from work_data_hub.alerting.plain_text import one_line, plain
from work_data_hub.alerting.render import message
from work_data_hub.alerting.sink import Purpose
from work_data_hub.alerting.sinks.email.addresses import Mailbox
from work_data_hub.alerting.sinks.email.mail import MAX_SECTION_CHARS, html, mail, message_id
from work_data_hub.alerting.testing import sample_incident, sample_notification

SENDER = Mailbox("", "wdh@example.org")
SAMPLE = message(sample_notification())
HEADERS = (
    *("Message-ID", "Date", "Subject", "From", "To", "Auto-Submitted", "Importance"),
    *("MIME-Version", "Content-Type"),
)

hostile = st.one_of(
    st.text(max_size=300),
    st.text(alphabet='🔴 a运=?_"<>@.,:;()[]\\-é\t\r\nß', max_size=200),
)


def read(raw: bytes) -> EmailMessage:
    read = email.message_from_bytes(raw, policy=default)
    assert isinstance(read, EmailMessage)
    return read


@given(title=hostile, error=hostile)
def test_whatever_an_alert_says_arrives_and_nothing_else_does(title: str, error: str) -> None:
    first = replace(SAMPLE.first, sections=(Section("Error", plain(error), code=True),))
    said = replace(SAMPLE, title=one_line(title, 150), first=first)
    raw = mail(
        said,
        sender=SENDER,
        recipients=(SENDER,),
        own_id=message_id("key", SENDER),
        thread=None,
        headers={},
        at=datetime(2024, 11, 5, tzinfo=UTC),
    )
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    got = read(raw)
    assert tuple(got.keys()) == HEADERS
    assert got["Subject"] == said.title
    body = got.get_body(("plain",))
    assert body is not None
    shown = "\n".join(str(body.get_content()).splitlines())
    assert "\n".join(plain(error).splitlines()) in shown


def test_a_long_log_keeps_its_end_and_a_long_error_its_beginning() -> None:
    long = {"error": "E" * 90_000 + "end of error", "log_excerpt": "begin of log" + "L" * 90_000}
    page = html(message(sample_notification(Purpose.OPEN, sample_incident(annotations=long))))
    assert "E" * MAX_SECTION_CHARS in page
    assert "L" * MAX_SECTION_CHARS in page
    assert "end of error" not in page
    assert "begin of log" not in page
    assert page.count("characters cut") == 2
    assert len(page) < 102_000, "Gmail shows no more of a mail"


def test_only_what_is_grave_and_open_is_marked_important() -> None:
    warning = sample_incident(labels={"severity": "warning"})
    said = message(sample_notification(Purpose.OPEN, warning))
    raw = mail(
        said,
        sender=SENDER,
        recipients=(SENDER,),
        own_id="<a@example.org>",
        thread="<first@example.org>",
        headers={},
        at=datetime(2024, 11, 5, tzinfo=UTC),
    )
    got = read(raw)
    assert got["Importance"] is None
    assert got["References"] == got["In-Reply-To"] == "<first@example.org>"
