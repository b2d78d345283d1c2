"""Silences and acknowledgements: what is not told, until when, and what is told after all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from work_data_hub.alerting.errors import DeliveryError, NotFound, Reason
from work_data_hub.alerting.matchers import parse
from work_data_hub.alerting.silences import Silence, matchers_for
from work_data_hub.alerting.sink import NoticeCause, Status
from work_data_hub.alerting.store.desk import Desk
from work_data_hub.alerting.testing import RecordingSink

pytestmark = pytest.mark.both_databases

HOUR_S = 3_600
CONFIG = """
route: {receiver: team, group_by: [job], group_wait: 0s, group_interval: 1m, repeat_interval: 4h}
receivers: [{name: team, memory_configs: [{sink: chat}]}]
"""
WITH_HOURS = """
route:
  receiver: team
  group_wait: 0s
  group_interval: 1m
  group_by: [job]
  repeat_interval: 12h
  routes: [{{matchers: [job="daily"], {hours}}}]
time_intervals:
  - name: night
    time_intervals: [{{times: [{{start_time: "00:00", end_time: "06:00"}}]}}]
  - name: day
    time_intervals: [{{times: [{{start_time: "06:00", end_time: "24:00"}}]}}]
receivers: [{{name: team, memory_configs: [{{sink: chat}}]}}]
"""
MUTE_AT_NIGHT = "mute_time_intervals: [night]"
ACTIVE_BY_DAY = "active_time_intervals: [day]"


class Hands:
    """An operator at the scene's store."""

    def __init__(self, scene: Any, text: str = CONFIG) -> None:
        self.scene = scene
        self.router = scene.router(text)
        self.desk = Desk(self.router.store.database)

    @property
    def now(self) -> datetime:
        return self.scene.clock.now

    def silence(self, matchers: str = "job=daily", *, hours: float = 2, start_h: float = 0) -> str:
        start = self.now + timedelta(hours=start_h)
        asked = Silence("", parse(matchers), start, start + timedelta(hours=hours), "anna", "")
        return self.desk.add_silence(asked, at=self.now).id

    def after(self, seconds: float) -> list[str]:
        """Time passes, a dispatcher passes; what has been told so far."""
        self.scene.clock.advance(seconds)
        self.router.dispatch(until_idle=True)
        return self.scene.told()

    def incident(self) -> Any:
        (incident,) = self.router.store.incidents(status=Status.FIRING)
        return incident


@pytest.fixture
def hands(scene: Any) -> Hands:
    return Hands(scene)


@pytest.fixture
def mail(scene: Any) -> Hands:
    """The same, with a sink that cannot edit."""
    scene.sinks["chat"] = RecordingSink(can_edit=False)
    return Hands(scene)


def test_what_is_silenced_is_not_told_and_is_told_when_the_silence_ends(
    hands: Hands, alert: Any
) -> None:
    hands.silence(hours=2)
    hands.router.publish(alert())
    assert hands.after(0) == []
    assert hands.after(2 * HOUR_S - 1) == []
    assert hands.after(61) == ["open"]


def test_what_came_and_went_under_a_silence_is_never_told(hands: Hands, alert: Any) -> None:
    hands.silence(hours=2)
    hands.router.publish(alert())
    hands.after(60)
    hands.router.resolve({"job": "daily"})
    assert hands.after(60) == []
    assert hands.after(3 * HOUR_S) == []
    assert hands.router.next_due() is None


def test_what_came_and_went_under_a_silence_is_not_told_by_a_late_dispatcher(
    hands: Hands, alert: Any
) -> None:
    hands.silence(hours=2)
    hands.router.publish(alert())
    hands.scene.clock.advance(HOUR_S)
    hands.router.resolve({"job": "daily"})
    assert hands.after(3 * HOUR_S) == []


def test_others_of_the_group_are_told_without_what_is_silenced(mail: Hands, alert: Any) -> None:
    mail.silence('step="load"')
    mail.router.publish_all([alert(step="load"), alert(step="read")])
    assert mail.after(0) == ["open"]
    (told,) = mail.scene.chat.delivered
    assert [incident.labels["step"] for incident in told.incidents] == ["read"]


