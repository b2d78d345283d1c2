"""An alert that names its receiver reaches it, whichever process sees the alert first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from conftest import ONE_RECEIVER, Scene
from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.matchers import Matcher, Op
from work_data_hub.alerting.own_receiver import OWN_RECEIVER, with_receiver
from work_data_hub.alerting.silences import Silence
from work_data_hub.alerting.store.desk import Desk
from work_data_hub.alerting.testing import RecordingSink

AT_ONCE = ONE_RECEIVER.replace("30s", "0s")


def with_own(scene: Scene, name: str = "sales/slack") -> AlertRouter:
    """A process with a receiver in its code, over the same store."""
    scene.sinks["own"] = RecordingSink()
    router = scene.router(AT_ONCE)
    router.config = with_receiver(router.config, name, {"memory": {"sink": "own"}})
    return router


def an_alert(receiver: str = "sales/slack") -> Alert:
    return Alert({"alertname": "RunFailed", "job": "nightly", OWN_RECEIVER: receiver})


@pytest.mark.both_databases
def test_it_is_told_by_the_process_that_has_the_receiver_and_by_no_other(scene: Scene) -> None:
    own, other = with_own(scene), scene.router(AT_ONCE)
    own.publish(an_alert())
    other.dispatch(until_idle=True)
    assert scene.told() == scene.told("own") == []
    own.dispatch(until_idle=True)
    assert scene.told("own") == ["open"]
    scene.clock.advance(300)
    other.resolve({"alertname": "RunFailed", "job": "nightly"})
    other.dispatch(until_idle=True)
    own.dispatch(until_idle=True)
    assert scene.told("own") == ["open", "resolve"]
    assert scene.told() == []


@pytest.mark.both_databases
def test_a_process_that_comes_up_without_the_receiver_ends_nothing_that_it_was_told(
    scene: Scene,
) -> None:
    """`wdh serve` started anew, the alerting sensor, another sensor with a channel of its own."""
    own = with_own(scene)
    scene.sinks["own"].fail(DeliveryError(Reason.UNAVAILABLE, "HTTP 503"))
    own.publish(an_alert())
    own.dispatch()
    assert scene.told("own") == []
    scene.router(AT_ONCE).dispatch(until_idle=True)
    scene.clock.advance(60)
    own.dispatch(until_idle=True)
    assert scene.told("own") == ["open"]
    scene.router(AT_ONCE).dispatch(until_idle=True)
    own.resolve({"alertname": "RunFailed", "job": "nightly"})
    scene.router(AT_ONCE).dispatch(until_idle=True)
    scene.clock.advance(300)
    own.dispatch(until_idle=True)
    assert scene.told("own") == ["open", "resolve"]


def test_what_alerts_yml_routes_does_not_reach_it(scene: Scene) -> None:
    own = with_own(scene)
    own.publish(replace(an_alert(), labels={"alertname": "RunFailed", "job": "nightly"}))
    own.dispatch(until_idle=True)
    assert scene.told() == ["open"]
    assert scene.told("own") == []


def test_silences_hold_for_it_as_for_any_other(scene: Scene) -> None:
    own = with_own(scene)
    now = scene.clock.now
    matchers = (Matcher("job", Op.EQUAL, "nightly"),)
    silence = Silence("", matchers, now, now + timedelta(minutes=1))
    Desk(own.store.database).add_silence(silence, at=now)
    own.publish(an_alert())
    own.dispatch(until_idle=True)
    assert scene.told("own") == []
