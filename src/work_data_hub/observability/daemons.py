"""Which of Dagster's daemons are down. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .dagster_api.heartbeats import Daemon

# What people wait for: these beat every 30 s. The others may be at one long task.
QUICK = frozenset({"SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR"})


@dataclass(frozen=True)
class Patience:
    """How long without a heartbeat is too long, and for how long that must hold before it is told.

    requires_daemon: there must be a daemon, though none has ever run on this instance.
    """

    quick: timedelta = timedelta(seconds=120)
    others: timedelta = timedelta(minutes=10)
    holds_for: timedelta = timedelta(minutes=2)
    requires_daemon: bool = False

    def with_beat(self, name: str) -> timedelta:
        return self.quick if name in QUICK else self.others


@dataclass(frozen=True)
class Down:
    """A daemon that is down. beat_at: its last heartbeat; None when it has never run."""

    name: str
    beat_at: datetime | None


def down(
    daemons: Sequence[Daemon], patience: Patience, *, watched_since: datetime, now: datetime
) -> list[Down]:
    """Those that are down.

    watched_since: from when on one that never ran is missed. As long as no daemon has ever run
    here, whoever uses this instance starts runs by hand, and misses none.
    """
    has_daemons = patience.requires_daemon or any(d.beat_at is not None for d in daemons)
    return [
        Down(daemon.name, daemon.beat_at)
        for daemon in daemons
        if has_daemons
        and now - (daemon.beat_at or watched_since)
        > patience.with_beat(daemon.name) + patience.holds_for
    ]