def test_a_silenced_incident_gets_no_reminders(hands: Hands, alert: Any) -> None:
    hands.router.publish(alert())
    assert hands.after(0) == ["open"]
    hands.silence(hours=10)
    assert hands.after(9 * HOUR_S) == ["open"]
    assert hands.after(HOUR_S + 60) == ["open", "notice"]
    assert hands.scene.chat.delivered[-1].causes == (NoticeCause.REMINDER,)


def test_a_raised_severity_under_a_silence_is_news_when_it_ends(hands: Hands, alert: Any) -> None:
    hands.router.publish(alert(severity="warning"))
    hands.after(0)
    hands.silence(hours=1)
    hands.router.publish(alert(severity="critical"))
    assert hands.after(60) == ["open", "update"]
    assert hands.after(HOUR_S) == ["open", "update", "notice"]
    assert hands.scene.chat.delivered[-1].causes == (NoticeCause.RAISED_SEVERITY,)


def test_a_message_that_can_be_edited_is_marked_resolved_under_a_silence(
    hands: Hands, alert: Any
) -> None:
    hands.router.publish(alert())
    hands.after(0)
    hands.silence()
    hands.router.resolve({"job": "daily"})
    assert hands.after(60) == ["open", "resolve"]
    assert hands.scene.chat.delivered[-1].previous is not None


def test_where_nothing_can_be_edited_a_silence_holds_the_resolution_back_too(
    mail: Hands, alert: Any
) -> None:
    mail.router.publish(alert())
    mail.after(0)
    mail.silence()
    mail.router.resolve({"job": "daily"})
    assert mail.after(60) == ["open"]
    mail.router.publish(alert())
    assert mail.after(3 * HOUR_S) == ["open", "open"]


def test_a_group_is_told_to_be_over_while_what_is_silenced_still_fires(
    mail: Hands, alert: Any
) -> None:
    mail.router.publish_all([alert(step="load"), alert(step="read")])
    mail.after(0)
    mail.silence('step="load"', hours=1)
    mail.router.resolve({"step": "read"})
    assert mail.after(60) == ["open", "resolve"]
    assert mail.after(600) == ["open", "resolve"]
    assert mail.after(HOUR_S) == ["open", "resolve", "notice"]
    assert mail.scene.chat.delivered[-1].causes == (NoticeCause.NEW_INCIDENT,)


def test_what_fires_anew_under_a_silence_waits_for_its_end(hands: Hands, alert: Any) -> None:
    hands.router.publish(alert())
    hands.after(0)
    hands.silence(hours=1)
    hands.router.resolve({"job": "daily"})
    hands.router.publish(alert())
    told = hands.after(60)
    assert told.count("open") + told.count("notice") == 1
    told = hands.after(HOUR_S)
    assert told.count("open") + told.count("notice") == 2


def test_a_silence_to_come_holds_nothing_back_yet(hands: Hands, alert: Any) -> None:
    hands.silence(start_h=1)
    hands.router.publish(alert())
    assert hands.after(0) == ["open"]


def test_an_expired_silence_lets_go_at_once(hands: Hands, alert: Any) -> None:
    id_ = hands.silence(hours=100)
    hands.router.publish(alert())
    assert hands.after(60) == []
    assert hands.desk.expire_silence(id_[:6], at=hands.now) == id_
    assert hands.after(60) == ["open"]
    (silence,) = hands.desk.silences()
    assert (silence.ends_at, hands.desk.silences(at=hands.now)) == (
        hands.now - timedelta(seconds=60),
        [],
    )
    with pytest.raises(NotFound, match="ended already"):
        hands.desk.expire_silence(id_, at=hands.now)


def test_a_silence_that_had_not_begun_is_gone_when_it_is_expired(hands: Hands) -> None:
    hands.desk.expire_silence(hands.silence(start_h=1), at=hands.now)
    assert hands.desk.silences() == []


@pytest.mark.parametrize("matchers", ["", 'job=~".*"', "job!=daily", 'job=""'])
def test_a_silence_that_takes_everything_is_refused(hands: Hands, matchers: str) -> None:
    with pytest.raises(ValueError, match="takes every alert"):
        hands.silence(matchers)


