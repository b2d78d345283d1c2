"""What receivers hear, and when: episodes, notices, reminders, resolutions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conftest import ONE_RECEIVER
from work_data_hub.alerting.claiming import CLAIMED_AT_ONCE
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.sink import NoticeCause, Receipt, Status

WAIT_S, INTERVAL_S, REPEAT_S = 30, 300, 4 * 3600


@pytest.mark.both_databases
def test_an_alert_waits_group_wait_and_is_told_once(scene: Any, router: Any, alert: Any) -> None:
    router.publish(alert())
    assert router.dispatch() == 0
    scene.clock.advance(WAIT_S)
    assert router.dispatch() == 1
    scene.clock.advance(INTERVAL_S)
    assert router.dispatch(until_idle=True) == 0
    (told,) = scene.chat.delivered
    assert told.purpose == "open"
    assert told.group_labels == {"alertname": "RunFailed", "job": "daily"}
    assert told.incidents[0].annotations == {"error": "boom"}


def test_alerts_of_one_group_are_one_notification(scene: Any, router: Any, alert: Any) -> None:
    router.publish_all([alert(step="load"), alert(step="read"), alert(job="other")])
    scene.clock.advance(WAIT_S)
    assert router.dispatch() == 2
    assert sorted(len(n.incidents) for n in scene.chat.delivered) == [1, 2]


def test_an_alert_that_began_long_before_it_came_is_told_at_once(
    scene: Any, router: Any, alert: Any
) -> None:
    began = scene.clock.now
    scene.clock.advance(WAIT_S + 1)
    router.publish(alert(at=began))
    assert router.dispatch() == 1


def test_a_further_event_of_an_open_incident_edits_in_silence(
    scene: Any, router: Any, alert: Any
) -> None:
    _open(scene, router, alert)
    router.publish(alert(error="worse"))
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert scene.told() == ["open", "update"]
    assert scene.chat.delivered[1].incidents[0].annotations == {"error": "worse"}
    assert scene.chat.delivered[1].incidents[0].event_count == 2


def test_an_update_is_not_for_a_sink_that_cannot_edit(scene: Any, alert: Any) -> None:
    scene.chat.can_edit = False
    router = scene.router()
    _open(scene, router, alert)
    router.publish(alert(error="worse"))
    scene.clock.advance(INTERVAL_S)
    assert router.dispatch() == 0
    router.resolve({"job": "daily"})
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert scene.told() == ["open", "resolve"]


@pytest.mark.both_databases
@pytest.mark.parametrize("send_resolved", [True, False])
def test_a_machine_hears_of_each_end_once_and_no_more_of_what_is_over(
    scene: Any, alert: Any, send_resolved: bool
) -> None:
    scene.chat.can_edit = False
    scene.kinds["memory"] = replace(scene.kinds["memory"], hears_each_end=True)
    router = scene.router(f"{ONE_RECEIVER}        send_resolved: {str(send_resolved).lower()}\n")
    router.publish_all([alert(step="a"), alert(step="b"), alert(step="c")])
    scene.clock.advance(WAIT_S)
    router.dispatch()
    for step in "abc":
        router.resolve({"step": step})
        for _ in range(3):
            scene.clock.advance(INTERVAL_S)
            router.dispatch(until_idle=True)
    said = [
        " ".join(f"{i.labels['step']} {i.status.value}" for i in told.incidents)
        for told in scene.chat.delivered
    ]
    ends = ["b firing c firing a resolved", "c firing b resolved", "c resolved"]
    assert said == ["a firing b firing c firing", *(ends if send_resolved else [])]


def test_people_hear_of_the_end_of_the_group_alone(scene: Any, alert: Any) -> None:
    scene.chat.can_edit = False
    router = scene.router()
    router.publish_all([alert(step="a"), alert(step="b")])
    scene.clock.advance(WAIT_S)
    router.dispatch()
    router.resolve({"step": "a"})
    scene.clock.advance(INTERVAL_S)
    assert router.dispatch(until_idle=True) == 0


@pytest.mark.both_databases
def test_a_new_incident_in_a_told_group_is_noticed_at_the_next_tick(
    scene: Any, router: Any, alert: Any
) -> None:
    _open(scene, router, alert)
    scene.clock.advance(100)
    router.publish(alert(step="load"))
    scene.clock.advance(INTERVAL_S - 101)
    assert router.dispatch() == 0
    scene.clock.advance(1)
    assert router.dispatch() == 1
    told = scene.chat.delivered[1]
    assert (told.purpose, told.causes) == ("notice", (NoticeCause.NEW_INCIDENT,))
    assert len(told.incidents) == 2


def test_ticks_are_counted_from_the_last_flush_however_late_the_change(
    scene: Any, router: Any, alert: Any
) -> None:
    _open(scene, router, alert)
    scene.clock.advance(3 * INTERVAL_S + 1)
    router.publish(alert(step="load"))
    scene.clock.advance(INTERVAL_S - 2)
    assert router.dispatch() == 0
    scene.clock.advance(1)
    assert router.dispatch() == 1


def test_a_raised_severity_is_noticed_and_a_lowered_one_is_not(scene: Any, alert: Any) -> None:
    router = scene.router()
    _open(scene, router, alert, severity="warning")
    for severity in ("info", "critical", "warning", "critical"):
        router.publish(alert(severity=severity))
        scene.clock.advance(INTERVAL_S)
        router.dispatch()
    assert scene.told() == ["open", "update", "notice", "update", "update"]
    assert scene.chat.delivered[2].causes == (NoticeCause.RAISED_SEVERITY,)


def test_what_still_fires_is_reminded_of_at_the_first_tick_after_repeat_interval(
    scene: Any, router: Any, alert: Any
) -> None:
    _open(scene, router, alert)
    scene.clock.advance(REPEAT_S - 1)
    assert router.dispatch() == 0
    scene.clock.advance(1)
    assert router.dispatch() == 1
    assert scene.chat.delivered[1].causes == (NoticeCause.REMINDER,)
    scene.clock.advance(REPEAT_S)
    assert router.dispatch() == 1


def test_a_silent_update_puts_off_no_reminder(scene: Any, router: Any, alert: Any) -> None:
    _open(scene, router, alert)
    scene.clock.advance(REPEAT_S - INTERVAL_S)
    router.publish(alert(error="worse"))
    assert router.dispatch(until_idle=True) == 1
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert scene.told() == ["open", "update", "notice"]


def test_one_resolved_of_two_edits_and_the_last_closes(scene: Any, router: Any, alert: Any) -> None:
    router.publish_all([alert(step="load"), alert(step="read")])
    scene.clock.advance(WAIT_S)
    router.dispatch()
    assert router.resolve({"step": "load"}) == 1
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert router.resolve({"step": "read"}) == 1
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert scene.told() == ["open", "update", "resolve"]
    assert [n.status for n in scene.chat.delivered] == ["firing", "firing", "resolved"]
    assert len(scene.chat.delivered[2].incidents) == 2
    assert router.next_due() is None


@pytest.mark.both_databases
def test_the_receipt_of_the_main_message_is_handed_back_until_the_end(
    scene: Any, router: Any, alert: Any
) -> None:
    _open(scene, router, alert)
    router.publish(alert(step="load"))
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    router.resolve({"job": "daily"})
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert scene.told() == ["open", "notice", "resolve"]
    assert [n.previous for n in scene.chat.delivered] == [
        None,
        Receipt({"n": "1"}),
        Receipt({"n": "1"}),
    ]


@pytest.mark.both_databases
def test_what_fires_after_the_end_is_a_new_episode(scene: Any, router: Any, alert: Any) -> None:
    for _ in range(2):
        _open(scene, router, alert)
        router.resolve({"job": "daily"})
        scene.clock.advance(INTERVAL_S)
        router.dispatch()
    assert scene.told() == ["open", "resolve", "open", "resolve"]
    assert scene.chat.delivered[2].previous is None
    assert len(scene.chat.delivered[2].incidents) == 1


def test_what_fires_again_before_its_resolution_was_told_never_ended(
    scene: Any, router: Any, alert: Any
) -> None:
    _open(scene, router, alert)
    router.resolve({"job": "daily"})
    router.publish(alert())
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert scene.told() == ["open", "update"]
    assert scene.chat.delivered[1].status == "firing"
    assert len(scene.chat.delivered[1].incidents) == 1


@pytest.mark.both_databases
def test_what_came_and_went_untold_is_told_as_over(scene: Any, alert: Any) -> None:
    router = scene.router(_SILENT_END)
    router.publish(alert())
    router.resolve({"job": "daily"})
    scene.clock.advance(WAIT_S)
    router.dispatch()
    (told,) = scene.chat.delivered
    assert (told.purpose, told.status, told.previous) == ("resolve", "resolved", None)


def test_with_send_resolved_off_the_end_is_not_told(scene: Any, alert: Any) -> None:
    router = scene.router(_SILENT_END)
    _open(scene, router, alert)
    router.resolve({"job": "daily"})
    scene.clock.advance(INTERVAL_S)
    assert router.dispatch() == 0
    assert router.next_due() is None
    _open(scene, router, alert)
    assert scene.told() == ["open", "open"]


def test_a_late_alert_is_told_as_over_and_never_opens_its_incident(
    scene: Any, router: Any, alert: Any
) -> None:
    failed_at = scene.clock.now
    scene.clock.advance(60)
    router.resolve({"alertname": "RunFailed", "job": "daily"}, at=scene.clock.now)
    scene.clock.advance(60)
    assert router.publish(alert(at=failed_at)) == "already_over"
    assert router.store.incidents(status=Status.FIRING) == []
    router.dispatch()
    assert scene.told() == ["resolve"]


@pytest.mark.parametrize(
    "rule",
    [
        "source_matchers: [alertname=RunFailed], target_matchers: [alertname=StepFailed]",
        "source_match: {alertname: RunFailed}, target_match: {alertname: StepFailed}",
        "source_match_re: {alertname: Run.*}, target_match_re: {alertname: Step.*}",
    ],
    ids=["matchers", "match", "match_re"],
)
def test_a_step_is_held_back_while_its_run_has_failed(scene: Any, alert: Any, rule: str) -> None:
    router = scene.router(_INHIBITED.format(rule=rule))
    router.publish_all(
        [alert("StepFailed"), alert("RunFailed"), alert("Late"), alert("StepFailed", job="other")]
    )
    scene.clock.advance(WAIT_S)
    router.dispatch()
    told = {(n.group_labels["alertname"], n.group_labels["job"]) for n in scene.chat.delivered}
    assert told == {("RunFailed", "daily"), ("Late", "daily"), ("StepFailed", "other")}


@pytest.mark.both_databases
def test_what_was_held_back_is_told_when_nothing_holds_it_any_more(scene: Any, alert: Any) -> None:
    router = scene.router(_STEPS_BY_RUNS)
    router.publish_all([alert("StepFailed", step="load"), alert("RunFailed")])
    scene.clock.advance(WAIT_S)
    router.dispatch()
    router.resolve({"alertname": "RunFailed"})
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert sorted((n.group_labels["alertname"], n.purpose) for n in scene.chat.delivered) == [
        ("RunFailed", "open"),
        ("RunFailed", "resolve"),
        ("StepFailed", "open"),
    ]


def test_what_was_held_back_to_its_end_is_never_told(scene: Any, alert: Any) -> None:
    router = scene.router(_STEPS_BY_RUNS)
    router.publish_all([alert("StepFailed", step="load"), alert("RunFailed")])
    scene.clock.advance(WAIT_S)
    router.dispatch()
    router.resolve({"job": "daily"})
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert [n.group_labels["alertname"] for n in scene.chat.delivered] == ["RunFailed"] * 2
    assert router.next_due() is None


@pytest.mark.both_databases
def test_a_changed_configuration_tells_what_is_open_to_its_new_receiver(
    scene: Any, alert: Any
) -> None:
    _open(scene, scene.router(), alert)
    after = scene.router(_TWO_SINKS)
    assert after.dispatch(until_idle=True) == 1
    assert scene.told("mail") == ["open"]
    assert scene.told("chat") == ["open"]


def test_the_key_is_the_same_for_a_retry_and_new_for_what_is_new(
    scene: Any, router: Any, alert: Any
) -> None:
    scene.chat.fail(DeliveryError(Reason.UNAVAILABLE, "down"))
    _open(scene, router, alert)
    scene.clock.advance(60)
    router.dispatch()
    router.publish(alert(error="worse"))
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    first, again, update = (n.key for n in scene.chat.attempts)
    assert first == again != update
    assert [n.attempt for n in scene.chat.attempts] == [1, 2, 1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_receiver_is_told_in_its_language(scene: Any, alert: Any, language: str) -> None:
    router = scene.router(
        _SILENT_END.replace("name: team", f"name: team\n    language: {language}")
    )
    _open(scene, router, alert)
    assert scene.chat.delivered[0].language == language


@pytest.mark.both_databases
def test_what_was_told_to_be_over_is_left_out_of_what_is_said_after_that(
    scene: Any, alert: Any
) -> None:
    scene.chat.can_edit = False
    router = scene.router()
    router.publish_all([alert(step="load"), alert(step="read")])
    scene.clock.advance(WAIT_S)
    router.dispatch()
    router.resolve({"step": "load"})
    for step in ("write", "check"):
        router.publish(alert(step=step))
        scene.clock.advance(INTERVAL_S)
        router.dispatch()
    router.resolve({"job": "daily"})
    scene.clock.advance(INTERVAL_S)
    router.dispatch()
    assert [sorted(i.labels["step"] for i in n.incidents) for n in scene.chat.delivered] == [
        ["load", "read"],
        ["load", "read", "write"],
        ["check", "read", "write"],
        ["check", "read", "write"],
    ]
    assert scene.told() == ["open", "notice", "notice", "resolve"]
    assert router.next_due() is None


@pytest.mark.both_databases
def test_a_dispatcher_that_was_away_tells_at_once_what_is_overdue(
    scene: Any, router: Any, alert: Any
) -> None:
    _open(scene, router, alert)
    scene.clock.advance(100)
    router.publish(alert(step="load"))
    scene.clock.advance(INTERVAL_S)
    assert router.dispatch() == 1
    assert scene.told() == ["open", "notice"]


def test_groups_of_which_there_is_nothing_to_say_do_not_end_a_pass(scene: Any, alert: Any) -> None:
    scene.chat.can_edit = False
    router = scene.router()
    jobs = [f"job{n}" for n in range(CLAIMED_AT_ONCE + 1)]
    router.publish_all(alert(job=job) for job in jobs)
    scene.clock.advance(WAIT_S)
    router.dispatch()
    router.publish_all(alert(job=job) for job in jobs)
    router.publish(alert(job=jobs[-1], step="load"))
    scene.clock.advance(INTERVAL_S)
    assert router.dispatch() == 1


def _open(scene: Any, router: Any, alert: Any, **labels: str) -> None:
    router.publish(alert(**labels))
    scene.clock.advance(WAIT_S)
    router.dispatch()


_SILENT_END = """
route: {receiver: team, group_by: [alertname, job]}
receivers:
  - name: team
    memory_configs:
      - {sink: chat, send_resolved: false}
"""

_TWO_SINKS = """
route: {receiver: team, group_by: [alertname, job]}
receivers:
  - name: team
    memory_configs:
      - sink: chat
      - sink: mail
"""

_INHIBITED = """
route: {{receiver: team, group_by: [alertname, job]}}
inhibit_rules:
  - {{{rule}, equal: [job]}}
receivers:
  - name: team
    memory_configs:
      - sink: chat
"""
_STEPS_BY_RUNS = _INHIBITED.format(
    rule="source_matchers: [alertname=RunFailed], target_matchers: [alertname=StepFailed]"
)
