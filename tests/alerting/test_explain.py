"""Why an incident was told or not, as `explain` puts it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from work_data_hub.alerting.errors import DeliveryError, NotFound, Reason
from work_data_hub.alerting.explain import Explanation, explain
from work_data_hub.alerting.held_back import Because, Hush
from work_data_hub.alerting.matchers import parse
from work_data_hub.alerting.silences import Silence
from work_data_hub.alerting.store.desk import Desk

pytestmark = pytest.mark.both_databases

CONFIG = """
route:
  receiver: team
  group_by: [alertname, job]
  group_wait: 30s
  group_interval: 5m
  routes:
    - {matchers: [job="nightly"], mute_time_intervals: [night]}
    - {matchers: [job="both"], receiver: others, continue: true}
    - {matchers: [job="both"]}
    - {matchers: [job="nobody"], receiver: nobody}
time_intervals:
  - name: night
    time_intervals: [{times: [{start_time: "00:00", end_time: "06:00"}]}]
inhibit_rules:
  - source_matchers: [alertname="RunFailed"]
    target_matchers: [alertname="StepFailed"]
    equal: [job]
receivers:
  - {name: team, memory_configs: [{sink: chat}]}
  - {name: others, memory_configs: [{sink: mail}]}
  - {name: nobody, memory_configs: [{sink: "${NOWHERE:-}"}]}
"""


class Case:
    """A router, its clock, and what can be asked of it."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.router = scene.router(CONFIG)
        self.desk = Desk(self.router.store.database)

    def pass_(self, seconds: float = 30) -> None:
        self.scene.clock.advance(seconds)
        self.router.dispatch()

    def why(self, name: str | None = None) -> Explanation:
        if name is None:
            name = self.router.store.incidents()[0].fingerprint
        now = self.scene.clock.now
        found, hush = self.desk.trace(name, self.router.config, at=now)
        return explain(found, self.router.config, hush)

    def verdict(self, name: str | None = None) -> str:
        return "\n".join(self.why(name).verdict)

    def steps(self, name: str | None = None) -> list[str]:
        return [step.text for step in self.why(name).steps]


@pytest.fixture
def case(scene: Any) -> Case:
    return Case(scene)


def test_what_nobody_has_dispatched_says_so(case: Case, alert: Any) -> None:
    case.router.publish(alert())
    assert case.verdict() == "not routed yet: no dispatcher has looked at it"


def test_what_waits_for_its_group_says_until_when(case: Case, alert: Any) -> None:
    case.router.publish(alert())
    case.pass_(10)
    assert case.verdict() == "team memory[0]: waits to be told 2024-11-05 10:00:30"


def test_what_was_told_says_when_by_whom_and_in_which_group(case: Case, alert: Any) -> None:
    case.router.publish(alert())
    case.pass_()
    why = case.why()
    assert why.verdict == ("team memory[0]: told; what it heard last is that it fires",)
    assert [(s.at, s.where, s.text) for s in why.steps if s.at] == [
        (case.scene.clock.now - timedelta(seconds=30), "", "it fired, severity critical"),
        (case.scene.clock.now, "team memory[0]", "told"),
    ]
    texts = case.steps()
    assert "route {} takes it; told by memory[0]" in texts
    assert (
        'group {}:{alertname="RunFailed", job="daily"}, one message for all of it, alone so far'
        in texts
    )


def test_what_is_over_says_that_it_was_told(case: Case, alert: Any) -> None:
    case.router.publish(alert())
    case.pass_()
    case.router.resolve({"job": "daily"})
    case.pass_(300)
    assert case.verdict() == "team memory[0]: told that it is over"
    assert case.steps().count("it was over") == 1


def test_each_receiver_that_a_route_gives_it_to_has_its_say(case: Case, alert: Any) -> None:
    case.router.publish(alert(job="both"))
    case.pass_()
    assert [line.split(":")[0] for line in case.why().verdict] == [
        "others memory[0]",
        "team memory[0]",
    ]


def test_what_is_held_back_names_what_holds_it(case: Case, alert: Any) -> None:
    case.router.publish_all([alert(), alert("StepFailed", step="load")])
    case.pass_()
    step = next(i for i in case.router.store.incidents() if "step" in i.labels)
    assert 'inhibited: RunFailed {job="daily"} fires' in case.verdict(step.fingerprint)


