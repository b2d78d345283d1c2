"""An integration that is taken out of alerts.yml while it was telling of something."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.both_databases

TWO_SINKS = """
route: {receiver: team, group_by: [job], group_wait: 0s, group_interval: 1m}
retention: 1d
receivers:
  - name: team
    memory_configs: [{sink: chat}, {sink: mail}]
"""
ONE_SINK = TWO_SINKS.replace(", {sink: mail}", "")
NO_SINK = TWO_SINKS.replace("[{sink: chat}, {sink: mail}]", "[]")


def test_its_conversations_end_and_those_of_the_others_go_on(scene: Any, alert: Any) -> None:
    before = scene.router(TWO_SINKS)
    before.publish(alert())
    before.dispatch()
    after = scene.router(ONE_SINK)
    after.dispatch()
    after.resolve({"job": "daily"})
    scene.clock.advance(60)
    assert after.dispatch(until_idle=True) == 1
    assert scene.told("chat") == ["open", "resolve"]
    assert scene.told("mail") == ["open"]
    assert not after.store.reading(now=scene.clock.seconds() + 9e6).due


def test_what_was_told_to_nobody_else_is_forgotten_in_time(scene: Any, alert: Any) -> None:
    before = scene.router(ONE_SINK)
    before.publish(alert())
    before.dispatch()
    before.resolve({"job": "daily"})
    after = scene.router(NO_SINK)
    for _ in range(3):
        scene.clock.now += timedelta(days=400)
        after.dispatch()
    assert after.store.incidents() == []


def test_one_that_is_put_back_is_told_how_it_ended(scene: Any, alert: Any) -> None:
    before = scene.router(TWO_SINKS)
    before.publish(alert())
    before.dispatch()
    scene.router(ONE_SINK).dispatch()
    after = scene.router(TWO_SINKS)
    after.resolve({"job": "daily"})
    scene.clock.advance(60)
    after.dispatch(until_idle=True)
    assert scene.told("mail") == ["open", "resolve"]


def test_one_whose_variable_is_not_set_in_this_process_is_left_to_the_others(
    scene: Any, alert: Any
) -> None:
    config = TWO_SINKS.replace("{sink: mail}", "{sink: '${MAIL:-}'}")
    able = scene.router(config, environ={"MAIL": "mail"})
    able.publish(alert())
    able.dispatch()
    scene.router(config).dispatch()
    able.resolve({"job": "daily"})
    scene.clock.advance(60)
    able.dispatch(until_idle=True)
    assert scene.told("mail") == ["open", "resolve"]
