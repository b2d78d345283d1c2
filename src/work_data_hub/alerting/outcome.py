"""What came of deliveries, written down: told, to be tried again, given up, parked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from . import troubles
from .alert import Alert
from .errors import DeliveryError, Reason
from .gates import Gates
from .logs import logger
from .render import message
from .sink import Receipt
from .store import conversations, firing, history, latency, leases, resolving
from .store.alert_counts import ALERTS, bounded
from .store.conversations import Delay, Progress
from .store.health import Count, Health, add, all_health, set_health
from .store.history import Tried
from .store.leases import Claim
from .timing import PROBE_LONGEST_S, RETRY_AFTER_LONGEST_S, wait_after_failure
from .workers import Job, Name, Result

# A sink whose credentials were refused is asked again this rarely.
PARKED_RETRY_S = 3_600.0
# Until its configuration changes.
FOR_GOOD = 1e11
# A weekend, and the Monday on which somebody looks.
GIVE_UP_AFTER_S = 72 * 3_600.0
# A fault in the sink itself comes from what it is told as a rule, and comes again.
INTERNAL_ATTEMPTS = 10
# A sink that takes nothing for so long is an alert of its own.
FAILING_AFTER_S = 300.0

log = logger(__name__)


def settle(
    connection: Connection,
    results: Sequence[Result],
    gates: Gates,
    *,
    now: float,
    jitter: Callable[[], float],
) -> tuple[int, int]:
    """Records what came back; gives how many were attempted, and how many taken.

    A result whose lease was lost changes nothing but a counter: it may have been told twice.
    """
    if not results:
        return 0, 0
    held = leases.still_held(connection, [result.job.plan.claim for result in results])
    books = _Books(connection, dict(all_health(connection)), gates, now, jitter)
    delivered = 0
    for result in results:
        name = result.job.name
        if result.job.plan.claim.conversation_id not in held:
            books.counts[Count("lease_lost", *name)] += 1
            log.warning("delivery.lease_lost", receiver=name[0], integration=name[1])
        elif result.receipt is not None:
            books.taken(result, result.receipt)
            delivered += 1
        elif result.error is not None:
            books.failed(result, result.error)
        else:
            books.untried.append(result.job.plan.claim)
    books.close()
    return sum(result.is_attempt for result in results), delivered


@dataclass
class _Books:
    """The accounts of one transaction; what they come to is written when they are closed."""

    connection: Connection
    health: dict[Name, Health]
    gates: Gates
    now: float
    jitter: Callable[[], float]
    counts: Counter[Count] = field(default_factory=Counter)
    latencies_s: dict[Name, list[float]] = field(default_factory=dict)
    progress: list[tuple[Claim, Progress]] = field(default_factory=list)
    delays: list[tuple[Claim, Delay]] = field(default_factory=list)
    # Of those that are well again.
    failing_since: dict[Name, float] = field(default_factory=dict)
    untried: list[Claim] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)

    def taken(self, result: Result, receipt: Receipt) -> None:
        job = result.job
        self.progress.append((job.plan.claim, job.plan.taken(receipt, now=self.now)))
        self._note(result, "delivered")
        for counted, value in receipt.counts.items():
            label = json.dumps(counted, ensure_ascii=False)
            self.counts[Count(ALERTS, *job.name, label)] += value
        if receipt.templates_failed:
            self.counts[Count("templates_failed", *job.name)] += receipt.templates_failed
        # One that was on its way when others failed says nothing of what came of that.
        if self._rests(job):
            return
        before = self.health.get(job.name)
        was_troubled = before is not None and bool(before.failures or before.parked)
        pace_s = job.sink.pace_s
        if was_troubled or pace_s > 0:
            not_before = self.now + pace_s if pace_s > 0 else 0.0
            self._set(job.name, Health(self._health(job.name).digest, not_before=not_before))
        if before and before.failing_since is not None:
            self.failing_since[job.name] = before.failing_since
        if was_troubled:
            for alertname in troubles.OF_THE_SINK:
                labels = troubles.labels_of(alertname, job.name)
                resolving.resolve(self.connection, labels, at=None, event_key=None, now=self.now)
            log.info("sink.recovered", receiver=job.name[0], integration=job.name[1])

    def _rests(self, job: Job) -> bool:
        """It is held back for longer than its pace holds it: something failed a moment ago."""
        return self._health(job.name).not_before > self.now + job.sink.pace_s

    def failed(self, result: Result, error: DeliveryError) -> None:
        claim = result.job.plan.claim
        since = claim.failing_since or self.now
        is_hopeless = error.reason.permanent or (
            error.reason is Reason.INTERNAL and claim.attempts + 1 >= INTERNAL_ATTEMPTS
        )
        if is_hopeless or self.now - since >= GIVE_UP_AFTER_S:
            self._give_up(result, error)
        else:
            self._try_again(result, error, since)
        log.warning(
            "delivery.failed",
            receiver=claim.receiver,
            integration=claim.integration,
            group=claim.group_key,
            reason=error.reason.value,
            detail=error.detail,
            attempt=claim.attempts + 1,
        )

    def close(self) -> None:
        conversations.progress(self.connection, self.progress)
        conversations.postpone(self.connection, self.delays)
        leases.release(self.connection, self.untried)
        for name, since in self.failing_since.items():
            if self.health[name].failures == 0:
                conversations.try_at_once(self.connection, *name, failing_since=since)
        history.note_attempts(self.connection, self.tried)
        for name, taken_s in self.latencies_s.items():
            self.counts.update(latency.counts_of(name, taken_s))
        add(self.connection, bounded(self.connection, self.counts))

    def _try_again(self, result: Result, error: DeliveryError, since: float) -> None:
        job = result.job
        wait_s = wait_after_failure(job.plan.claim.attempts + 1, jitter=self.jitter)
        asked_s = min(error.retry_after_s or 0.0, RETRY_AFTER_LONGEST_S)
        until = self.now if error.reason.parks else self.now + max(wait_s, asked_s)
        claim = job.plan.claim
        known = error.receipt if error.receipt and error.receipt.values else claim.receipt
        self.delays.append((claim, Delay(since, until, known)))
        self._note(result, "failed", error)
        if error.reason.ambiguous:
            self.counts[Count("maybe_twice", *job.name)] += 1
        if error.reason.parks:
            self._park(job.name, error, until=self.now + PARKED_RETRY_S)
        elif error.reason is not Reason.INTERNAL:
            self._hold_back(job, error, asked_s)

    def _give_up(self, result: Result, error: DeliveryError) -> None:
        job = result.job
        claim = job.plan.claim
        self.progress.append((claim, job.plan.given_up(error.receipt, now=self.now)))
        self._note(result, "dead", error)
        letter_id = history.bury(
            self.connection,
            claim.conversation_id,
            replace(job.notification, previous=error.receipt or job.notification.previous),
            integration=claim.integration,
            reason=error.reason,
            detail=error.detail,
            at=self.now,
        )
        if error.reason.parks:
            self._park(job.name, error, until=FOR_GOOD)
        else:
            health = self._health(job.name)
            self._set(job.name, replace(health, failures=health.failures + 1))
        if not troubles.is_about_alerting(job.notification.incidents[0].labels):
            letter = troubles.dead_letter(
                job.name,
                error,
                letter_id=letter_id,
                group_key=claim.group_key,
                said=message(job.notification).title,
            )
            self._publish(letter)

    def _park(self, name: Name, error: DeliveryError, *, until: float) -> None:
        health = replace(self._health(name), parked=True, not_before=until)
        self._set(name, health)
        self._publish(troubles.parked(name, error))

    def _hold_back(self, job: Job, error: DeliveryError, asked_s: float) -> None:
        """Lets the whole integration rest, once for all that failed together."""
        health, rests = self._health(job.name), self._rests(job)
        since = health.failing_since or self.now
        failures = health.failures if rests else health.failures + 1
        wait_s = wait_after_failure(failures, longest_s=PROBE_LONGEST_S, jitter=self.jitter)
        not_before = max(health.not_before, self.now + max(asked_s, wait_s))
        parked = health.parked and rests
        self._set(job.name, Health(health.digest, parked, failures, since, not_before))
        if self.now - since >= FAILING_AFTER_S:
            self._publish(troubles.failing(job.name, error, since=since))

    def _note(self, result: Result, outcome: str, error: DeliveryError | None = None) -> None:
        told = result.job.notification
        self.tried.append(
            Tried(
                conversation_id=result.job.plan.claim.conversation_id,
                key=told.key,
                purpose=told.purpose.value,
                outcome=outcome,
                reason=error.reason.value if error else None,
                detail=error.detail if error else None,
                attempt=told.attempt,
                at=self.now,
                latency_s=result.latency_s,
            )
        )
        label = error.reason.value if error else ""
        self.counts[Count(outcome, *result.job.name, label)] += 1
        self.latencies_s.setdefault(result.job.name, []).append(result.latency_s)

    def _publish(self, alert: Alert) -> None:
        ready = firing.Ready(alert, alert.labels, alert.annotations, alert.event_key, None)
        firing.publish(self.connection, [ready], now=self.now)

    def _health(self, name: Name) -> Health:
        """As stored; afresh where it is of an earlier configuration."""
        return self.gates.current(self.health, name)

    def _set(self, name: Name, health: Health) -> None:
        self.health[name] = health
        set_health(self.connection, name, health)