def test_a_silence_comes_back_from_the_store_as_it_was_given(hands: Hands) -> None:
    labels = {"alertname": "A", "位置": '引"号\\\n', "severity": "critical", "empty": ""}
    asked = Silence(
        "", matchers_for(labels), hands.now, hands.now + timedelta(days=1), "安娜", "升级"
    )
    hands.desk.add_silence(asked, at=hands.now)
    (found,) = hands.desk.silences(at=hands.now)
    assert found.matchers == asked.matchers
    assert (found.created_by, found.comment) == ("安娜", "升级")
    assert found.takes({**labels, "severity": "warning"})
    assert not found.takes({**labels, "alertname": "B"})


@pytest.mark.parametrize("hours", [MUTE_AT_NIGHT, ACTIVE_BY_DAY], ids=["mute", "active"])
def test_a_route_that_is_mute_tells_when_its_hours_begin(
    scene: Any, alert: Any, hours: str
) -> None:
    hands = Hands(scene, WITH_HOURS.format(hours=hours))
    hands.router.publish(alert())
    hands.router.publish(alert(job="other"))
    assert hands.after(0) == ["open"]
    assert hands.after(4 * HOUR_S - 60) == ["open"]
    assert hands.after(60) == ["open", "open"]


def test_an_acknowledged_incident_gets_no_reminders_and_shows_who_and_when(
    hands: Hands, alert: Any
) -> None:
    hands.router.publish(alert())
    hands.after(0)
    fingerprint = hands.incident().fingerprint
    acknowledged_at = hands.now
    hands.desk.acknowledge(fingerprint[:5], by="anna", comment="on it", at=hands.now)
    assert hands.after(60) == ["open", "update"]
    shown = hands.scene.chat.delivered[-1].incidents[0].acknowledged
    assert (shown.by, shown.at, shown.comment) == ("anna", acknowledged_at, "on it")
    assert hands.incident().acknowledged == shown
    assert hands.after(20 * HOUR_S) == ["open", "update"]


def test_an_acknowledgement_that_is_taken_back_brings_the_reminders_back(
    hands: Hands, alert: Any
) -> None:
    hands.router.publish(alert())
    hands.after(0)
    fingerprint = hands.incident().fingerprint
    hands.desk.acknowledge(fingerprint, by="anna", at=hands.now)
    hands.after(5 * HOUR_S)
    hands.desk.withdraw(fingerprint, by="anna", at=hands.now)
    assert hands.after(60)[-1] == "notice"
    assert hands.scene.chat.delivered[-1].causes == (NoticeCause.REMINDER,)
    with pytest.raises(NotFound, match="is not acknowledged"):
        hands.desk.withdraw(fingerprint, by="anna", at=hands.now)


def test_the_same_failure_once_more_does_not_undo_an_acknowledgement(
    hands: Hands, alert: Any
) -> None:
    hands.router.publish(alert())
    hands.desk.acknowledge(hands.incident().fingerprint, by="anna", at=hands.now)
    hands.router.publish(alert(error="again"))
    assert hands.incident().acknowledged.by == "anna"


def test_a_raised_severity_undoes_an_acknowledgement_and_is_told(hands: Hands, alert: Any) -> None:
    hands.router.publish(alert(severity="warning"))
    hands.after(0)
    hands.desk.acknowledge(hands.incident().fingerprint, by="anna", at=hands.now)
    hands.after(60)
    hands.router.publish(alert(severity="critical"))
    assert hands.incident().acknowledged is None
    assert hands.after(60)[-1] == "notice"
    assert hands.after(4 * HOUR_S + 60)[-1] == "notice"


def test_what_fires_after_its_resolution_is_not_acknowledged(hands: Hands, alert: Any) -> None:
    hands.router.publish(alert())
    fingerprint = hands.incident().fingerprint
    hands.desk.acknowledge(fingerprint, by="anna", at=hands.now)
    hands.router.resolve({"job": "daily"})
    with pytest.raises(NotFound, match="over already"):
        hands.desk.acknowledge(fingerprint, by="anna", at=hands.now)
    hands.router.publish(alert())
    assert hands.incident().acknowledged is None


def test_an_acknowledged_incident_does_not_keep_its_group_quiet(hands: Hands, alert: Any) -> None:
    hands.router.publish(alert(step="load"))
    hands.after(0)
    hands.desk.acknowledge(hands.incident().fingerprint, by="anna", at=hands.now)
    hands.after(60)
    hands.router.publish(alert(step="read"))
    assert hands.after(60)[-1] == "notice"
    assert hands.after(5 * HOUR_S)[-1] == "notice"
    assert hands.scene.chat.delivered[-1].causes == (NoticeCause.REMINDER,)


