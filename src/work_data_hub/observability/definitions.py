"""What a Dagster project merges into its own definitions to be watched."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import (
    DefaultSensorStatus,
    Definitions,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from . import successes
from .dagster_api import ownership
from .local_router import local_router, use

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..alerting import AlertRouter
    from .reconciler import Reconciler

SENSOR_NAME = "alerting_sensor"
# Dagster gives a sensor's tick 60 s; https://docs.dagster.io/guides/automate/sensors
# All of these together, and the deadline of a delivery that begins at the end of its budget, are
# less than that.
FEED_BUDGET_S = 15.0
RECONCILER_BUDGET_S = 10.0
# Dagster's daemon evaluates sensors one after another: waiting out a rate limit here makes them all
# wait. What is not due by then is sent by the next tick.
SEND_BUDGET_S = 15.0
# What ended is counted last: a counter that comes a tick later harms nobody.
TALLY_BUDGET_S = 5.0


def alerting_definitions(
    config: str | Path | None = None,
    *,
    store_url: str | None = None,
    interval_s: int = 30,
    tell_successes: Iterable[str] = (),
) -> Definitions:
    """One sensor that watches every run of the instance and sends what is due.

    `Definitions.merge(my_defs, alerting_definitions())`. config: an alerts.yml, else
    WDH_ALERTS_CONFIG, else ./alerts.yml; with no such file the log, and Slack when
    SLACK_WEBHOOK_URL or SLACK_BOT_TOKEN and SLACK_CHANNEL are set. store_url: else WDH_ALERTS_URL,
    else a SQLite file in the state directory. Both are read at the first tick.
    tell_successes: jobs of which each success is told too, as RunSucceeded, beside those that
    WDH_TELL_SUCCESSES names; where `wdh serve` runs, set that variable there.
    The sensor is on from the start: an alert that waits for somebody to switch it on is none.
    """
    use(config=config, store_url=store_url)
    successes.ask_for(tell_successes)

    @cache
    def reconciler() -> Reconciler:
        from .reconciler import Reconciler

        return Reconciler()

    @cache
    def say(caveats: tuple[str, ...]) -> None:
        """Once in this process, and again where alerts.yml changed them."""
        from ..alerting.logs import logger

        for caveat in caveats:
            logger(__name__).warning("config.caveat", about=caveat)

    @sensor(
        name=SENSOR_NAME,
        # Dagster looks every 5 s: an interval that lacks a moment at its look is 5 s longer.
        minimum_interval_seconds=max(1, interval_s - 1),
        default_status=DefaultSensorStatus.RUNNING,
        description="Tells the alert router of failed and recovered runs, and sends what is due.",
    )
    def alerting_sensor(context: SensorEvaluationContext) -> SkipReason:
        ownership.learn(context)
        router = local_router(config, store_url)
        say(router.config.caveats())
        return SkipReason(tick(context.instance, router, reconciler()))

    return Definitions(sensors=[alerting_sensor])


def tick(
    instance: DagsterInstance, router: AlertRouter, reconciler: Reconciler | None = None
) -> str:
    """What `tell_and_send` does, then one round of the tally, in a sentence."""
    from ..alerting.sink import Deadline
    from . import tally

    now = datetime.now(UTC)
    done = tell_and_send(instance, router, reconciler, now=now)
    tally.advance(instance, router.store, now=now, deadline=Deadline(TALLY_BUDGET_S))
    return done


def tell_and_send(
    instance: DagsterInstance,
    router: AlertRouter,
    reconciler: Reconciler | None,
    *,
    now: datetime,
) -> str:
    """One round of the feed, then one of the dispatcher, in a sentence.

    The dispatcher has its turn even when the feed raises: what is stored already must not wait for
    it. Either's error fails the tick. The Watchdog beats where the feed came to a good end.
    """
    from ..alerting.sink import Deadline
    from ..alerting.watchdog import beat, ping_routes
    from .feed import advance

    try:
        report = advance(instance, router, now=now, deadline=Deadline(FEED_BUDGET_S))
        if reconciler is not None and reconciler.is_due(now):
            reconciler.turn(instance, router, now=now, deadline=Deadline(RECONCILER_BUDGET_S))
        if ping_routes(router.config):
            router.publish(beat())
    finally:
        sent = router.drain(budget_s=SEND_BUDGET_S)
    return (
        f"failures told: {report.told}, held for their retry: {report.held},"
        f" incidents closed: {report.recovered}, messages sent: {sent}"
        + ("; more wait for the next tick" if report.behind else "")
    )
