"""What this process is telling just now, and the leases that keep it in its hands."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import Connection

from .store import leases
from .store.leases import LEASE_S
from .workers import DELIVERY_DEADLINE_S, OVERRUN_S, Job

RENEW_EVERY_S = 1.5
# A delivery that takes longer holds up nothing that has come since.
LONG_S = 0.5


class UnderWay:
    """Jobs that were handed to workers and have not come back, one a conversation."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._renewed = 0.0  # by time.monotonic
        self._renewed_at = 0.0  # by the clock of the dispatcher

    def __len__(self) -> int:
        return len(self._jobs)

    def conversations(self) -> list[int]:
        return list(self._jobs)

    def add(self, job: Job) -> None:
        self._jobs[job.plan.claim.conversation_id] = job

    def remove(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            conversation = job.plan.claim.conversation_id
            # After a lost lease there may be a newer job of the same conversation: it stays.
            if self._jobs.get(conversation) is job:
                del self._jobs[conversation]

    def keeps_open(self, begun: float) -> bool:
        """Something is under way that was due when a pass began, or that takes long."""
        long_ago = time.monotonic() - LONG_S
        return any(
            job.plan.claim.due_at <= begun or (job.started is not None and job.started < long_ago)
            for job in self._jobs.values()
        )

    def overdue(self) -> list[Job]:
        """Those whose sink does not keep its deadline."""
        limit = time.monotonic() - DELIVERY_DEADLINE_S - OVERRUN_S
        return [
            job for job in self._jobs.values() if job.started is not None and job.started < limit
        ]

    def must_renew(self, *, now: float) -> bool:
        """The leases are old; or the clock stepped, for the database's may have done so too."""
        is_old = time.monotonic() - self._renewed > RENEW_EVERY_S
        is_stepped = abs(now - self._renewed_at) > LEASE_S / 2
        return bool(self._jobs) and (is_old or is_stepped)

    def renew(self, connection: Connection, *, now: float) -> None:
        """Prolongs the leases, now and then."""
        if not self.must_renew(now=now):
            return
        leases.renew(connection, (job.plan.claim for job in self._jobs.values()))
        self._renewed, self._renewed_at = time.monotonic(), now
        for job in self._jobs.values():
            job.lease_ends = self._renewed + LEASE_S
