"""Dead letters in an operator's hands: told after all, as things are by then, or let go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from work_data_hub.alerting.errors import DeliveryError, NotFound, Reason
from work_data_hub.alerting.sink import Receipt, Status
from work_data_hub.alerting.store.desk import Desk

pytestmark = pytest.mark.both_databases

CONFIG = """
route: {receiver: team, group_by: [job], group_wait: 0s, group_interval: 1m}
receivers: [{name: team, memory_configs: [{sink: chat}]}]
"""
KNOWN = {("team", "memory[0]")}
REJECTED = DeliveryError(Reason.REJECTED, "the text is refused")


class Office:
    """A router whose first notification was given up."""

    def __init__(self, scene: Any, alert: Any) -> None:
        self.scene = scene
        self.router = scene.router(CONFIG)
        self.desk = Desk(self.router.store.database)
        self.give_up(alert())

    def give_up(self, alert: Any) -> None:
        self.scene.chat.fail(REJECTED, DeliveryError(Reason.REJECTED, "and its alarm too"))
        self.router.publish(alert)
        self.router.dispatch()
        self.after(60)

    def after(self, seconds: float) -> list[str]:
        self.scene.clock.advance(seconds)
        self.router.dispatch(until_idle=True)
        return self.scene.told()

    def replay(self, *ids: int) -> None:
        self.desk.replay(ids, known=KNOWN, by="anna", at=self.scene.clock.now)

    def told(self) -> list[str]:
        """What the sink took of the job, in order."""
        taken = self.scene.chat.delivered
        return [n.purpose.value for n in taken if n.group_labels.get("job") == "daily"]


@pytest.fixture
def office(scene: Any, alert: Any) -> Office:
    return Office(scene, alert)


def test_a_dead_letter_keeps_what_it_was_to_say(office: Office) -> None:
    letter = office.desk.dead_letters()[0]
    assert (letter.name, letter.reason) == (("team", "memory[0]"), Reason.REJECTED)
    (incident,) = json.loads(letter.notification)["incidents"]
    assert (incident["labels"]["job"], incident["annotations"]) == ("daily", {"error": "boom"})


def test_a_replayed_letter_is_told_as_things_are_by_then(office: Office, alert: Any) -> None:
    office.router.publish(alert(error="worse"))
    assert office.after(600) == []
    office.replay()
    assert office.desk.dead_letters() == []
    assert "open" in office.after(0)
    assert office.told() == ["open"]
    told = next(n for n in office.scene.chat.delivered if n.group_labels.get("job") == "daily")
    assert told.incidents[0].annotations["error"] == "worse"


def test_a_replayed_letter_of_what_is_over_says_so_once(office: Office) -> None:
    office.router.resolve({"job": "daily"})
    office.after(600)
    before = office.told()
    office.replay(1)
    office.after(0)
    assert office.told() == [*before, "resolve"]
    office.after(6_000)
    assert office.told() == [*before, "resolve"]


def test_what_fires_anew_after_a_replay_of_the_old_is_told_after_it(
    office: Office, alert: Any
) -> None:
    office.router.resolve({"job": "daily"})
    office.after(600)
    before = office.told()
    office.router.publish(alert())
    office.replay(1)
    office.after(60)
    assert office.told() == [*before, "resolve", "open"]


def test_a_replay_that_is_refused_again_is_a_dead_letter_again(office: Office) -> None:
    office.scene.chat.fail(REJECTED)
    before = {letter.id for letter in office.desk.dead_letters()}
    office.replay(1)
    office.after(0)
    after = {letter.id for letter in office.desk.dead_letters()}
    assert 1 not in after
    assert after - before


def test_a_dropped_letter_is_told_to_nobody(office: Office) -> None:
    office.desk.drop((1,), by="anna", at=office.scene.clock.now)
    assert 1 not in {letter.id for letter in office.desk.dead_letters()}
    office.after(60)
    assert "daily" not in [
        incident.labels.get("job") for n in office.scene.chat.delivered for incident in n.incidents
    ]


def test_the_alarm_about_dead_letters_ends_with_the_last_of_them(
    office: Office, alert: Any
) -> None:
    def alarms() -> int:
        firing = office.router.store.incidents(status=Status.FIRING)
        return sum(i.labels["alertname"] == "DeadLetters" for i in firing)

    office.give_up(alert(job="other"))
    first, *others = [letter.id for letter in office.desk.dead_letters()]
    assert others
    assert alarms() == 1
    office.desk.drop((first,), by="anna", at=office.scene.clock.now)
    assert alarms() == 1
    office.replay(*others)
    assert alarms() == 0


def test_the_alarm_about_dead_letters_outlasts_the_sinks_next_success(
    office: Office, alert: Any
) -> None:
    office.router.publish(alert(job="other"))
    office.after(60)
    assert "open" in office.scene.told()
    firing = {i.labels["alertname"] for i in office.router.store.incidents(status=Status.FIRING)}
    assert "DeadLetters" in firing
    office.desk.drop((), by="anna", at=office.scene.clock.now)
    firing = {i.labels["alertname"] for i in office.router.store.incidents(status=Status.FIRING)}
    assert "DeadLetters" not in firing


def test_a_replay_goes_on_from_what_was_reached(scene: Any, alert: Any) -> None:
    reached = Receipt({"reached": "anna"})
    scene.chat.fail(DeliveryError(Reason.REJECTED, "one of two", receipt=reached))
    router = scene.router(CONFIG)
    router.publish(alert())
    router.dispatch()
    desk = Desk(router.store.database)
    (letter,) = desk.dead_letters()
    assert json.loads(letter.notification)["previous"]["values"] == {"reached": "anna"}
    desk.replay((letter.id,), known=KNOWN, by="anna", at=scene.clock.now)
    router.dispatch()
    first, again = (n for n in scene.chat.attempts if n.group_labels.get("job") == "daily")
    assert (again.previous, again.key, again.attempt) == (reached, first.key, 1)


def test_who_replayed_or_dropped_it_is_kept_with_the_incident(office: Office) -> None:
    (incident,) = office.router.store.incidents(status=Status.FIRING)[-1:]
    office.replay(1)
    (action,) = office.desk.actions(incident.fingerprint)
    assert (action.kind, action.by) == ("replayed", "anna")
    assert "dead letter 1, memory[0] of receiver team" in action.comment


def test_a_replay_for_whom_nobody_has_is_refused_and_changes_nothing(office: Office) -> None:
    with pytest.raises(NotFound, match=r"which alerts\.yml does not have"):
        office.desk.replay((1,), known=set(), by="anna", at=office.scene.clock.now)
    assert 1 in {letter.id for letter in office.desk.dead_letters()}


def test_a_letter_that_is_not_there_is_named(office: Office) -> None:
    with pytest.raises(NotFound, match="no dead letter is called 999, 998"):
        office.desk.drop((1, 999, 998), by="anna", at=office.scene.clock.now)
    assert 1 in {letter.id for letter in office.desk.dead_letters()}


def test_a_replay_while_its_conversation_is_in_other_hands_fences_them_off(
    office: Office, alert: Any
) -> None:
    """A sink that is told of it just then: what it takes is not recorded over the replay."""

    class Replaying(type(office.scene.chat)):  # type: ignore[misc]
        def deliver(self, notification: Any, *, deadline: Any) -> Any:
            if not self.attempts:
                office.replay(1)
            return super().deliver(notification, deadline=deadline)

    office.scene.sinks["chat"] = Replaying()
    router = office.scene.router(CONFIG)
    router.publish(alert(step="new"))
    office.scene.clock.advance(60)
    router.dispatch(until_idle=True)
    steps = [
        sorted(i.labels.get("step", "") for i in n.incidents)
        for n in office.scene.chat.delivered
        if n.group_labels.get("job") == "daily"
    ]
    assert ["", "new"] in steps
    assert len(steps) == 2
