"""An episode in Slack: one message that is edited, noticed again in its thread, begun anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import (
    AlertSink,
    Deadline,
    NoticeCause,
    Notification,
    Purpose,
    Receipt,
)
from work_data_hub.alerting.sinks.slack import SlackConfig, build, client
from work_data_hub.alerting.sinks.slack.answers import FORM_REFUSED, NOT_EDITABLE
from work_data_hub.alerting.testing import (
    Fault,
    HttpServer,
    Reply,
    Request,
    SlackServer,
    resolved,
    sample_notification,
)


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(channels=["general", "alerts"]) as server:
        yield server


@pytest.fixture
def by_token(slack: SlackServer) -> AlertSink:
    return sink_for(slack)


def sink_for(slack: SlackServer, **config: str) -> AlertSink:
    given = SlackConfig(
        app_token=SecretStr(slack.token),
        app_url=slack.app_url,
        **{"channel": "#alerts", **config},
    )
    return build(given, redact=Redactor(), http=None)


@pytest.fixture
def by_webhook(slack: SlackServer) -> AlertSink:
    config = SlackConfig(api_url=SecretStr(slack.webhook_url))
    return build(config, redact=Redactor(), http=None)


def deliver(sink: AlertSink, notification: Notification) -> Receipt:
    return sink.deliver(notification, deadline=Deadline(5))


def later(purpose: Purpose, receipt: Receipt, *causes: NoticeCause) -> Notification:
    return replace(sample_notification(purpose, previous=receipt), causes=causes)


def test_an_episode_is_one_message_that_is_edited(slack: SlackServer, by_token: AlertSink) -> None:
    opened = deliver(by_token, sample_notification())
    updated = deliver(by_token, later(Purpose.UPDATE, opened))
    over = deliver(by_token, resolved(sample_notification(), updated))
    (message,) = slack.messages
    assert opened == updated == over
    assert [call.method for call in slack.calls] == [
        "chat.postMessage",
        "chat.update",
        "chat.update",
    ]
    assert message.text.startswith("✅ Resolved: Run failed")


def test_the_receipt_holds_the_channels_id_for_an_update_takes_no_name(
    slack: SlackServer, by_token: AlertSink
) -> None:
    receipt = deliver(by_token, sample_notification())
    message = slack.messages[0]
    assert receipt.values == {"channel": message.channel, "ts": message.ts}
    assert message.channel.startswith("C")


def test_it_survives_a_restart(slack: SlackServer) -> None:
    receipt = deliver(sink_for(slack), sample_notification())
    stored = Receipt(dict(receipt.values))
    deliver(sink_for(slack), resolved(sample_notification(), stored))
    assert len(slack.messages) == 1
    assert slack.messages[0].edited


def test_a_message_of_which_slack_does_not_say_where_it_is_is_followed_by_no_edit() -> None:
    posted: list[str] = []

    def take(request: Request) -> Reply:
        posted.append(request.path)
        return Reply(200, b'{"ok": true}')

    with HttpServer(take) as server:
        url = f"{server.address}/api/chat.postMessage"
        config = SlackConfig(app_token=SecretStr("xoxb-1"), app_url=url, channel="#alerts")
        sink = build(config, redact=Redactor(), http=None)
        opened = deliver(sink, sample_notification())
        assert deliver(sink, later(Purpose.UPDATE, opened)) == opened == Receipt()
        assert len(posted) == 1, "what cannot be edited is not told anew in silence"
        deliver(sink, later(Purpose.NOTICE, opened, NoticeCause.NEW_INCIDENT))
        deliver(sink, resolved(sample_notification(), None))
    assert posted == ["/api/chat.postMessage"] * 3


def test_a_notice_is_a_reply_that_also_shows_in_the_channel(
    slack: SlackServer, by_token: AlertSink
) -> None:
    opened = deliver(by_token, sample_notification())
    receipt = deliver(by_token, later(Purpose.NOTICE, opened, NoticeCause.REMINDER))
    parent, reply = slack.messages
    assert (reply.thread_ts, reply.reply_broadcast) == (parent.ts, True)
    assert reply.text.startswith("🔴 Still open: Run failed")
    assert parent.text.startswith("🔴 Run failed"), "the message itself shows the state"
    assert receipt == opened, "later edits are of the message, not of the reply"


def test_a_notice_whose_reply_fails_is_repeated_without_a_second_reply(
    slack: SlackServer, by_token: AlertSink
) -> None:
    opened = deliver(by_token, sample_notification())
    slack.answer("ok", 503)
    notice = later(Purpose.NOTICE, opened, NoticeCause.NEW_INCIDENT)
    with pytest.raises(DeliveryError):
        deliver(by_token, notice)
    deliver(by_token, notice)
    assert len([message for message in slack.messages if message.thread_ts]) == 1


@pytest.mark.parametrize("purpose", [Purpose.UPDATE, Purpose.NOTICE, Purpose.RESOLVE])
def test_a_deleted_message_is_begun_anew(
    slack: SlackServer, by_token: AlertSink, purpose: Purpose
) -> None:
    opened = deliver(by_token, sample_notification())
    slack.delete(slack.messages[0])
    receipt = deliver(by_token, later(purpose, opened))
    (message,) = slack.messages
    assert message.thread_ts is None
    assert receipt.values["ts"] == message.ts != opened.values["ts"]


@pytest.mark.parametrize("code", sorted(NOT_EDITABLE))
def test_a_message_that_cannot_be_edited_is_followed_by_a_new_one(
    slack: SlackServer, by_token: AlertSink, code: str
) -> None:
    opened = deliver(by_token, sample_notification())
    slack.refuse_edits(code)
    receipt = deliver(by_token, later(Purpose.UPDATE, opened))
    slack.refuse_edits(None)
    assert len(slack.messages) == 2
    deliver(by_token, resolved(sample_notification(), receipt))
    old, new = slack.messages
    assert not old.edited
    assert new.text.startswith("✅")


@pytest.mark.parametrize("code", ["thread_not_found", "cannot_reply_to_message"])
def test_a_thread_that_takes_no_reply_is_followed_by_a_new_message(
    slack: SlackServer, by_token: AlertSink, code: str
) -> None:
    opened = deliver(by_token, sample_notification())
    slack.answer("ok", code)
    receipt = deliver(by_token, later(Purpose.NOTICE, opened, NoticeCause.REMINDER))
    assert receipt.values["ts"] == slack.messages[-1].ts
    assert slack.messages[-1].text.startswith("🔴 Still open")


@pytest.mark.parametrize("code", ["ratelimited", "internal_error", "invalid_auth", "is_archived"])
def test_any_other_refusal_of_an_edit_begins_nothing_anew(
    slack: SlackServer, by_token: AlertSink, code: str
) -> None:
    opened = deliver(by_token, sample_notification())
    slack.answer(code)
    with pytest.raises(DeliveryError):
        deliver(by_token, later(Purpose.UPDATE, opened))
    assert len(slack.messages) == 1


@pytest.mark.parametrize("code", sorted(FORM_REFUSED))
def test_a_form_that_slack_refuses_is_told_as_bare_text(
    slack: SlackServer, by_token: AlertSink, by_webhook: AlertSink, code: str
) -> None:
    for sink in (by_token, by_webhook):
        slack.answer(code)
        deliver(sink, sample_notification())
        message = slack.messages[-1]
        assert message.blocks == []
        assert "the warehouse refused the connection" in message.text
        assert "http://127.0.0.1:3000/runs/" in message.text


def test_an_edit_as_bare_text_leaves_no_old_blocks_behind(
    slack: SlackServer, by_token: AlertSink
) -> None:
    opened = deliver(by_token, sample_notification())
    slack.answer("invalid_blocks")
    deliver(by_token, resolved(sample_notification(), opened))
    (message,) = slack.messages
    assert message.text.startswith("✅")
    assert message.blocks == []


def test_a_taken_message_without_a_ts_is_taken_all_the_same(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = sink_for(slack)
    monkeypatch.setattr(client, "api_result", lambda *_: {"ok": True})
    assert deliver(sink, sample_notification()) == Receipt()


def test_nothing_in_a_text_is_parsed_and_no_link_is_unfolded(
    slack: SlackServer, by_token: AlertSink
) -> None:
    opened = deliver(by_token, sample_notification())
    deliver(by_token, later(Purpose.UPDATE, opened))
    posted, updated = (call.payload for call in slack.calls)
    for payload in (posted, updated):
        assert (payload["parse"], payload["link_names"]) == ("none", False)
    assert (posted["unfurl_links"], posted["unfurl_media"]) == (False, False)


def test_no_text_calls_anybody(slack: SlackServer, by_token: AlertSink) -> None:
    notification = sample_notification()
    incident = replace(
        notification.incidents[0],
        annotations={"summary": "<!channel> <@U012AB3CD>", "error": "<!here>", "x": "<!everyone>"},
    )
    deliver(by_token, replace(notification, incidents=(incident,)))
    assert slack.messages[0].mentions == []
    assert "&lt;!channel&gt;" in slack.messages[0].all_text


def test_a_webhook_posts_the_opening_the_notices_and_the_end(
    slack: SlackServer, by_webhook: AlertSink
) -> None:
    assert by_webhook.can_edit is False
    opened = sample_notification()
    notice = replace(opened, purpose=Purpose.NOTICE, causes=(NoticeCause.REMINDER,))
    receipts = [deliver(by_webhook, n) for n in (opened, notice, resolved(opened))]
    assert [m.text.split(" ")[0] for m in slack.messages] == ["🔴", "🔴", "✅"]
    assert receipts == [Receipt()] * 3


def test_the_name_and_picture_are_those_of_the_configuration(slack: SlackServer) -> None:
    deliver(sink_for(slack, username="WorkDataHub", icon_emoji=":bell:"), sample_notification())
    payload = slack.calls[0].payload
    assert (payload["username"], payload["icon_emoji"]) == ("WorkDataHub", ":bell:")
    deliver(sink_for(slack), sample_notification())
    assert "username" not in slack.calls[1].payload


def test_a_channel_can_be_given_by_id(slack: SlackServer) -> None:
    deliver(sink_for(slack), sample_notification())
    channel = slack.messages[0].channel
    deliver(sink_for(slack, channel=channel), sample_notification())
    assert slack.messages[1].channel == channel


def test_both_doors_keep_slacks_pace(by_token: AlertSink, by_webhook: AlertSink) -> None:
    assert by_token.pace_s == by_webhook.pace_s == 1.0


def test_one_message_a_second_is_what_slack_takes() -> None:
    now = [100.0]
    with SlackServer(message_every_s=1.0, clock=lambda: now[0]) as slack:
        sink = sink_for(slack)
        deliver(sink, sample_notification())
        with pytest.raises(DeliveryError) as caught:
            deliver(sink, sample_notification())
        assert caught.value.reason is Reason.RATE_LIMITED
        assert caught.value.retry_after_s == 1.0
        now[0] += 1.0
        deliver(sink, sample_notification())
        assert len(slack.messages) == 2


def test_a_message_that_was_taken_without_a_word_is_ambiguous(
    slack: SlackServer, by_token: AlertSink
) -> None:
    slack.answer(Fault.DROP_TAKEN)
    with pytest.raises(DeliveryError) as caught:
        deliver(by_token, sample_notification())
    assert caught.value.reason.ambiguous
    assert len(slack.messages) == 1
