"""One pass: route what changed, claim what is due, deliver it, record what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from .config import AlertsConfig
from .fallback import FALLBACK_ID, fallback_route, routes_for
from .outcome import settle
from .plan import Plan, plan
from .route import Route
from .sink import AlertSink, Incident
from .store import actions, conversations, groups, retention
from .store.actions import Acknowledged, with_acknowledgements
from .store.conversations import LEASE_S, Claim
from .store.database import Database
from .store.health import Health, all_health
from .store.hush import hush
from .workers import DELIVERY_DEADLINE_S, OVERRUN_S, Job, Name, Result, Workers

# Claimed at once for one integration; more would be in our hands while another process idles.
CLAIMED_AT_ONCE = 16
RENEW_EVERY_S = 1.5
# How often a process looks for what is long over; sooner again while there is some.
SWEEP_EVERY_S = 60.0
SWEEP_AGAIN_S = 1.0


@dataclass(frozen=True)
class Pass:
    """What a pass did."""

    attempted: int
    delivered: int


class Dispatcher:
    """Tells what is due, in as many processes as there are. One pass at a time in each.

    sinks: by (receiver, integration). What could not be recorded (a store that went away) is kept
    and recorded by the next pass, as long as nobody else has claimed it.
    """

    def __init__(
        self,
        config: AlertsConfig,
        database: Database,
        sinks: Mapping[Name, AlertSink],
        *,
        clock: Callable[[], datetime],
        describe: Callable[[Exception], str],
        jitter: Callable[[], float],
    ) -> None:
        self._config = config
        self._database = database
        self._sinks = sinks
        self._clock = clock
        self._jitter = jitter
        self._integrations = {(i.receiver, i.name): i for i in config.integrations()}
        self._routes = {**config.routes_by_id(), FALLBACK_ID: fallback_route(config)}
        self._workers = Workers(describe=describe)
        self._in_flight: dict[int, Job] = {}
        self._unrecorded: list[Result] = []
        self._halted: dict[Name, threading.Event] = {}
        self._noted = False
        self._renewed = 0.0
        self._sweep_due = 0.0
        self._lock = threading.Lock()

    def run(self, *, may_claim: Callable[[], bool] = lambda: True) -> Pass:
        """Everything that is due when it begins. may_claim: asked before each further helping.

        Raises StoreUnavailable; what was under way is recorded by the next pass.
        """
        with self._lock:
            now = self._now()
            self._route(now)
            attempted = delivered = 0
            while True:
                if may_claim():
                    self._claim(now)
                if not self._in_flight and not self._unrecorded:
                    self._sweep(now)
                    return Pass(attempted, delivered)
                done = self._record()
                attempted += done.attempted
                delivered += done.delivered

    def close(self) -> None:
        self._workers.close()

    def _now(self) -> float:
        return self._clock().timestamp()

    def _route_of(self, route_id: str) -> Route:
        """A group whose route is gone from the file goes on as the first route says."""
        return self._routes.get(route_id, self._config.route)

    def _route(self, now: float) -> None:
        routes_for_labels = partial(routes_for, self._config)
        while True:
            with self._database.write() as connection:
                if not self._noted:
                    groups.note_config(connection, self._config.digest)
                looked_at = groups.route_changed(
                    connection, routes_for_labels, self._route_of, now=now
                )
                if looked_at < groups.BATCH:
                    groups.converse(connection, self._integrations)
                    break
        self._noted = True

    def _claim(self, now: float) -> None:
        with self._database.write() as connection:
            health = all_health(connection)
            held_back = hush(connection, self._config, now=now).is_held_back
            acknowledged = actions.of_open(connection)
            plans = [
                made
                for name in self._integrations
                for held in conversations.claim(
                    connection, *name, now=now, limit=self._room(name, health.get(name), now)
                )
                if (made := self._plan(connection, held, held_back, acknowledged))
            ]
        lease_ends = time.monotonic() + LEASE_S
        for made in plans:
            self._submit(made, lease_ends)

    def _room(self, name: Name, health: Health | None, now: float) -> int:
        """How many conversations this integration may be given."""
        outstanding = self._workers.outstanding(name)
        if self._workers.is_stuck(name):
            return 0
        if health is not None and health.digest == self._integrations[name].digest:
            if health.not_before > now:
                return 0
            if health.failures:
                return 1 if outstanding == 0 else 0  # one probe, not a storm
        if self._sinks[name].pace_s > 0:
            return 1 if outstanding == 0 else 0
        return CLAIMED_AT_ONCE - outstanding

    def _plan(
        self,
        connection: Connection,
        held: Claim,
        held_back: Callable[[Incident, Route], bool],
        acknowledged: Acknowledged,
    ) -> Plan | None:
        """What to tell; None where it came to nothing, which is recorded at once."""
        name = (held.receiver, held.integration)
        now = self._now()
        made = plan(
            held,
            with_acknowledgements(
                conversations.incidents_of(connection, held.group_id), acknowledged
            ),
            route=self._route_of(held.route_id),
            integration=self._integrations[name],
            can_edit=self._sinks[name].can_edit,
            language=self._config.receivers[held.receiver].language,
            is_held_back=held_back,
            now=now,
        )
        if made.ended:
            groups.close(connection, held.group_id)
        if made.notification is not None:
            return made
        conversations.progress(connection, held, made.taken(None, now=now))
        return None

    def _submit(self, made: Plan, lease_ends: float) -> None:
        name = (made.claim.receiver, made.claim.integration)
        assert made.notification is not None
        if self._workers.outstanding(name) == 0:
            self._halted[name] = threading.Event()
        job = Job(name, made, made.notification, self._sinks[name], lease_ends, self._halted[name])
        self._in_flight[made.claim.conversation_id] = job
        self._workers.submit(job)

    def _record(self) -> Pass:
        """Waits for results, and writes down those that came."""
        self._unrecorded += self._workers.results(wait_s=self._patience())
        self._unrecorded += [self._workers.abandon(job) for job in self._overdue()]
        for result in self._unrecorded:
            conversation = result.job.plan.claim.conversation_id
            # After a lost lease there may be a newer job of the same conversation: it stays.
            if self._in_flight.get(conversation) is result.job:
                del self._in_flight[conversation]
        with self._database.write() as connection:
            if time.monotonic() - self._renewed > RENEW_EVERY_S:
                self._renew(connection)
            tried = settle(
                connection,
                self._unrecorded,
                self._integrations,
                now=self._now(),
                jitter=self._jitter,
            )
        self._unrecorded = []
        return Pass(*tried)

    def _sweep(self, now: float) -> None:
        """Deletes, now and then, some of what was over long ago."""
        if now < self._sweep_due:
            return
        with self._database.write() as connection:
            deleted = retention.sweep(connection, before=now - self._config.retention_s)
        self._sweep_due = now + (SWEEP_AGAIN_S if deleted else SWEEP_EVERY_S)

    def _patience(self) -> float:
        return 0.0 if self._unrecorded else RENEW_EVERY_S

    def _overdue(self) -> Iterable[Job]:
        limit = time.monotonic() - DELIVERY_DEADLINE_S - OVERRUN_S
        return [
            job
            for job in self._in_flight.values()
            if job.started is not None and job.started < limit
        ]

    def _renew(self, connection: Connection) -> None:
        conversations.renew(connection, (job.plan.claim for job in self._in_flight.values()))
        self._renewed = time.monotonic()
        for job in self._in_flight.values():
            job.lease_ends = self._renewed + LEASE_S
