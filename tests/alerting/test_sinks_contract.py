"""The contract of every sink in the catalog."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Iterator, Mapping

import pytest

from work_data_hub.alerting.catalog import kinds
from work_data_hub.alerting.errors import Reason
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sinks.log import LOGGER
from work_data_hub.alerting.sinks.slack.sink import SlackTokenSink, SlackWebhookSink
from work_data_hub.alerting.testing import Fault, Rig, SinkContract, SlackServer


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


def test_every_kind_of_the_catalog_runs_the_contract() -> None:
    tested = {TestLog: "log", TestSlackByToken: "slack", TestSlackByWebhook: "slack"}
    assert set(tested.values()) == set(kinds())