def test_what_is_silenced_names_the_silence_and_its_end(case: Case, alert: Any) -> None:
    now = case.scene.clock.now
    asked = Silence("", parse("job=daily"), now, now + timedelta(hours=2), "anna", "upgrade")
    silence = case.desk.add_silence(asked, at=now)
    case.router.publish(alert())
    case.pass_()
    assert (
        f'team memory[0]: silenced: silence {silence.id} {{job="daily"}} of anna (upgrade),'
        " until 2024-11-05 12:00:00; looked at again 2024-11-05 10:05:30" == case.verdict()
    )
    case.router.resolve({"job": "daily"})
    case.pass_(300)
    assert case.verdict() == "team memory[0]: held back until it was over, and so not told"


def test_what_is_muted_names_the_interval_and_its_end(case: Case, alert: Any) -> None:
    case.router.publish(alert(job="nightly"))
    case.pass_()
    assert "muted by the time interval 'night', until 2024-11-05 14:00:00" in case.verdict()


def test_what_was_folded_in_says_into_what(case: Case, alert: Any) -> None:
    case.router.publish(alert(key="run_failed:1"))
    case.pass_()
    case.router.publish(alert(key="run_failed:2"))
    assert "event run_failed:1 was received: it opened the incident" in case.steps("run_failed:1")
    assert (
        "event run_failed:2 was received: folded into the incident that was open, which is no news"
        in case.steps("run_failed:2")
    )
    assert any("2 events so far are this one incident" in text for text in case.steps())


def test_what_came_after_its_resolution_says_so(case: Case, alert: Any) -> None:
    failed_at = case.scene.clock.now
    case.scene.clock.advance(60)
    case.router.resolve({"job": "daily"})
    case.scene.clock.advance(60)
    case.router.publish(alert(at=failed_at, key="run_failed:1"))
    case.pass_()
    texts = case.steps("run_failed:1")
    assert "event run_failed:1 was received: it came after its resolution" in texts
    assert "received after its resolution: told as already over" in texts


def test_an_event_finds_its_own_incident_among_later_ones(case: Case, alert: Any) -> None:
    case.router.publish(alert(key="run_failed:1"))
    case.pass_()
    case.router.resolve({"job": "daily"})
    case.pass_(300)
    case.router.publish(alert(key="run_failed:2"))
    case.pass_()
    assert case.verdict("run_failed:1") == "team memory[0]: told that it is over"
    assert "fires" in case.verdict("run_failed:2")


def test_an_event_that_resolved_something_says_so(case: Case, alert: Any) -> None:
    case.router.publish(alert())
    case.router.resolve({"job": "daily"}, event_key="run_succeeded:1")
    assert "it resolved what it was about" in case.verdict("run_succeeded:1")


def test_what_failed_says_how_often_why_and_when_it_is_tried_again(case: Case, alert: Any) -> None:
    case.scene.sinks["chat"].fail(DeliveryError(Reason.UNAVAILABLE, "it is down"))
    case.router.publish(alert())
    case.pass_()
    assert "1 attempt(s) failed; tried again 2024-11-05 10:00:31" in case.verdict()
    assert "attempt 1 (open) failed, to be tried again: unavailable it is down" in case.steps()


def test_what_was_given_up_names_the_dead_letter(case: Case, alert: Any) -> None:
    case.scene.sinks["chat"].fail(DeliveryError(Reason.REJECTED, "it is refused"))
    case.router.publish(alert())
    case.pass_()
    fingerprint = case.router.store.incidents()[-1].fingerprint
    assert "team memory[0]: given up: dead letter 1;" in case.verdict(fingerprint)
    assert "attempt 1 (open) failed for good: rejected it is refused" in case.steps(fingerprint)


