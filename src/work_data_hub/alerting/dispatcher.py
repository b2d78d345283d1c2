"""One pass: route what changed, claim what is due, deliver it, record what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from .claiming import Claiming, Helping
from .config import AlertsConfig
from .fallback import routes_for
from .gates import gates
from .outcome import settle
from .sink import AlertSink
from .store import groups, retention, routing
from .store.clock_steps import STEP_S, look_again_after_a_step
from .store.database import ASK_EVERY_S, Database
from .store.leases import LEASE_S
from .under_way import UnderWay
from .workers import Job, Name, Result, Workers

# While deliveries are under way: how often it looks for what has come meanwhile. A look only reads.
LOOK_EVERY_S = 0.025
# Between two transactions, however much there is to do: publishers take their turn meanwhile.
GIVE_WAY_S = 2 * ASK_EVERY_S
# Results that come within so long of each other are recorded in one transaction.
GATHER_S = 0.01
# How often a process looks for what is long over; sooner again while there is some.
SWEEP_EVERY_S = 60.0
SWEEP_AGAIN_S = 1.0


@dataclass(frozen=True)
class Pass:
    """What a pass did."""

    attempted: int
    delivered: int


@dataclass(frozen=True)
class _Turn(Pass):
    """is_routed: all that had changed. is_last: nothing more is due that there is a hand for."""

    is_routed: bool
    is_last: bool


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
        self._gates = gates({name: i.digest for name, i in self._integrations.items()}, sinks)
        self._workers = Workers(describe=describe)
        self._under_way = UnderWay()
        self._claiming = Claiming(
            config, sinks, self._gates, self._workers, self._under_way, clock=clock
        )
        self._unrecorded: list[Result] = []
        self._halted: dict[Name, threading.Event] = {}
        self._clock_noted = 0.0
        self._noted = False
        self._may_lack = True  # some group, a conversation
        self._sweep_due = 0.0
        self._lock = threading.Lock()

    def run(self, *, may_claim: Callable[[], bool] = lambda: True) -> Pass:
        """Everything that is due when it begins. may_claim: asked before each further helping.

        What comes while a delivery of that takes long is told as well: one that hangs holds up
        nothing else. Raises StoreUnavailable; what was under way is recorded by the next pass.
        """
        with self._lock:
            self._collect(patiently=False)  # threads that were given up may be free again
            begun = self._now()
            attempted = delivered = 0
            is_routed = False
            while True:
                waits = self._under_way.keeps_open(begun)
                turn = self._turn(
                    self._now() if waits else begun,
                    routes=waits or not is_routed,
                    may_claim=may_claim(),
                )
                is_routed = turn.is_routed
                attempted += turn.attempted
                delivered += turn.delivered
                if turn.is_last and not self._under_way and not self._unrecorded:
                    self._sweep(begun)
                    return Pass(attempted, delivered)
                if turn.is_last and not self._unrecorded:
                    self._wait(begun, may_claim)
                else:
                    time.sleep(GIVE_WAY_S)
                self._collect(patiently=turn.is_last)

    def next_due(self, connection: Connection) -> float | None:
        """When the first integration has something to hear, and may be sent to; None for never."""
        return self._claiming.next_due(connection)

    def close(self) -> None:
        self._workers.close()

    def _now(self) -> float:
        return self._clock().timestamp()

    def _turn(self, until: float, *, routes: bool, may_claim: bool) -> _Turn:
        """In one transaction: what came back is recorded, what changed is routed, and what is due
        by then is claimed, once all of it is routed; so that one group is one notification.
        """
        now = self._now()
        # Where the clock stepped back meanwhile, what is told is due again before `until` for long.
        until = min(until, now)
        helping = Helping()
        with self._database.write() as connection:
            if abs(now - self._clock_noted) > STEP_S:
                look_again_after_a_step(connection, now=until)
            self._under_way.renew(connection, now=now)
            tried = settle(connection, self._unrecorded, self._gates, now=now, jitter=self._jitter)
            is_routed = not routes or self._route(connection, until)
            if is_routed and may_claim:
                helping = self._claiming.claim(connection, until)
        self._unrecorded = []
        self._clock_noted = now if abs(now - self._clock_noted) > STEP_S else self._clock_noted
        self._noted = True
        self._may_lack = self._may_lack and not is_routed
        self._submit(helping)
        # What was claimed and came to nothing may have left no room for the rest.
        is_last = is_routed and not helping.came_to_nothing
        return _Turn(*tried, is_routed=is_routed, is_last=is_last)

    def _route(self, connection: Connection, now: float) -> bool:
        """Some of what changed; whether that was all."""
        if not self._noted:
            off = ((disabled.receiver, disabled.name) for disabled in self._config.disabled)
            groups.note_config(
                connection, self._config.digest, self._integrations, off=off, now=now
            )
        looked_at = routing.route_changed(
            connection, partial(routes_for, self._config), self._claiming.route_of, now=now
        )
        self._may_lack = self._may_lack or looked_at > 0
        is_routed = looked_at < routing.BATCH
        if is_routed and self._may_lack:
            groups.converse(connection, self._integrations)
        return is_routed

    def _submit(self, helping: Helping) -> None:
        lease_ends = time.monotonic() + LEASE_S
        for made in helping.plans:
            name = made.claim.name
            assert made.notification is not None
            if self._workers.outstanding(name) == 0:
                self._halted[name] = threading.Event()
            halted = self._halted[name]
            job = Job(name, made, made.notification, self._sinks[name], lease_ends, halted)
            self._under_way.add(job)
            self._workers.submit(job)

    def _wait(self, begun: float, may_claim: Callable[[], bool]) -> None:
        """Until something came back, or came, or must be done about what is under way."""
        while not self._workers.wait_for_any(timeout_s=LOOK_EVERY_S):
            if self._under_way.overdue() or self._under_way.must_renew(now=self._now()):
                return
            if self._under_way.keeps_open(begun) and may_claim() and self._is_more_to_do():
                return

    def _is_more_to_do(self) -> bool:
        """Something has changed, or is due that there is a hand for. Holds up no writer."""
        with self._database.read() as connection:
            return groups.has_changed(connection) or self._claiming.is_due(
                connection, now=self._now()
            )

    def _collect(self, *, patiently: bool) -> None:
        """Takes results, once half of what is under way is back or a moment has passed."""
        self._unrecorded += self._workers.results(
            gather=max(1, len(self._under_way) // 2),
            gather_s=GATHER_S if self._under_way and patiently else 0.0,
        )
        self._unrecorded += [self._workers.abandon(job) for job in self._under_way.overdue()]
        self._under_way.remove(result.job for result in self._unrecorded)

    def _sweep(self, now: float) -> None:
        """Deletes, now and then, some of what was over long ago."""
        if self._sweep_due - SWEEP_EVERY_S <= now < self._sweep_due:
            return
        with self._database.write() as connection:
            deleted = retention.sweep(connection, before=now - self._config.retention_s)
        self._sweep_due = now + (SWEEP_AGAIN_S if deleted else SWEEP_EVERY_S)
