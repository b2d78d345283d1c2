"""Slack that is slow, away or angry, and clocks that step: what was published is told, and once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.catalog import built_in
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.store.health import Count
from work_data_hub.alerting.testing import Fault, SlackServer

pytestmark = pytest.mark.both_databases

SLACK = """
route: {{receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1m}}
receivers:
  - name: team
    slack_configs: [{{app_token: '{token}', app_url: '{url}', channel: '#alerts'}}]
"""
BOTH = """
route:
  receiver: one
  group_by: ['...']
  group_wait: 0s
  routes: [{{matchers: [job!=""], receiver: one, continue: true}}, {{receiver: two}}]
receivers:
  - name: one
    slack_configs: [{{app_token: '{token}', app_url: '{url}', channel: '#alerts'}}]
  - name: two
    slack_configs:
      - {{app_token: '{token}', app_url: '{url}', channel: alerts, title: team two}}
"""
MEMORY = """
route: {receiver: team, group_by: [job], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers:
  - name: team
    memory_configs: [{sink: chat}]
"""
AN_HOUR_S = 3_600


@pytest.fixture
def slack(scene: Any) -> Iterator[SlackServer]:
    """It takes one message a second, by the scene's clock."""
    with SlackServer(message_every_s=1.0, clock=scene.clock.seconds) as server:
        yield server


def router_to(slack: SlackServer, scene: Any, text: str = SLACK) -> AlertRouter:
    text = text.format(token=slack.token, url=slack.app_url)
    router = scene.router(text, kinds=built_in())
    assert isinstance(router, AlertRouter)
    return router


def dispatch_for(scene: Any, router: AlertRouter, seconds: int, *, every_s: int = 1) -> None:
    for _ in range(0, seconds, every_s):
        router.dispatch()
        scene.clock.advance(every_s)


def jobs_told(slack: SlackServer) -> list[str]:
    """The jobs that messages of the channel are about, in order."""
    texts = [message.all_text for message in slack.messages]
    found = [[n for n in range(20) if f"job-{n:02}" in text] for text in texts]
    assert all(len(of_one) == 1 for of_one in found)
    return [f"job-{numbers[0]:02}" for numbers in found]


def publish(router: AlertRouter, alert: Any, count: int) -> list[str]:
    jobs = [f"job-{n:02}" for n in range(count)]
    router.publish_all(alert(job=job) for job in jobs)
    return jobs


def test_slack_at_one_message_a_second_hears_of_20_of_20_incidents(
    scene: Any, alert: Any, slack: SlackServer
) -> None:
    router = router_to(slack, scene)
    jobs = publish(router, alert, 20)
    assert router.drain(budget_s=45) == 20
    assert sorted(jobs_told(slack)) == jobs
    assert len(slack.calls) == 20, "none was refused: the pace was kept"


def test_the_pace_is_kept_over_a_restart(scene: Any, alert: Any, slack: SlackServer) -> None:
    before = router_to(slack, scene)
    jobs = publish(before, alert, 6)
    before.dispatch()
    before.close()
    after = router_to(slack, scene)
    after.drain(budget_s=30)
    assert sorted(jobs_told(slack)) == jobs
    assert len(slack.calls) == 6


def test_receivers_on_one_channel_share_its_pace(
    scene: Any, alert: Any, slack: SlackServer
) -> None:
    router = router_to(slack, scene, BOTH)
    publish(router, alert, 5)
    assert router.drain(budget_s=30) == 10
    assert len(slack.messages) == len(slack.calls) == 10, "none was refused"
    of_two = ["team two" in message.text for message in slack.messages]
    assert of_two == [False, True] * 5, "they take turns"


def test_what_one_receiver_is_asked_to_wait_the_others_on_its_channel_wait(
    scene: Any, alert: Any, slack: SlackServer
) -> None:
    slack.retry_after = "30"
    router = router_to(slack, scene, BOTH)
    slack.answer(429)
    publish(router, alert, 1)
    router.dispatch()
    due_at = router.next_due()
    assert due_at is not None
    assert due_at.timestamp() - scene.clock.seconds() == 30
    scene.clock.advance(29)
    assert router.dispatch() == 0
    assert len(slack.calls) == 1
    scene.clock.advance(1)
    assert router.drain(budget_s=5) == 2


def test_a_receiver_that_was_mended_waits_for_no_other_that_is_parked(
    scene: Any, alert: Any, slack: SlackServer
) -> None:
    before = router_to(slack, scene, BOTH)
    slack.answer("invalid_auth", "invalid_auth")
    publish(before, alert, 1)
    dispatch_for(scene, before, 3)
    assert before.store.parked() == [("one", "slack[0]"), ("two", "slack[0]")]
    after = router_to(slack, scene, BOTH.replace("title: team two", "title: team three"))
    assert after.drain(budget_s=5) >= 1
    assert after.store.parked() == [("one", "slack[0]")]


def test_slack_that_answers_503_for_minutes_hears_of_everything_when_it_is_back(
    scene: Any, alert: Any, slack: SlackServer
) -> None:
    slack.retry_after = None
    slack.always_answer(503)
    router = router_to(slack, scene)
    jobs = publish(router, alert, 10)
    dispatch_for(scene, router, 300, every_s=4)
    assert slack.messages == []
    probes = len(slack.calls)
    assert probes < 30, "a sink that is away is probed, not hammered"
    slack.always_answer(None)
    # The longest wait between two attempts of one notification.
    dispatch_for(scene, router, 300, every_s=5)
    assert sorted(jobs_told(slack)) == jobs
    assert router.store.dead_letters() == []


def test_in_a_storm_of_429_no_request_falls_within_the_window(
    scene: Any, alert: Any, slack: SlackServer
) -> None:
    slack.retry_after = "30"
    slack.always_answer(429)
    router = router_to(slack, scene)
    jobs = publish(router, alert, 10)
    dispatch_for(scene, router, 200, every_s=4)
    refused_at = [call.at for call in slack.calls]
    assert len(refused_at) >= 3
    assert min(later - earlier for earlier, later in pairwise(refused_at)) >= 30
    slack.always_answer(None)
    dispatch_for(scene, router, 90, every_s=2)
    assert sorted(jobs_told(slack)) == jobs


@pytest.mark.parametrize("fault", [Fault.DRIP, Fault.DROP, Fault.DROP_TAKEN])
def test_what_is_cut_off_is_told_again_and_counted(
    scene: Any, alert: Any, slack: SlackServer, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    router = router_to(slack, scene)
    publish(router, alert, 1)
    slack.answer(fault)
    with monkeypatch.context() as patch:
        patch.setattr("work_data_hub.alerting.workers.DELIVERY_DEADLINE_S", 0.3)
        begun = time.monotonic()
        assert router.dispatch() == 0
        assert time.monotonic() - begun < 5
    assert router.drain(budget_s=10) == 1
    assert jobs_told(slack) == ["job-00"] * (2 if fault is Fault.DROP_TAKEN else 1)
    assert router.store.counters()[Count("maybe_twice", "team", "slack[0]")] == 1
    assert router.store.dead_letters() == []


@pytest.mark.parametrize("step_s", [AN_HOUR_S, -AN_HOUR_S], ids=["forward", "back"])
class TestClockSteps:
    """Of the machine, an hour either way. Leases go by the database's clock, which steps too."""

    def test_what_waits_is_told_once(self, scene: Any, alert: Any, step_s: int) -> None:
        router = scene.router(MEMORY)
        router.publish(alert())
        router.dispatch()
        scene.clock.advance(step_s)
        dispatch_for(scene, router, 660, every_s=30)
        assert scene.told() == ["open"]

    def test_what_is_new_in_a_group_that_was_told_waits_for_no_clock_to_catch_up(
        self, scene: Any, alert: Any, step_s: int
    ) -> None:
        router = scene.router(MEMORY)
        router.publish(alert())
        dispatch_for(scene, router, 60, every_s=30)
        scene.clock.advance(step_s)
        router.publish(alert(step="new"))
        dispatch_for(scene, router, 660, every_s=30)
        assert scene.told() == ["open", "notice"]

    def test_what_failed_is_tried_again_in_its_time(
        self, scene: Any, alert: Any, step_s: int
    ) -> None:
        router = scene.router(MEMORY)
        scene.chat.fail(DeliveryError(Reason.UNAVAILABLE, "HTTP 503"))
        router.publish(alert())
        dispatch_for(scene, router, 31, every_s=30)
        scene.clock.advance(step_s)
        dispatch_for(scene, router, 660, every_s=30)
        assert scene.told() == ["open"]

    def test_what_comes_after_it_is_told_in_its_time(
        self, scene: Any, alert: Any, step_s: int
    ) -> None:
        router = scene.router(MEMORY)
        router.publish(alert(job="before"))
        dispatch_for(scene, router, 60, every_s=30)
        scene.clock.advance(step_s)
        router.publish(alert(job="after"))
        dispatch_for(scene, router, 60, every_s=30)
        assert scene.told() == ["open", "open"]

    def test_its_end_is_told_and_it_is_not_opened_anew(
        self, scene: Any, alert: Any, step_s: int
    ) -> None:
        router = scene.router(MEMORY)
        router.publish(alert())
        dispatch_for(scene, router, 60, every_s=30)
        scene.clock.advance(step_s)
        router.resolve({"job": "daily"})
        dispatch_for(scene, router, 660, every_s=30)
        assert scene.told() == ["open", "resolve"]
        assert router.next_due() is None

    def test_a_reminder_comes_once(self, scene: Any, alert: Any, step_s: int) -> None:
        router = scene.router(MEMORY)
        router.publish(alert())
        dispatch_for(scene, router, 60, every_s=30)
        scene.clock.advance(step_s)
        dispatch_for(scene, router, 5 * AN_HOUR_S + AN_HOUR_S // 2, every_s=300)
        assert scene.told() == ["open", "notice"]
