"""The contract of every sink in the catalog."""

from __future__ import annotations

import base64
import html
import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import pytest
from mail_server import PASSWORD, USER, MailServer

from work_data_hub.alerting.catalog import built_in, kinds
from work_data_hub.alerting.errors import Reason
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import AlertSink, Deadline, Notification, Receipt
from work_data_hub.alerting.sinks.log import LOGGER
from work_data_hub.alerting.sinks.slack.sink import SlackTokenSink, SlackWebhookSink
from work_data_hub.alerting.testing import (
    DeliveryContract,
    Fault,
    Receiver,
    Rig,
    SinkContract,
    SlackServer,
)


def slack_rig(slack: SlackServer, **config: str) -> Rig:
    kind = kinds()["slack"]
    faults: Mapping[Reason, tuple[str | int, ...]] = {
        Reason.RATE_LIMITED: (429,),
        Reason.UNAVAILABLE: (503,),
        Reason.TIMEOUT: (Fault.DRIP,),
        Reason.DROPPED: (Fault.DROP,),
        Reason.REJECTED: ("invalid_blocks", "invalid_blocks"),
        Reason.NOT_FOUND: ("channel_not_found",),
        Reason.UNAUTHORIZED: ("invalid_token",),
        Reason.MISCONFIGURED: (Fault.REDIRECT,),
    }

    def fault(script: tuple[str | int, ...]) -> Callable[[], None]:
        return lambda: slack.answer(*script)

    return Rig(
        sink=kind.build(kind.model(**config), redact=Redactor(), http=None),
        taken=lambda: [html.unescape(m.all_text) for m in slack.messages if not m.thread_ts],
        secrets=[slack.token, slack.webhook_url, slack.webhook_url.rpartition("/")[2]],
        faults={reason: fault(script) for reason, script in faults.items()},
    )


class TestSlackByToken(SinkContract):
    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        with SlackServer() as slack:
            yield slack_rig(slack, app_token=slack.token, app_url=slack.app_url, channel="#alerts")

    def test_it_is_the_sink_for_a_token(self, rig: Rig) -> None:
        assert isinstance(rig.sink, SlackTokenSink)


class TestSlackByWebhook(SinkContract):
    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        with SlackServer() as slack:
            yield slack_rig(slack, api_url=slack.webhook_url)

    def test_it_is_the_sink_for_a_webhook(self, rig: Rig) -> None:
        assert isinstance(rig.sink, SlackWebhookSink)


class TestLog(SinkContract):
    @pytest.fixture
    def rig(self, caplog: pytest.LogCaptureFixture) -> Iterator[Rig]:
        kind = kinds()["log"]
        with caplog.at_level(logging.INFO, LOGGER):
            yield Rig(
                sink=kind.build(kind.model(), redact=Redactor(), http=None),
                taken=lambda: [record.getMessage() for record in caplog.records],
            )


class TestEmail(SinkContract):
    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        kind = kinds()["email"]
        with MailServer(starttls=False, log_in=True) as server:
            config = kind.model.model_validate(
                {
                    "to": "ann@example.org, bob@example.org",
                    "from": "wdh@example.org",
                    "smarthost": server.smarthost,
                    "require_tls": False,
                    "auth_username": USER,
                    "auth_password": PASSWORD,
                }
            )
            secrets = [PASSWORD, "ann@example.org", "bob@example.org", server.smarthost]
            yield Rig(
                sink=kind.build(config, redact=Redactor(), http=None),
                taken=lambda: [
                    f"{m['Subject']}\n{m.text}\n{html.unescape(m.html)}" for m in server.mails
                ],
                secrets=[*secrets, base64.b64encode(PASSWORD.encode()).decode()],
                faults={
                    Reason.UNAVAILABLE: lambda: server.say("RCPT", "451 later", "451 later"),
                    Reason.REJECTED: lambda: server.say("DATA", "554 5.7.1 spam"),
                    Reason.UNAUTHORIZED: lambda: server.say("MAIL", "530 5.7.0 log in first"),
                    Reason.TIMEOUT: lambda: server.say("DATA", Fault.DRIP),
                    Reason.DROPPED: lambda: server.say("DATA", Fault.DROP),
                },
            )


class TestWebhook(DeliveryContract):
    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        kind = kinds()["webhook"]
        secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
        with Receiver() as server:
            url = f"{server.address}/hooks/path-that-is-a-secret"
            headers = {"authorization": {"credentials": "a-bearer-token-91a"}}
            config = {"url": url, "secret": secret, "http_config": headers}
            faults: Mapping[Reason, int | Fault] = {
                Reason.RATE_LIMITED: 429,
                Reason.UNAVAILABLE: 503,
                Reason.TIMEOUT: Fault.DRIP,
                Reason.DROPPED: Fault.DROP,
                Reason.REJECTED: 400,
                Reason.NOT_FOUND: 404,
                Reason.GONE: 410,
                Reason.UNAUTHORIZED: 401,
                Reason.MISCONFIGURED: Fault.REDIRECT,
            }

            def fault(answer: int | Fault) -> Callable[[], None]:
                return lambda: server.answer(answer)

            yield Rig(
                sink=kind.build(kind.model.model_validate(config), redact=Redactor(), http=None),
                taken=lambda: [request.body.decode() for request in server.taken],
                secrets=[url, secret, secret.removeprefix("whsec_"), "a-bearer-token-91a"],
                faults={reason: fault(answer) for reason, answer in faults.items()},
            )


class Counting:
    """Adds up what a sink counts, as the store does."""

    def __init__(self, sink: AlertSink) -> None:
        self.sink = sink
        self.can_edit, self.pace_s = sink.can_edit, sink.pace_s
        self.counts: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        receipt = self.sink.deliver(notification, deadline=deadline)
        with self._lock:
            self.counts.update(receipt.counts)
        return receipt

    def told(self) -> list[str]:
        """One text for each alert that began."""
        return [json.dumps(key) for key in self.counts.elements() if key[-1] == "firing"]


class TestPrometheus(DeliveryContract):
    @pytest.fixture
    def rig(self) -> Rig:
        kind = kinds()["prometheus"]
        sink = Counting(kind.build(kind.model(), redact=Redactor(), http=None))
        return Rig(sink=sink, taken=sink.told)


def test_every_kind_of_the_catalog_runs_the_contract() -> None:
    tested = {
        TestEmail: "email",
        TestLog: "log",
        TestPrometheus: "prometheus",
        TestSlackByToken: "slack",
        TestSlackByWebhook: "slack",
        TestWebhook: "webhook",
    }
    assert set(tested.values()) == set(built_in())
