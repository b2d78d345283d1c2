"""Every answer of Slack means one thing: each is given by the server and classified by the sink."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.http import Answer
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import AlertSink, Deadline
from work_data_hub.alerting.sinks.slack import SlackConfig, build
from work_data_hub.alerting.sinks.slack.answers import (
    FORM_REFUSED,
    REASON_OF,
    api_result,
    check_webhook,
)
from work_data_hub.alerting.testing import Fault, SlackServer, sample_notification


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


@pytest.fixture(scope="module")
def by_token(slack: SlackServer) -> AlertSink:
    config = SlackConfig(app_token=SecretStr(slack.token), app_url=slack.app_url, channel="#alerts")
    return build(config, redact=Redactor(), http=None)


@pytest.fixture(scope="module")
def by_webhook(slack: SlackServer) -> AlertSink:
    config = SlackConfig(api_url=SecretStr(slack.webhook_url))
    return build(config, redact=Redactor(), http=None)


def failure(sink: AlertSink, deadline_s: float = 5.0) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        sink.deliver(sample_notification(), deadline=Deadline(deadline_s))
    return caught.value


EXPECTED = {
    Reason.RATE_LIMITED: "ratelimited rate_limited message_limit_exceeded",
    Reason.UNAVAILABLE: "service_unavailable request_timeout team_added_to_org update_failed "
    "org_login_required a_code_that_nobody_knows_yet",
    Reason.DROPPED: "internal_error fatal_error",
    Reason.UNAUTHORIZED: "invalid_auth not_authed account_inactive token_revoked token_expired "
    "missing_scope not_allowed_token_type access_denied ekm_access_denied",
    Reason.NOT_FOUND: "channel_not_found not_in_channel is_archived no_permission "
    "message_not_found",
    Reason.REJECTED: "no_text restricted_action restricted_action_read_only_channel "
    "invalid_arg_name",
    Reason.MISCONFIGURED: "unknown_method method_deprecated",
}


@pytest.mark.parametrize(
    ("code", "reason"),
    [(code, reason) for reason, codes in EXPECTED.items() for code in codes.split()],
)
def test_an_error_code_of_the_web_api_has_one_reason(
    slack: SlackServer, by_token: AlertSink, code: str, reason: Reason
) -> None:
    slack.answer(code)
    error = failure(by_token)
    assert error.reason is reason
    assert code in error.detail


@pytest.mark.parametrize("code", sorted(FORM_REFUSED))
def test_a_form_that_slack_refuses_twice_is_rejected(
    slack: SlackServer, by_token: AlertSink, code: str
) -> None:
    slack.answer(code, code)
    assert failure(by_token).reason is Reason.REJECTED


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("no_text", Reason.REJECTED),
        ("user_not_found", Reason.NOT_FOUND),
        ("action_prohibited", Reason.REJECTED),
        ("posting_to_general_channel_denied", Reason.REJECTED),
        ("invalid_token", Reason.UNAUTHORIZED),
        ("channel_not_found", Reason.NOT_FOUND),
        ("no_service", Reason.NOT_FOUND),
        ("no_active_hooks", Reason.NOT_FOUND),
        ("no_team", Reason.NOT_FOUND),
        ("channel_is_archived", Reason.NOT_FOUND),
        ("rollup_error", Reason.UNAVAILABLE),
    ],
)
def test_a_word_of_a_webhook_has_one_reason(
    slack: SlackServer, by_webhook: AlertSink, code: str, reason: Reason
) -> None:
    slack.answer(code)
    assert failure(by_webhook).reason is reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (429, Reason.RATE_LIMITED),
        (500, Reason.UNAVAILABLE),
        (502, Reason.UNAVAILABLE),
        (503, Reason.UNAVAILABLE),
        (504, Reason.UNAVAILABLE),
        (408, Reason.UNAVAILABLE),
        (401, Reason.UNAUTHORIZED),
        (403, Reason.UNAUTHORIZED),
        (404, Reason.NOT_FOUND),
        (405, Reason.MISCONFIGURED),
        (410, Reason.GONE),
        (400, Reason.REJECTED),
        (413, Reason.REJECTED),
        (Fault.HTML, Reason.MISCONFIGURED),
        (Fault.REDIRECT, Reason.MISCONFIGURED),
        (Fault.DROP, Reason.DROPPED),
        (Fault.DROP_TAKEN, Reason.DROPPED),
        (Fault.HANG, Reason.TIMEOUT),
        (Fault.DRIP, Reason.TIMEOUT),
    ],
)
@pytest.mark.parametrize("door", ["by_token", "by_webhook"])
def test_a_status_or_a_broken_exchange_has_one_reason_at_both_doors(
    slack: SlackServer,
    request: pytest.FixtureRequest,
    door: str,
    answer: int | str,
    reason: Reason,
) -> None:
    slack.answer(answer)
    assert failure(request.getfixturevalue(door), 0.3).reason is reason


@pytest.mark.parametrize("door", ["by_token", "by_webhook"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_handed_on(
    slack: SlackServer, request: pytest.FixtureRequest, door: str, status: int
) -> None:
    slack.retry_after = "30"
    slack.answer(status)
    assert failure(request.getfixturevalue(door)).retry_after_s == 30.0


def test_a_429_without_retry_after_names_no_time(slack: SlackServer, by_token: AlertSink) -> None:
    slack.retry_after = None
    slack.answer(429)
    assert failure(by_token).retry_after_s is None


def test_a_wrong_token_is_refused_by_the_server_itself(slack: SlackServer) -> None:
    wrong = SlackConfig(app_token=SecretStr("xoxb-wrong"), app_url=slack.app_url, channel="#alerts")
    error = failure(build(wrong, redact=Redactor(), http=None))
    assert error.reason is Reason.UNAUTHORIZED
    assert "token is wrong" in error.detail


def test_an_unknown_channel_and_an_unknown_webhook_are_not_found(slack: SlackServer) -> None:
    channel = SlackConfig(app_token=SecretStr(slack.token), app_url=slack.app_url, channel="#none")
    webhook = SlackConfig(api_url=SecretStr(f"{slack.address}/services/T1/B1/gone"))
    for config in (channel, webhook):
        error = failure(build(config, redact=Redactor(), http=None))
        assert error.reason is Reason.NOT_FOUND


def test_every_known_code_has_exactly_one_reason() -> None:
    assert len(REASON_OF) > 60
    assert set(REASON_OF.values()) == set(Reason) - {Reason.TIMEOUT, Reason.INTERNAL, Reason.GONE}


def test_a_code_is_shown_cut_and_redacted() -> None:
    secret = "xoxb-123456789-abcdefgh"
    answer = Answer(200, {}, f'{{"ok": false, "error": "bad {secret} {"x" * 200}"}}'.encode())
    with pytest.raises(DeliveryError) as caught:
        api_result(answer, Redactor())
    assert secret not in str(caught.value)
    assert len(caught.value.detail) < 120


@pytest.mark.parametrize("body", [b"ok", b"", b'{"success":true}', b'{"ok":true}'])
def test_what_slack_and_its_imitators_say_to_a_taken_webhook_is_taken(body: bytes) -> None:
    check_webhook(Answer(200, {}, body), Redactor())


@pytest.mark.parametrize("body", [b'{"ok":false,"error":"invalid_auth"}', b'{"success":false}'])
def test_a_webhook_that_answers_200_with_a_refusal_has_not_taken_it(body: bytes) -> None:
    with pytest.raises(DeliveryError):
        check_webhook(Answer(200, {}, body), Redactor())


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"ok", b"<html>", b'{"ok": "yes"}', b"\xff"])
def test_a_200_that_is_not_from_the_web_api_is_not_taken_for_success(body: bytes) -> None:
    with pytest.raises(DeliveryError) as caught:
        api_result(Answer(200, {}, body), Redactor())
    assert caught.value.reason is Reason.MISCONFIGURED
