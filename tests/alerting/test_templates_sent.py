"""The operator's words as Slack and mails show them, and what is sent when they fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_server import MailServer, TakenMail
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from work_data_hub.alerting.catalog import built_in
from work_data_hub.alerting.config import load
from work_data_hub.alerting.metrics import StoreCollector
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.render import message
from work_data_hub.alerting.sink import Deadline, NoticeCause, Notification, Purpose, Receipt
from work_data_hub.alerting.sinks.email import EmailConfig
from work_data_hub.alerting.sinks.email import build as build_email
from work_data_hub.alerting.sinks.slack import SlackConfig
from work_data_hub.alerting.sinks.slack import build as build_slack
from work_data_hub.alerting.sinks.slack.blocks import (
    MAX_BLOCKS,
    MAX_MESSAGE_CHARS,
    OWN_BODY_CHARS,
    bare_message,
    cost,
    escape,
    fit_markup,
    slack_message,
)
from work_data_hub.alerting.testing import SlackServer, resolved, sample_incident
from work_data_hub.alerting.testing import sample_notification as sample
from work_data_hub.alerting.testing.slack_limits import form_error, shown_texts
from work_data_hub.alerting.wording import EN

DOCUMENT = Path(__file__).parents[2] / "docs" / "alerts-yml.md"
HOSTILE = (
    "<!channel> <@U1> {{ 7 * 7 }} <https://evil.example|x>\r\nBcc: eve@example.org\u2028& <script>"
)
EACH = "{% for i in incidents %}*{{ i.summary }}* <{{ i.run_url }}|run>\n{% endfor %}"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(channels=["alerts"]) as server:
        yield server


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer(starttls=False) as server:
        yield server


def slack_sink(slack: SlackServer, **keys: str) -> Any:
    given = {"app_token": slack.token, "app_url": slack.app_url, "channel": "#alerts", **keys}
    return build_slack(SlackConfig.model_validate(given), redact=Redactor(), http=None)


def by_slack(slack: SlackServer, notification: Notification | None = None, **keys: str) -> Receipt:
    sink = slack_sink(slack, **keys)
    receipt: Receipt = sink.deliver(notification or sample(), deadline=Deadline(5))
    return receipt


def texts_of(message: Any) -> str:
    return "\n".join(shown_texts(message.versions[-1]))


def mailed(server: MailServer, notification: Notification | None = None, **keys: Any) -> TakenMail:
    given = {
        "to": "ann@example.org",
        "from": "wdh@example.org",
        "smarthost": server.smarthost,
        "require_tls": False,
    }
    sink = build_email(EmailConfig.model_validate(given | keys), redact=Redactor(), http=None)
    sink.deliver(notification or sample(), deadline=Deadline(5))
    return server.mails[-1]


def hostile() -> Notification:
    return sample(Purpose.OPEN, sample_incident(annotations={"summary": HOSTILE, "error": HOSTILE}))


def test_slacks_title_is_the_heading_and_what_a_phone_shows(slack: SlackServer) -> None:
    by_slack(slack, title="[值班] {{ group_labels.job[:7] }}: {{ status }} & <b>")
    (message,) = slack.messages
    assert message.text == "[值班] trustee: firing &amp; &lt;b&gt;"
    assert message.blocks[0]["text"]["text"] == message.text
    assert "WarehouseError: could not connect" in texts_of(message), "the body is ours"


def test_slacks_text_is_the_body_and_the_rest_is_ours(slack: SlackServer) -> None:
    by_slack(slack, text="<!here> *{{ severity }}* 入库失败\n{{ incidents[0].run_url }}")
    (message,) = slack.messages
    assert [block["type"] for block in message.blocks] == [
        *("header", "section", "actions", "section", "context")
    ]
    body = message.blocks[1]["text"]["text"]
    assert body.startswith("<!here> *critical* 入库失败\nhttp://127.0.0.1:3000/runs/")
    assert message.text.startswith("🔴 Run failed")
    assert "wdh alerts silence add" in texts_of(message)
    assert "WarehouseError" not in texts_of(message)


def test_an_alert_notifies_nobody_through_a_template(slack: SlackServer) -> None:
    keys = {"title": "{{ incidents[0].summary }}", "text": EACH}
    by_slack(slack, hostile(), **keys)
    (message,) = slack.messages
    assert message.mentions == []
    assert "<@U1>" not in texts_of(message)
    assert "<https://evil" not in texts_of(message)
    assert "*&lt;!channel&gt; &lt;@U1&gt; {{ 7 * 7 }} &lt;https://evil" in texts_of(message)
    assert "\n" not in message.text


def test_an_episode_is_in_the_operators_words_to_its_end(slack: SlackServer) -> None:
    keys = {"title": "{{ purpose }}: {{ title }}", "text": "is {{ status }}"}
    receipt = by_slack(slack, **keys)
    notice = replace(sample(Purpose.NOTICE, previous=receipt), causes=(NoticeCause.REMINDER,))
    by_slack(slack, notice, **keys)
    by_slack(slack, resolved(sample(), receipt), **keys)
    parent, reply = slack.messages
    assert reply.text.startswith("notice: 🔴 Still open: Run failed")
    assert [version["text"][:8] for version in parent.versions] == [
        "open: 🔴 ",
        "update: ",
        "resolve:",
    ]
    assert "is resolved" in texts_of(parent)


def test_a_refused_form_is_told_bare_in_the_operators_words() -> None:
    told = replace(message(sample()), title="a & b", body="*x* " * 1_000)
    (text,) = bare_message(told).values()
    assert text.startswith("a &amp; b\n*x* *x* ")
    assert len(text.encode()) < 4_000, "chat.update refuses more"


@pytest.mark.parametrize(
    "line",
    ["&lt;" * 99, "受托业绩" * 30, "<https://x.example/a|run> ", "x" * 7_000, "&amp;", "\n\n"],
)
def test_a_long_body_is_whole_sections_within_slacks_limits(line: str) -> None:
    told = replace(message(sample()), body=f"{line}\n" * (65_536 // len(line)))
    payload = slack_message(told)
    assert form_error(payload, update=True) is None
    assert len(payload["blocks"]) <= MAX_BLOCKS
    assert cost(payload["blocks"]) <= MAX_MESSAGE_CHARS
    for block in payload["blocks"][1:-3]:
        bare = re.sub(r"<https://x\.example/a\|run>|&(amp|lt);", "", block["text"]["text"])
        assert not set(bare) & set("&<>"), "no entity and no link is cut"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='&<>;|a中\n"', max_size=9_000), st.integers(60, OWN_BODY_CHARS))
def test_cut_markup_is_within_its_limit(text: str, limit: int) -> None:
    shown = fit_markup(escape(text), limit, EN)
    assert len(shown) <= limit
    assert not set(re.sub("&(amp|lt|gt);", "", shown)) & set("&<>")


def test_a_mail_is_in_the_operators_words(server: MailServer) -> None:
    mail = mailed(
        server,
        headers={
            "subject": "[值班] {{ group_labels.alertname }}: {{ severity }}",
            "X-Team": "data",
        },
        text="{{ incidents[0].summary }}，请处理",
        html="<h1>{{ title }}</h1><p>{{ incidents[0].summary }}</p>",
    )
    assert mail["Subject"] == "[值班] RunFailed: critical"
    assert mail.message.get_all("Subject") == [mail["Subject"]]
    assert mail["X-Team"] == "data"
    assert mail.text.strip() == "load_op failed: the warehouse refused the connection，请处理"
    assert mail.html.startswith("<h1>🔴 Run failed")
    assert mail.message.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(("key", "other"), [("text", "html"), ("html", "text")])
def test_each_half_of_a_mail_stands_by_itself(server: MailServer, key: str, other: str) -> None:
    mail = mailed(server, **{key: "only {{ status }}"})
    assert getattr(mail, key).strip() == "only firing"
    assert "could not connect to the warehouse" in getattr(mail, other)
    assert mail["Subject"].startswith("🔴 Run failed")


def test_an_alert_adds_no_header_and_no_markup_to_a_mail(server: MailServer) -> None:
    template = "{{ incidents[0].summary }}"
    mail = mailed(server, hostile(), headers={"Subject": template}, html=f"<p>{template}</p>")
    plain = mailed(server)
    assert mail.message.keys() == plain.message.keys()
    assert mail.recipients == ("ann@example.org",)
    subject = str(make_header(decode_header(mail["Subject"])))
    assert subject == " ".join(HOSTILE.split())
    assert "<script>" not in mail.html
    assert "&lt;script&gt;" in mail.html
    assert "{{ 7 * 7 }}" in mail.html


@pytest.mark.parametrize("letter", ["x", "受", "\u2028", "."])
def test_64_kb_on_one_line_arrive_as_they_are(server: MailServer, letter: str) -> None:
    template = f"begin {{% for i in range(100000) %}}{letter}{{% endfor %}}"
    mail = mailed(server, text=template, html=template)
    for part in (mail.text, mail.html):
        assert part.rstrip("\n") == "begin " + letter * ((65_536 - 6) // len(letter.encode()))


def test_a_subject_is_cut_as_ours_is(server: MailServer) -> None:
    assert mailed(server, headers={"Subject": "{{ '受' }}" * 200})["Subject"] == "受" * 149 + "…"


def test_a_header_that_cannot_be_read_is_named() -> None:
    given = {"to": "a@example.org", "from": "b@example.org", "smarthost": "mail.example:587"}
    with pytest.raises(ValidationError) as caught:
        EmailConfig.model_validate(given | {"headers": {"Subject": "{{ titel }}"}})
    (fault,) = caught.value.errors()
    assert fault["loc"] == ("headers", "Subject")
    assert "no value for 'titel'" in fault["msg"]


def test_only_the_subject_is_a_template_among_the_headers(server: MailServer) -> None:
    headers = {"X-Job": "{{ title }}", "X-Team": "data", "Subject": "{{ status }}"}
    given = {"to": "a@example.org", "from": "b@example.org", "smarthost": "mail.example:587"}
    config = EmailConfig.model_validate(given | {"headers": headers})
    assert config.replaced() == ("headers.X-Job",)
    mail = mailed(server, headers=headers)
    assert "X-Job" not in mail.message
    assert (mail["X-Team"], mail["Subject"]) == ("data", "firing")


def test_ours_stands_where_a_template_fails(slack: SlackServer, server: MailServer) -> None:
    fails = "{{ incidents[7].summary }}"
    receipt = by_slack(slack, title=fails, text=fails)
    assert receipt.templates_failed == 2
    assert slack.messages[0].text.startswith("🔴 Run failed")
    assert "WarehouseError: could not connect" in texts_of(slack.messages[0])
    mail = mailed(server, headers={"Subject": fails}, html=fails, text=fails)
    assert mail["Subject"].startswith("🔴 Run failed")
    assert "WarehouseError: could not connect" in mail.html
    assert "WarehouseError: could not connect" in mail.text


@pytest.mark.both_databases
def test_a_failed_template_is_counted_and_the_alert_is_told(
    scene: Any, alert: Any, slack: SlackServer
) -> None:
    router = scene.router(
        f"""
