"""The webhook: Alertmanager's payload, signed, and what each answer means."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import Deadline, Notification, Purpose, Receipt, Status
from work_data_hub.alerting.sinks.webhook import WEBHOOK, WebhookConfig
from work_data_hub.alerting.sinks.webhook.payload import go_time, payload
from work_data_hub.alerting.sinks.webhook.sink import WebhookSink
from work_data_hub.alerting.testing import (
    Fault,
    Receiver,
    Reply,
    resolved,
    sample_incident,
    sample_notification,
)


def secret(letter: str) -> str:
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


@pytest.fixture
def server() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def sink_for(server: Receiver, **config: Any) -> WebhookSink:
    given = WebhookConfig.model_validate({"url": f"{server.address}/hook", **config})
    sink = WEBHOOK.build(given, redact=Redactor(), http=None)
    assert isinstance(sink, WebhookSink)
    return sink


def deliver(sink: WebhookSink, notification: Notification | None = None) -> Receipt:
    return sink.deliver(notification or sample_notification(), deadline=Deadline(5))


def failure(sink: WebhookSink) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(sink)
    return caught.value


# What Alertmanager 0.25 posted for two alerts and `max_alerts: 1`.
OF_ALERTMANAGER = (
    r'{"receiver":"team\\.a \\(主\\)-1","status":"firing","alerts":[{"status":"firing","labels":'
    r'{"alertname":"RunFailed","job":"d","partition":"a"},"annotations":{"summary":"s"},'
    r'"startsAt":"2024-11-04T18:10:33.5Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":'
    r'"http://g/","fingerprint":"4f0b814b9fdb2308"}],"groupLabels":{"job":"d"},"commonLabels":'
    r'{"alertname":"RunFailed","job":"d","partition":"a"},"commonAnnotations":{"summary":"s"},'
    r'"externalURL":"http://am.example:9093","version":"4","groupKey":"{}:{job=\"d\"}",'
    r'"truncatedAlerts":1}'
)


class TestPayload:
    def test_it_is_alertmanagers_key_for_key_and_value_for_value(self) -> None:
        theirs = json.loads(OF_ALERTMANAGER)
        started_at = datetime(2024, 11, 4, 18, 10, 33, 500_000, tzinfo=UTC)
        incidents = [
            replace(
                sample_incident(started_at=started_at),
                labels={"alertname": "RunFailed", "job": "d", "partition": name},
                annotations={"summary": "s"},
                generator_url="http://g/",
                fingerprint=theirs["alerts"][0]["fingerprint"],
            )
            for name in "ab"
        ]
        notification = replace(
            sample_notification(Purpose.OPEN, *incidents),
            receiver="team.a (主)-1",
            group_key='{}:{job="d"}',
            group_labels={"job": "d"},
        )
        ours = json.loads(payload(notification, max_alerts=1))
        ours["externalURL"] = theirs["externalURL"]  # we have no pages of our own
        assert json.dumps(ours) == json.dumps(theirs)

    def test_a_firing_group(self) -> None:
        incident = sample_incident(labels={"partition": "2024-11"})
        incident = replace(incident, generator_url="http://127.0.0.1:3000/runs/1")
        said = json.loads(payload(sample_notification(Purpose.OPEN, incident)))
        assert said["version"] == "4"
        assert said["receiver"] == "sample"
        assert said["status"] == "firing"
        assert said["groupKey"] == '{}:{alertname="RunFailed"}'
        assert said["groupLabels"] == {
            "alertname": "RunFailed",
            "job": "trustee_performance_multi_file_job",
        }
        (alert,) = said["alerts"]
        assert alert["labels"] == dict(incident.labels)
        assert alert["annotations"] == dict(incident.annotations)
        assert alert["startsAt"] == "2024-11-04T18:10:33Z"
        assert alert["endsAt"] == "0001-01-01T00:00:00Z"
        assert alert["generatorURL"] == "http://127.0.0.1:3000/runs/1"
        assert alert["fingerprint"] == incident.fingerprint
        assert said["truncatedAlerts"] == 0

    def test_a_resolved_group(self) -> None:
        said = json.loads(payload(resolved(sample_notification())))
        assert (said["status"], said["alerts"][0]["status"]) == ("resolved", "resolved")
        assert said["alerts"][0]["endsAt"] == "2024-11-04T20:10:33Z"

    def test_what_all_have_alike_is_common(self) -> None:
        one = sample_incident(labels={"partition": "a"}, annotations={"error": "x"})
        two = sample_incident(labels={"partition": "b"}, annotations={"error": "y", "new": "z"})
        said = json.loads(payload(sample_notification(Purpose.OPEN, one, two)))
        assert said["commonLabels"] == {n: v for n, v in one.labels.items() if n != "partition"}
        assert "error" not in said["commonAnnotations"]
        assert "new" not in said["commonAnnotations"]
        assert said["commonAnnotations"]["step"] == "load_op"

    def test_what_is_too_many_is_counted_and_counts_for_nothing_else(self) -> None:
        fires = [sample_incident(labels={"partition": str(n)}) for n in range(3)]
        over = sample_incident(status=Status.RESOLVED)
        said = json.loads(payload(sample_notification(Purpose.NOTICE, *fires, over), max_alerts=1))
        assert (len(said["alerts"]), said["truncatedAlerts"]) == (1, 3)
        assert said["commonLabels"]["partition"] == "0"
        whole = json.loads(payload(sample_notification(Purpose.NOTICE, *fires, over)))
        assert (len(whole["alerts"]), whole["truncatedAlerts"]) == (4, 0)

    @pytest.mark.parametrize(
        ("at", "written"),
        [
            (datetime(2024, 11, 4, 18, 10, 33, tzinfo=UTC), "2024-11-04T18:10:33Z"),
            (datetime(2024, 11, 4, 18, 10, 33, 500_000, tzinfo=UTC), "2024-11-04T18:10:33.5Z"),
            (datetime(2024, 11, 4, 18, 10, 33, 1, tzinfo=UTC), "2024-11-04T18:10:33.000001Z"),
        ],
    )
    def test_a_time_is_written_as_go_writes_it(self, at: datetime, written: str) -> None:
        assert go_time(at) == written

    def test_broken_text_is_json_for_a_strict_reader(self) -> None:
        incident = sample_incident(annotations={"error": "\ud800 \x00 \u202e 错误"})
        body = payload(sample_notification(Purpose.OPEN, incident))
        assert body.isascii()
        assert json.loads(body)["alerts"][0]["annotations"]["error"] == "\ufffd \x00 \u202e 错误"
        assert b"\\ud800" not in body


class TestSignature:
    def test_the_reference_library_verifies_it(self, server: Receiver) -> None:
        deliver(sink_for(server, secret=secret("a")))
        (request,) = server.taken
        said = Webhook(secret("a")).verify(request.body, dict(request.headers))
        assert said["alerts"][0]["labels"]["alertname"] == "RunFailed"

    def test_while_a_secret_is_rotated_both_verify_it(self, server: Receiver) -> None:
        deliver(sink_for(server, secret=[secret("n"), secret("o")]))
        deliver(sink_for(server, secret=f"{secret('n')} {secret('o')}"))
        for request in server.taken:
            for known in (secret("n"), secret("o")):
                Webhook(known).verify(request.body, dict(request.headers))
            with pytest.raises(WebhookVerificationError):
                Webhook(secret("x")).verify(request.body, dict(request.headers))

    def test_what_was_changed_on_the_way_is_noticed(self, server: Receiver) -> None:
        deliver(sink_for(server, secret=secret("a")))
        (request,) = server.taken
        with pytest.raises(WebhookVerificationError):
            Webhook(secret("a")).verify(request.body + b" ", dict(request.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(secret("a")).verify(request.body, {**request.headers, "webhook-id": "other"})

    def test_the_id_stays_while_the_time_is_that_of_the_attempt(self, server: Receiver) -> None:
        now = [1_700_000_000.9]
        config = WebhookConfig.model_validate({"url": server.address, "secret": secret("a")})
        http = config.http_config.session(None)
        sink = WebhookSink(config, redact=Redactor(), http=http, clock=lambda: now[0])
        server.answer(503)
        failure(sink)
        now[0] += 60
        deliver(sink)
        first, second = (request.headers for request in server.requests)
        assert first["webhook-id"] == second["webhook-id"] == sample_notification().key
        assert first["webhook-timestamp"] == "1700000000"
        assert second["webhook-timestamp"] == "1700000060"
        assert first["webhook-signature"] != second["webhook-signature"]

    def test_without_a_secret_there_is_an_id_and_no_signature(self, server: Receiver) -> None:
        deliver(sink_for(server))
        (request,) = server.taken
        assert request.headers["webhook-id"] == sample_notification().key
        assert "webhook-signature" not in request.headers


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_any_success_is_one(self, server: Receiver, status: int) -> None:
        server.answer(status)
        assert deliver(sink_for(server)) == Receipt()

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            *((status, Reason.MISCONFIGURED) for status in (301, 302, 307, 308, 405)),
            *((status, Reason.UNAUTHORIZED) for status in (401, 403, 407)),
            *((status, Reason.REJECTED) for status in (400, 413, 415, 422)),
            *((status, Reason.UNAVAILABLE) for status in (408, 409, 425, 500, 502, 503, 504)),
            (404, Reason.NOT_FOUND),
            (410, Reason.GONE),
            (429, Reason.RATE_LIMITED),
        ],
    )
    def test_a_status_tells_whether_to_try_again(
        self, server: Receiver, status: int, reason: Reason
    ) -> None:
        server.answer(Reply(status, b"", {"Location": "/elsewhere"}))
        assert failure(sink_for(server)).reason is reason
        assert len(server.requests) == 1

    def test_gone_is_for_good_and_disables_the_sink(self) -> None:
        assert Reason.GONE.permanent
        assert Reason.GONE.parks

    @pytest.mark.parametrize("status", [429, 503])
    def test_it_says_how_long_to_wait(self, server: Receiver, status: int) -> None:
        server.answer(Reply(status, b"", {"Retry-After": "17"}))
        assert failure(sink_for(server)).retry_after_s == 17.0

    def test_what_the_other_side_says_is_passed_on_without_its_secrets(
        self, server: Receiver
    ) -> None:
        server.answer(Reply(400, b"no such\nfield; token=abcdef0123456789"))
        detail = failure(sink_for(server)).detail
        assert detail.startswith("HTTP 400: no such field;")
        assert "abcdef0123456789" not in detail

    def test_a_timeout_of_its_own_is_within_the_deadline(self, server: Receiver) -> None:
        server.answer(Fault.HANG)
        began = time.monotonic()
        assert failure(sink_for(server, timeout="300ms")).reason is Reason.TIMEOUT
        assert time.monotonic() - began < 1.3


def test_headers_go_with_each_request(server: Receiver) -> None:
    http_config = {
        "authorization": {"type": "Token", "credentials": "secret-a"},
        "http_headers": {"X-Team": {"values": ["a", "b"]}, "X-Key": {"secrets": ["secret-b"]}},
    }
    deliver(sink_for(server, http_config=http_config))
    (request,) = server.taken
    assert request.headers["authorization"] == "Token secret-a"
    assert request.headers["x-team"] == "a, b"
    assert request.headers["x-key"] == "secret-b"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "work-data-hub"


def test_a_user_and_a_password_go_as_basic_auth(server: Receiver) -> None:
    deliver(sink_for(server, http_config={"basic_auth": {"username": "张", "password": "p:w"}}))
    sent = server.taken[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == "张:p:w"
