"""Who is told when the receiver that a route names cannot be."""

from __future__ import annotations

import pytest

from conftest import Scene
from work_data_hub.alerting import Alert
from work_data_hub.alerting.catalog import built_in
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.testing import RecordingSink

TWO_RECEIVERS = """
fallback: ops
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
receivers:
  - name: team
    memory_configs:
      - sink: chat
  - name: ops
    memory_configs:
      - sink: pager
"""


@pytest.mark.both_databases
def test_what_a_dead_sink_could_not_deliver_is_told_to_the_fallback(scene: Scene) -> None:
    scene.sinks["pager"] = RecordingSink()
    router = scene.router(TWO_RECEIVERS)
    scene.chat.fail(DeliveryError(Reason.REJECTED, "no such address"))
    router.publish(Alert({"alertname": "Disk"}, {"summary": "it is full"}))
    router.dispatch(until_idle=True)
    (letter,) = scene.sinks["pager"].delivered
    incident = letter.incidents[0]
    assert incident.labels["alertname"] == "DeadLetters"
    assert "it is full" in incident.annotations["undelivered"]
    assert "no such address" in incident.annotations["error"]


@pytest.mark.both_databases
def test_a_receiver_whose_integrations_are_all_off_is_replaced_by_the_fallback(
    scene: Scene,
) -> None:
    scene.sinks["pager"] = RecordingSink()
    off = TWO_RECEIVERS.replace("sink: chat", "sink: ${CHANNEL:-}")
    scene.router(off).publish(Alert({"alertname": "Disk"}))
    scene.router(off).dispatch(until_idle=True)
    assert scene.told("pager") == ["open"]
    assert scene.told() == []


@pytest.mark.both_databases
def test_a_fallback_that_is_off_itself_has_the_log_and_check_says_so(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    off = TWO_RECEIVERS.replace("sink: pager", "sink: ${PAGER:-}")
    router = scene.router(off, kinds={**scene.kinds, "log": built_in()["log"]})
    scene.chat.fail(DeliveryError(Reason.REJECTED, "no such address"))
    router.publish(Alert({"alertname": "Disk"}))
    router.dispatch(until_idle=True)
    told = [record.message for record in caplog.records if "alert.told" in record.message]
    assert len(told) == 1
    assert "no such address" in told[0]
    (caveat,) = [line for line in router.config.caveats() if "the fallback" in line]
    assert "alerts0.yml:" in caveat
    assert "receivers[1]" in caveat


def test_a_fallback_with_something_left_has_no_other_way(scene: Scene) -> None:
    part = TWO_RECEIVERS + "      - sink: ${PAGER:-}\n"
    config = scene.router(part, kinds={**scene.kinds, "log": built_in()["log"]}).config
    assert [i.name for i in config.receivers["ops"].integrations] == ["memory[0]"]
    assert not config.warnings


def test_a_receiver_with_nothing_in_it_is_silent(scene: Scene) -> None:
    scene.sinks["pager"] = RecordingSink()
    silent = TWO_RECEIVERS.replace("    memory_configs:\n      - sink: chat\n", "")
    router = scene.router(silent)
    router.publish(Alert({"alertname": "Disk"}))
    router.dispatch(until_idle=True)
    assert scene.told("pager") == []
