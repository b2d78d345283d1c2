"""A clock that is set by an hour, either way: nothing lost, told twice, or stuck for that long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from work_data_hub.alerting.claiming import CLAIMED_AT_ONCE
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.sink import Deadline, Receipt
from work_data_hub.alerting.testing import RecordingSink
from work_data_hub.alerting.timing import Budget

pytestmark = pytest.mark.both_databases

HOUR_S = 3600
# A pass takes a second; this long only one that never ends.
PATIENCE_S = 60.0
CONFIG = """
route: {receiver: team, group_by: [job], group_wait: 30s, group_interval: 1m}
receivers: [{name: team, memory_configs: [{sink: chat}]}]
"""
STEPS = pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])


def after(scene: Any, router: Any, seconds: float) -> None:
    """So much later, looked at every ten seconds."""
    for _ in range(int(seconds / 10)):
        scene.clock.advance(10)
        router.dispatch(until_idle=True)


@STEPS
def test_what_waits_for_its_group_is_told_within_minutes(
    scene: Any, alert: Any, step_s: float
) -> None:
    router = scene.router(CONFIG)
    router.publish(alert())
    assert router.dispatch() == 0
    scene.clock.advance(step_s)
    after(scene, router, 120)
    assert scene.told() == ["open"]


@STEPS
def test_what_changes_after_the_step_is_told_at_the_next_tick(
    scene: Any, alert: Any, step_s: float
) -> None:
    router = scene.router(CONFIG)
    router.publish(alert())
    after(scene, router, 60)
    scene.clock.advance(step_s)
    router.publish(alert(step="load"))
    after(scene, router, 120)
    router.resolve({"job": "daily"})
    after(scene, router, 120)
    assert scene.told() == ["open", "notice", "resolve"]


@STEPS
def test_a_sink_that_failed_is_tried_again_within_minutes(
    scene: Any, alert: Any, step_s: float
) -> None:
    router = scene.router(CONFIG)
    scene.chat.fail(*[DeliveryError(Reason.UNAVAILABLE, "HTTP 503") for _ in range(3)])
    router.publish(alert())
    after(scene, router, 40)
    assert scene.told() == []
    scene.clock.advance(step_s)
    after(scene, router, 180)
    told = [n.purpose for n in scene.chat.delivered if "job" in n.group_labels]
    assert told == ["open"]


@STEPS
def test_a_paced_sink_goes_on_at_its_pace(scene: Any, alert: Any, step_s: float) -> None:
    scene.sinks["chat"] = RecordingSink(pace_s=1.0)
    router = scene.router(CONFIG.replace("30s", "0s"))
    router.publish_all(alert(job=f"job{n}") for n in range(5))
    router.dispatch()
    scene.clock.advance(step_s)
    after(scene, router, 60)
    assert scene.told() == ["open"] * 5


@STEPS
def test_a_step_while_it_is_told_tells_it_once(scene: Any, alert: Any, step_s: float) -> None:
    assert _told_while_the_clock_steps(scene, alert, step_s, jobs=40) == _each_once(40)


def test_a_step_by_more_than_the_reminders_wait_ends_the_pass(scene: Any, alert: Any) -> None:
    # What is claimed after the step is due again before the moment at which the pass began.
    jobs = CLAIMED_AT_ONCE + 20
    assert _told_while_the_clock_steps(scene, alert, -12 * HOUR_S, jobs=jobs) == _each_once(jobs)


def _told_while_the_clock_steps(scene: Any, alert: Any, step_s: float, *, jobs: int) -> list[str]:
    """The clock steps in the first delivery of a pass; the jobs that were told within a minute."""
    steps = iter([step_s])  # once, however many threads deliver

    class Stepping(RecordingSink):
        def deliver(self, notification: Any, *, deadline: Any) -> Receipt:
            for step in steps:
                scene.clock.advance(step)
            return super().deliver(notification, deadline=deadline)

    scene.sinks["chat"] = Stepping()
    router = scene.router(CONFIG.replace("30s", "0s"))
    router.publish_all(alert(job=f"job{n}") for n in range(jobs))
    limit = Deadline(PATIENCE_S)
    router.dispatch(may_claim=lambda: limit.remaining_s > 0)
    assert limit.remaining_s > 0, "the pass does not end"
    after(scene, router, 60)
    return sorted(n.group_labels["job"] for n in scene.chat.delivered)


def _each_once(jobs: int) -> list[str]:
    return sorted(f"job{n}" for n in range(jobs))


def test_another_process_looks_at_what_was_planned_before_the_step(scene: Any, alert: Any) -> None:
    before = scene.router(CONFIG)
    before.publish(alert())
    before.dispatch()
    scene.clock.advance(-HOUR_S)
    assert scene.router(CONFIG).dispatch(until_idle=True) == 1


def test_drain_spends_its_budget_whatever_the_clock_does(scene: Any, alert: Any) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        scene.clock.advance(seconds - (HOUR_S if len(slept) == 2 else 0))

    scene.sinks["chat"] = RecordingSink(pace_s=1.0)
    router = scene.router(CONFIG.replace("30s", "0s"), sleep=sleep)
    router.publish_all(alert(job=f"job{n}") for n in range(40))
    router.drain(budget_s=10)
    assert sum(slept) < 20
    router.drain(budget_s=100)
    assert scene.told() == ["open"] * 40


@pytest.mark.parametrize(
    ("times", "left_s"),
    [((0, 4), 6), ((0, 4, -3600), 6), ((0, 4, -3600, -3599), 5), ((0, 3600), -3590)],
)
def test_a_budget_is_not_given_back(times: tuple[float, ...], left_s: float) -> None:
    clock: Callable[[], float] = iter(times).__next__
    budget = Budget(10, clock=clock)
    assert [budget.left_s for _ in times[1:]][-1] == left_s