def test_what_was_given_up_and_dropped_is_not_said_to_be_told(case: Case, alert: Any) -> None:
    case.scene.sinks["chat"].fail(DeliveryError(Reason.REJECTED, "it is refused"))
    case.router.publish(alert())
    case.pass_()
    fingerprint = case.router.store.incidents()[-1].fingerprint
    case.desk.drop([1], by="anna", at=case.scene.clock.now)
    given_up = "team memory[0]: given up, and the dead letter was dropped"
    assert case.verdict(fingerprint).startswith(given_up)
    assert "dropped by anna: dead letter 1, memory[0] of receiver team" in case.steps(fingerprint)
    # What is told later is told.
    case.router.resolve({"job": "daily"})
    case.pass_(300)
    assert case.verdict(fingerprint) == "team memory[0]: told that it is over"


def test_what_was_given_up_and_is_told_after_all_is_told(case: Case, alert: Any) -> None:
    case.scene.sinks["chat"].fail(DeliveryError(Reason.REJECTED, "it is refused"))
    case.router.publish(alert())
    case.pass_()
    fingerprint = case.router.store.incidents()[-1].fingerprint
    known = [("team", "memory[0]")]
    case.desk.replay([1], known=known, by="anna", at=case.scene.clock.now)
    assert "given up" not in case.verdict(fingerprint)
    case.pass_()
    assert "told; what it heard last is that it fires" in case.verdict(fingerprint)


def test_what_was_told_or_given_up_of_others_in_the_group_is_not_said_of_it(
    case: Case, alert: Any
) -> None:
    case.scene.sinks["chat"].fail(DeliveryError(Reason.REJECTED, "it is refused"))
    case.router.publish(alert(step="first"))
    case.pass_()
    case.scene.clock.advance(1)
    case.router.publish(alert(step="second"))
    case.pass_(299)
    second = next(
        i.fingerprint for i in case.router.store.incidents() if i.labels.get("step") == "second"
    )
    assert "told; what it heard last" in case.verdict(second)
    assert [text for text in case.steps(second) if "attempt" in text] == []
    assert any("with 1 other(s)" in text for text in case.steps(second))


def test_a_receiver_that_is_off_says_which_variable_is_missing(case: Case, alert: Any) -> None:
    case.router.publish(alert(job="nobody"))
    case.pass_()
    assert case.verdict().startswith("team memory[0]: told")
    assert "the fallback is told in the place of who cannot be" in case.steps()
    assert any("off: memory[0] (NOWHERE not set)" in text for text in case.steps())


def test_an_acknowledgement_is_a_step_and_says_that_it_stands(case: Case, alert: Any) -> None:
    case.router.publish(alert(severity="warning"))
    case.pass_()
    fingerprint = case.router.store.incidents()[0].fingerprint
    now = case.scene.clock.now
    case.desk.acknowledge(fingerprint, by="anna", comment="on it", at=now)
    assert "acknowledged by anna: on it" in case.steps()
    assert "acknowledged by anna: no reminders" in case.steps()
    case.router.publish(alert(severity="critical"))
    assert "no acknowledgement stands: taken back, or it has got graver since" in case.steps()


def test_what_happened_comes_in_order_and_then_how_things_are(case: Case, alert: Any) -> None:
    case.router.publish(alert())
    case.pass_()
    case.router.publish(alert())
    case.pass_(300)
    times = [step.at for step in case.why().steps]
    happened = [at for at in times if at]
    assert times == sorted(happened) + [None] * (len(times) - len(happened))


@pytest.mark.parametrize("name", ["run_failed:none", "0123", ""])
def test_what_nobody_knows_is_one_sentence(case: Case, alert: Any, name: str) -> None:
    case.router.publish(alert())
    with pytest.raises(NotFound, match=r"^no .* is called"):
        case.why(name)


def test_everything_that_holds_back_is_named_not_only_the_first(case: Case, alert: Any) -> None:
    now = case.scene.clock.now
    silence = Silence("1", parse("job=nightly"), now, now + timedelta(hours=1))
    case.router.publish(alert("StepFailed", job="nightly"))
    (incident,) = case.router.store.incidents()
    hush = Hush(
        at=now,
        rules=case.router.config.inhibit_rules,
        firing=[{"alertname": "RunFailed", "job": "nightly"}],
        silences=[silence],
        intervals=case.router.config.time_intervals,
    )
    (route,) = [r for r in case.router.config.route.walk() if r.mute_time_intervals]
    found = [reason.because for reason in hush.reasons(incident, route)]
    assert found == [Because.INHIBITED, Because.MUTED, Because.SILENCED]
