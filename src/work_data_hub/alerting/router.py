"""The router as its users see it: publish, resolve, dispatch."""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from .. import locations
from .alert import Alert, storable_labels
from .config import AlertsConfig, load
from .errors import DeliveryError
from .redact import Redactor
from .timing import Budget, moment, utc_now

if TYPE_CHECKING:
    from .dispatcher import Dispatcher
    from .kind import Kind
    from .sink import AlertSink
    from .store.firing import Outcome
    from .store.store import Store

PUBLISHED_AT_ONCE = 500
_SHORTEST_WAIT_S = 0.05
# Where something is due that this process cannot have: another one is at it, or a sink hangs.
_IDLE_WAIT_S = 1.0


class AlertRouter:
    """Takes alerts, and tells the right people once.

    `publish` and `resolve` only write to the store: what returned is told or becomes a dead
    letter, whatever happens to this process. `dispatch` does the telling, from any process.
    Safe for threads. Nothing is opened before it is used.
    """

    def __init__(
        self,
        config: AlertsConfig,
        store_url: str,
        *,
        clock: Callable[[], datetime] = utc_now,
        database_clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] | None = None,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self._url = locations.with_psycopg3(store_url)
        self._clock = clock
        self._database_clock = database_clock
        self._environ = os.environ if environ is None else environ
        self._jitter = jitter
        self._sleep = sleep
        self._building = threading.Lock()
        self._dispatcher: Dispatcher | None = None

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        store_url: str | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        database_clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] | None = None,
        kinds: Mapping[str, Kind] | None = None,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
    ) -> AlertRouter:
        """A router over alerts.yml; where there is no such file, over what is built in.

        store_url: WDH_ALERTS_URL, else alerts.db in the state directory, when not given.
        clock: the time of everything but leases, which go by the database's own (for SQLite,
        `database_clock`). kinds: of sinks; those of the catalog when not given.
        Raises ConfigError that names file, line and key. Touches neither store nor network.
        """
        config = load(Path(path), environ=environ, kinds=kinds)
        return cls(
            config,
            store_url or locations.alerts_url(environ),
            clock=clock,
            database_clock=database_clock,
            environ=environ,
            jitter=jitter,
            sleep=sleep,
        )

    @cached_property
    def store(self) -> Store:
        """What is open, what was told, cursors."""
        from .store.store import Store

        return Store(self._url, database_clock=self._database_clock)

    def publish(self, alert: Alert) -> Outcome:
        """Store an alert; once this returns it is not lost. No network.

        Raises StoreUnavailable after two seconds: the caller still has the alert.
        """
        return self.publish_all([alert])[0]

    def publish_all(self, alerts: Iterable[Alert]) -> list[Outcome]:
        """As `publish`, up to 500 in one transaction; those of earlier ones stay when it raises."""
        from .store import firing

        outcomes: list[Outcome] = []
        remaining = iter(alerts)
        while batch := list(islice(remaining, PUBLISHED_AT_ONCE)):
            ready = [
                firing.Ready(
                    alert,
                    self._redactor.labels(alert.labels),
                    self._redactor.mapping(alert.annotations),
                    alert.event_key and self._redactor.event_key(alert.event_key),
                    alert.generator_url and self._redactor.link(alert.generator_url),
                )
                for alert in batch
            ]
            with self.store.database.write() as connection:
                outcomes += firing.publish(connection, ready, now=self._now())
        return outcomes

    def resolve(
        self,
        labels: Mapping[str, str],
        *,
        at: datetime | None = None,
        event_key: str | None = None,
    ) -> int:
        """Close every open incident that carries these labels; gives how many.

        labels: one with an empty value is carried by what has no such label.
        at: when it was over; what fired later stays open. Not given: now, whatever has fired.
        An alert that fired before, and is published later, is told as already over.
        Raises StoreUnavailable after two seconds; ValueError on no labels, which are on every
        incident, and on a time without zone.
        """
        from .store import resolving

        seconds = _over_at(labels, at)
        with self.store.database.write() as connection:
            return resolving.resolve(
                connection,
                self._storable(labels),
                at=seconds,
                event_key=event_key and self.stored_key(event_key),
                now=self._now(),
            )

    def resolve_all(self, resolutions: Iterable[tuple[Mapping[str, str], datetime]]) -> int:
        """As `resolve` for each (labels, at), up to 500 in one transaction."""
        from .store import resolving

        closed = 0
        remaining = ((self._storable(labels), _over_at(labels, at)) for labels, at in resolutions)
        while batch := list(islice(remaining, PUBLISHED_AT_ONCE)):
            now = self._now()
            with self.store.database.write() as connection:
                closed += sum(
                    resolving.resolve(connection, labels, at=at, event_key=None, now=now)
                    for labels, at in batch
                )
        return closed

    def dispatch(
        self, until_idle: bool = False, *, may_claim: Callable[[], bool] = lambda: True
    ) -> int:
        """Tell what is due now; gives how many notifications were taken.

        until_idle: again and again until nothing is due; it does not wait for what comes later.
        may_claim: asked before each helping; False lets what is under way come to its end.
        """
        done = self._dispatching().run(may_claim=may_claim)
        delivered = done.delivered
        while until_idle and done.attempted:
            done = self._dispatching().run(may_claim=may_claim)
            delivered += done.delivered
        return delivered

    def drain(self, budget_s: float = 45.0) -> int:
        """As `dispatch(until_idle=True)`, and waits for what falls due within the budget.

        For a caller that has some time: it sits out a pace, a Retry-After, a backoff. It ends
        when nothing more is to come within the budget, or once that is spent; a delivery under
        way then is given its deadline.
        """
        budget = Budget(budget_s, clock=self._now)
        delivered = 0
        while True:
            done = self._dispatching().run(may_claim=lambda: budget.left_s > 0)
            delivered += done.delivered
            due_at = self.next_due()
            wait_s = math.inf if due_at is None else due_at.timestamp() - self._now()
            if wait_s >= budget.left_s:
                return delivered
            self._sleep(max(wait_s, _SHORTEST_WAIT_S if done.attempted else _IDLE_WAIT_S))

    def next_due(self) -> datetime | None:
        """When there is something to tell: now, later, or None for nothing to come."""
        from .store import groups

        if not self.store.database.exists():
            return None
        with self.store.database.read() as connection:
            if groups.has_changed(connection):
                return self._clock()
            due_at = self._dispatching().next_due(connection)
        return None if due_at is None else max(moment(due_at), self._clock())

    def sinks(self) -> Mapping[tuple[str, str], AlertSink]:
        """A sink for every integration, by (receiver, integration). Opens no connection."""
        return {
            (i.receiver, i.name): self.config.kinds[i.kind].build(
                i.config, redact=self._redactor, http=None
            )
            for i in self.config.integrations()
        }

    def redact(self, text: str) -> str:
        """The text with every secret that `publish` would find, taken out: for before a cut."""
        return self._redactor.text(text)

    def describe(self, error: Exception) -> str:
        """What a sink raised, in words that hold no secret."""
        if isinstance(error, DeliveryError):
            return self.redact(error.detail)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return self.redact(text)[:500]

    def stored_key(self, event_key: str) -> str:
        """An event's key as the store has it: without the secrets that `publish` would find."""
        return self._redactor.event_key(event_key)

    def close(self) -> None:
        """Lets go of threads and of the store's connections."""
        if self._dispatcher is not None:
            self._dispatcher.close()
            self._dispatcher = None
        self.store.close()

    def _now(self) -> float:
        return self._clock().timestamp()

    def _storable(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """As `publish` stores them, so that a resolution finds what fired."""
        return self._redactor.labels(storable_labels(labels))

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor(self.config.secrets(), self._environ)

    def _dispatching(self) -> Dispatcher:
        from .dispatcher import Dispatcher

        with self._building:
            if self._dispatcher is None:
                self._dispatcher = Dispatcher(
                    self.config,
                    self.store.database,
                    self.sinks(),
                    clock=self._clock,
                    describe=self.describe,
                    jitter=self._jitter,
                )
            return self._dispatcher


def _over_at(labels: Mapping[str, str], at: datetime | None) -> float | None:
    if not labels:
        raise ValueError("resolve needs labels; none at all are carried by every incident")
    if at is not None and at.tzinfo is None:
        raise ValueError("at has no time zone")
    return None if at is None else at.timestamp()
