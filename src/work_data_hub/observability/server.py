"""`wdh serve`: the feed, the dispatcher and what watches them, in one process outside Dagster.

It loads no user code: all that it knows of Dagster is in the instance's storage. Any number may run
beside each other and beside the alerting sensor: event keys, leases and cursors see to it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..alerting.logs import logger
from ..alerting.redact import Redactor
from ..alerting.sink import Deadline
from ..alerting.timing import utc_now
from ..alerting.workers import DELIVERY_DEADLINE_S, OVERRUN_S
from . import feed, runbooks, tally
from .http_endpoint import Verdict, answering
from .live_router import LiveRouter
from .reconciler import Reconciler
from .rounds import Condition, Round, Rounds
from .self_metrics import LinksCollector, LiveStoreCollector, RoundsCollector
from .watch import Limits, Watch

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from prometheus_client.registry import Collector

FEED_BUDGET_S = TALLY_BUDGET_S = 20.0
# A budget is looked at between batches, and one of hundreds of failures whose runs' logs have to
# be read takes long on a slow disk. Who is restarted in the middle of it begins it again.
LONG_TURN_S = 300.0
# How often failures that wait for Dagster's own retry are looked at; see retries.py.
REVIEW_HELD_S = 2.0
# What hooks and other processes publish is told so much later at most.
LOOK_EVERY_S = 0.5
# A pass also sweeps what is long over, and routes anew under a new alerts.yml.
PASS_AT_LEAST_EVERY_S = 60.0
# Once it has claimed for so long, the dispatcher brings its pass to an end and begins another.
PASS_BUDGET_S = 5.0
READY_WITHIN_S = 60.0
DRAIN_S = DELIVERY_DEADLINE_S + OVERRUN_S + 8.0

log = logger(__name__)


@dataclass(frozen=True)
class Intervals:
    """How often the rounds turn, in seconds."""

    feed_s: float = 0.25
    reconcile_s: float = 60.0
    tally_s: float = 5.0
    watch_s: float = 15.0


class Service:
    """The rounds of one process, and what can be asked of them."""

    def __init__(
        self,
        instance: DagsterInstance,
        live: LiveRouter,
        *,
        intervals: Intervals,
        limits: Limits,
    ) -> None:
        self._instance = instance
        self._live = live
        self._intervals = intervals
        self._reconciler = Reconciler()
        self._held_due = 0.0
        self._passed_at = 0.0
        self._passed_with: object = None
        self.rounds = Rounds(self._rounds(), describe=self._describe)
        self._watch = Watch(instance, live, self.rounds.conditions, limits)

    def _rounds(self) -> Iterator[Round]:
        yield Round("feed", self._feed, self._intervals.feed_s, limit_s=LONG_TURN_S)
        yield Round("dispatch", self._dispatch, LOOK_EVERY_S)
        yield Round("reconcile", self._reconcile, self._intervals.reconcile_s, limit_s=LONG_TURN_S)
        yield Round("tally", self._tally, self._intervals.tally_s, limit_s=LONG_TURN_S)
        yield Round("watch", self._watch_all, self._intervals.watch_s)

    def _feed(self) -> float | None:
        now = time.monotonic()
        reviews_held = now >= self._held_due
        report = feed.advance(
            self._instance,
            self._live.router,
            now=utc_now(),
            deadline=Deadline(FEED_BUDGET_S),
            reviews_held=reviews_held,
        )
        if reviews_held:
            self._held_due = now + REVIEW_HELD_S
        if report.told or report.recovered:
            self.rounds.wake("dispatch")
            log.info("feed.told", failures=report.told, incidents_closed=report.recovered)
        return 0.0 if report.behind else None

    def _reconcile(self) -> float | None:
        done = self._reconciler.turn(
            self._instance,
            self._live.router,
            now=utc_now(),
            deadline=Deadline(FEED_BUDGET_S),
        )
        if done.missing or done.recovered:
            self.rounds.wake("dispatch")
        return 0.0 if done.behind else None

    def _tally(self) -> None:
        store = self._live.router.store
        tally.advance(self._instance, store, now=utc_now(), deadline=Deadline(TALLY_BUDGET_S))

    def _dispatch(self) -> float | None:
        """One pass where something is due; the seconds until something may be."""
        self._live.refresh()
        router = self._live.router
        now = time.monotonic()
        due_at = router.next_due()
        wait_s = LOOK_EVERY_S if due_at is None else due_at.timestamp() - time.time()
        is_due = wait_s <= 0 or router is not self._passed_with
        if not is_due and now - self._passed_at < PASS_AT_LEAST_EVERY_S:
            return min(LOOK_EVERY_S, wait_s)
        ends_at = now + PASS_BUDGET_S
        told = router.dispatch(
            may_claim=lambda: not self.rounds.is_stopping and time.monotonic() < ends_at
        )
        self._passed_with, self._passed_at = router, now
        return 0.0 if told else None

    def _watch_all(self) -> None:
        self._watch.turn()

    def healthy(self) -> Verdict:
        """The process is alive and its rounds turn. Who restarts what is not asks this."""
        now = time.monotonic()
        return Verdict(
            tuple(f"the round {c.name} hangs" for c in self.rounds.conditions() if c.hangs(now))
        )

    def ready(self) -> Verdict:
        """Dagster's storage and the alert store have answered of late."""
        if self.rounds.is_stopping:
            return Verdict(("stopping",))
        now = time.monotonic()
        return Verdict(
            tuple(
                f"the round {c.name} has come to no good end of late: {c.last_error or 'it waits'}"
                for c in self.rounds.conditions()
                if c.name in ("feed", "dispatch") and not _is_well(c, now)
            )
        )

    def collectors(self) -> list[Collector]:
        return [
            LiveStoreCollector(self._live),
            RoundsCollector(self.rounds.conditions),
            LinksCollector(self._redactor()),
        ]

    def _describe(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}".partition("\n")[0]
        return self._redactor().text(text)[:500]

    def _redactor(self) -> Redactor:
        return Redactor(self._live.router.config.secrets(), os.environ)


def serve(
    instance: DagsterInstance,
    live: LiveRouter,
    *,
    host: str,
    port: int,
    stop: threading.Event,
    intervals: Intervals | None = None,
    limits: Limits | None = None,
    collectors: Sequence[Collector] = (),
    announce: Callable[[str], None] = lambda _: None,
) -> bool:
    """Serve until `stop` is set, then bring deliveries under way to their ends.

    announce: told the address once it answers. Gives whether everything ended in time.
    Raises OSError when it cannot listen there.
    """
    from prometheus_client import CollectorRegistry, ProcessCollector

    service = Service(instance, live, intervals=intervals or Intervals(), limits=limits or Limits())
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    for collector in (*service.collectors(), *collectors):
        registry.register(collector)
    checks = {"/-/healthy": service.healthy, "/-/ready": service.ready}
    answers = answering(host, port, registry=registry, checks=checks, pages=runbooks.pages())
    with answers as address:
        service.rounds.start()
        announce(address)
        while not stop.wait(1.0):
            pass
        log.info("serve.stopping", drains_s=DRAIN_S)
        service.rounds.stop()
        ended = service.rounds.join(within_s=DRAIN_S)
    live.close()
    log.info("serve.stopped", in_time=ended)
    return ended


def _is_well(condition: Condition, now: float) -> bool:
    return condition.failing_since is None and condition.is_fresh(now, READY_WITHIN_S)