def test_resolve_by_hand_closes_one_incident_and_none_with_more_labels(
    hands: Hands, alert: Any
) -> None:
    hands.router.publish_all([alert(), alert(step="load")])
    one = next(i for i in hands.router.store.incidents() if "step" not in i.labels)
    assert hands.desk.resolve(one.fingerprint, by="anna", at=hands.now).status is Status.RESOLVED
    assert hands.incident().labels["step"] == "load"


def test_what_fired_before_it_was_closed_by_hand_does_not_open_it_again(
    hands: Hands, alert: Any
) -> None:
    failed_at = hands.now
    hands.router.publish(alert())
    fingerprint = hands.incident().fingerprint
    hands.scene.clock.advance(60)
    hands.desk.resolve(fingerprint, by="anna", at=hands.now)
    hands.scene.clock.advance(60)
    assert hands.router.publish(alert(at=failed_at)) == "already_over"
    assert hands.router.publish(alert(step="load", at=failed_at)) == "opened"
    assert hands.router.publish(alert()) == "opened"


def test_an_abbreviation_that_fits_several_is_refused(hands: Hands, alert: Any) -> None:
    hands.router.publish_all([alert(step=str(i)) for i in range(40)])
    first = min(i.fingerprint for i in hands.router.store.incidents())
    assert hands.desk.incident(first).fingerprint == first
    assert hands.desk.incident(f" {first.upper()}").fingerprint == first
    with pytest.raises(NotFound, match="give more of it"):
        for digit in "0123456789abcdef":
            hands.desk.incident(digit)


@pytest.mark.parametrize("name", ["", "xyz", "ffffffffffffffffff", "%", "'"])
def test_a_name_that_fits_nothing_is_refused(hands: Hands, alert: Any, name: str) -> None:
    hands.router.publish(alert())
    with pytest.raises(NotFound):
        hands.desk.incident(name)


@pytest.mark.sqlite
def test_asking_makes_no_store(scene: Any) -> None:
    hands = Hands(scene)
    assert hands.desk.silences() == []
    assert hands.desk.dead_letters() == []
    with pytest.raises(NotFound, match="nothing has been published yet"):
        hands.desk.incident("a")
    assert not (scene.folder / "alerts.db").exists()


def test_what_was_done_by_hand_goes_with_its_incident_when_that_is_long_over(
    hands: Hands, alert: Any
) -> None:
    hands.router.publish(alert())
    hands.after(0)
    fingerprint = hands.incident().fingerprint
    hands.desk.acknowledge(fingerprint, by="anna", at=hands.now)
    hands.desk.resolve(fingerprint, by="anna", at=hands.now)
    assert hands.after(60)[-1] == "resolve"
    hands.after(hands.router.config.retention_s + HOUR_S)
    hands.after(HOUR_S)
    assert hands.router.store.incidents() == []
    with pytest.raises(NotFound):
        hands.desk.actions(fingerprint)


def test_a_dead_letter_under_a_silence_leaves_nothing_to_edit(hands: Hands, alert: Any) -> None:
    hands.scene.chat.fail(
        DeliveryError(Reason.REJECTED, "no"), DeliveryError(Reason.REJECTED, "no")
    )
    hands.router.publish(alert())
    hands.after(0)
    hands.silence()
    hands.router.resolve({"job": "daily"})
    hands.after(60)
    assert [n for n in hands.scene.chat.delivered if n.group_labels.get("job") == "daily"] == []


def test_what_was_told_before_a_silence_is_not_told_anew_after_it(mail: Hands, alert: Any) -> None:
    mail.router.publish(alert())
    mail.after(0)
    mail.silence(hours=1)
    assert mail.after(600) == ["open"]
    assert mail.after(HOUR_S) == ["open"]
    assert mail.after(3 * HOUR_S) == ["open", "notice"]


def test_what_was_over_when_the_dispatcher_came_after_a_silence_is_not_told(
    hands: Hands, alert: Any
) -> None:
    id_ = hands.silence()
    hands.router.publish(alert())
    assert hands.after(60) == []
    hands.desk.expire_silence(id_, at=hands.now)
    hands.scene.clock.advance(10)
    hands.router.resolve({"job": "daily"})
    assert hands.after(60) == []
