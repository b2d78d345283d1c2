"""The contract that the router ships, and what is DingTalk's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from dingtalk_server import SECRET, TOKEN, DingTalkServer
from pydantic import SecretStr, ValidationError
from wdh_dingtalk import DINGTALK, DingTalkConfig
from wdh_dingtalk.sink import DingTalkSink, signature

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.http import HttpSession
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import AlertSink, Deadline
from work_data_hub.alerting.testing import Fault, Rig, SinkContract, sample_notification


@pytest.fixture
def server() -> Iterator[DingTalkServer]:
    with DingTalkServer() as server:
        yield server


def sink_for(server: DingTalkServer, secret: str = SECRET) -> AlertSink:
    config = DingTalkConfig(url=SecretStr(server.url), secret=SecretStr(secret))
    return DINGTALK.build(config, redact=Redactor(), http=None)


class TestContract(SinkContract):
    @pytest.fixture
    def rig(self, server: DingTalkServer) -> Rig:
        def refuse(code: int) -> Callable[[], None]:
            return lambda: server.refuse(code)

        return Rig(
            sink=sink_for(server),
            taken=server.texts,
            secrets=[TOKEN, SECRET],
            faults={
                Reason.RATE_LIMITED: refuse(130101),
                Reason.UNAVAILABLE: refuse(-1),
                Reason.REJECTED: refuse(430104),
                Reason.NOT_FOUND: refuse(400013),
                Reason.GONE: refuse(400102),
                Reason.UNAUTHORIZED: refuse(310000),
                Reason.MISCONFIGURED: lambda: server.answer(Fault.HTML),
                Reason.TIMEOUT: lambda: server.answer(Fault.DRIP),
                Reason.DROPPED: lambda: server.answer(Fault.DROP),
            },
        )


def test_the_signature_is_what_dingtalks_sample_code_gives() -> None:
    # https://open.dingtalk.com/document/robots/customize-robot-security-settings
    assert signature("this is secret", at_ms=1577262236757) == {
        "timestamp": "1577262236757",
        "sign": "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM=",
    }


def test_a_wrong_secret_parks_the_sink(server: DingTalkServer) -> None:
    with pytest.raises(DeliveryError) as caught:
        sink_for(server, "SECwrong").deliver(sample_notification(), deadline=Deadline(5))
    assert caught.value.reason.parks
    assert "310000: sign not match" in caught.value.detail
    assert server.texts() == []


def test_a_clock_that_is_an_hour_off_is_said(server: DingTalkServer) -> None:
    config = DingTalkConfig(url=SecretStr(server.url), secret=SecretStr(SECRET))
    sink = DingTalkSink(config, redact=Redactor(), http=HttpSession(), clock=lambda: 1_000.0)
    with pytest.raises(DeliveryError, match="invalid timestamp"):
        sink.deliver(sample_notification(), deadline=Deadline(5))


def test_a_robot_that_heard_too_much_is_left_alone_for_ten_minutes(server: DingTalkServer) -> None:
    server.refuse(130101, "send too fast, exceed 20 times per minute")
    with pytest.raises(DeliveryError) as caught:
        sink_for(server).deliver(sample_notification(), deadline=Deadline(5))
    assert caught.value.retry_after_s == 600.0
    assert sink_for(server).pace_s == 3.0


def test_a_code_that_nobody_knows_is_tried_again(server: DingTalkServer) -> None:
    server.refuse(999999)
    with pytest.raises(DeliveryError) as caught:
        sink_for(server).deliver(sample_notification(), deadline=Deadline(5))
    assert caught.value.reason is Reason.UNAVAILABLE


def test_an_address_that_is_no_robots_is_refused() -> None:
    with pytest.raises(ValidationError, match="no robot's webhook"):
        DingTalkConfig(url=SecretStr("https://oapi.dingtalk.com/"), secret=SecretStr(SECRET))
