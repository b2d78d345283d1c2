"""A DingTalk robot as a sink of WorkDataHub's alert router. The entry point names DINGTALK."""

from __future__ import annotations

from work_data_hub.alerting.http import HttpSession
from work_data_hub.alerting.kind import Kind
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import AlertSink

from .config import DingTalkConfig
from .sink import DingTalkSink

__all__ = ["DINGTALK", "DingTalkConfig", "DingTalkSink"]


def build(config: DingTalkConfig, *, redact: Redactor, http: HttpSession | None) -> AlertSink:
    """The sink of one entry. Opens nothing yet."""
    return DingTalkSink(config, redact=redact, http=http or HttpSession())


DINGTALK = Kind("dingtalk", DingTalkConfig, build)