route: {{receiver: team, group_wait: 0s}}
receivers:
  - name: team
    slack_configs:
      - app_token: {slack.token}
        app_url: {slack.app_url}
        channel: '#alerts'
        title: '{{{{ incidents[0].no_such_field }}}}'
""",
        kinds=built_in(),
    )
    registry = CollectorRegistry()
    registry.register(StoreCollector(router.store, clock=scene.clock))
    router.publish(alert())
    router.dispatch(until_idle=True)
    assert [message.text for message in slack.messages] == ["🔴 Run failed · daily · boom"]
    of = {"receiver": "team", "integration": "slack[0]"}
    assert registry.get_sample_value("wdh_templates_failed_total", of) == 1
    assert router.store.dead_letters() == []


def test_the_example_of_the_documentation_says_what_it_looks_like(
    tmp_path: Path, slack: SlackServer, server: MailServer
) -> None:
    section = DOCUMENT.read_text(encoding="utf-8").partition("\n## Templates\n")[2]
    path = tmp_path / "alerts.yml"
    path.write_text(section.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    config = load(path, environ={"SLACK_BOT_TOKEN": slack.token})
    assert config.warnings == ()
    ours = {integration.kind: integration.config for integration in config.integrations()}
    chat: Any = ours["slack"]
    by_slack(slack, title=chat.title, text=chat.text)
    (message,) = slack.messages
    assert message.text.startswith("[值班] 🔴 Run failed")
    assert message.blocks[1]["text"]["text"].startswith(
        "*trustee_performance_multi_file_job* since 2024-11-05 02:10:33: load_op failed"
    )
    assert "|the run>" in message.blocks[1]["text"]["text"]
    mails: Any = ours["email"]
    mail = mailed(server, headers=dict(mails.headers), html=mails.html)
    assert mail["Subject"] == "[critical] trustee_performance_multi_file_job firing"
    assert mail.html.startswith("<ul><li>load_op failed")
