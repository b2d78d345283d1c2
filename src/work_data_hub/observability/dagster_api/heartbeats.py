"""When Dagster's daemons last said that they are alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dagster import DagsterInstance


@dataclass(frozen=True)
class Daemon:
    """name: SENSOR, SCHEDULER and the like. beat_at: None for one that has never run."""

    name: str
    beat_at: datetime | None


def daemons(instance: DagsterInstance) -> Sequence[Daemon]:
    """Those that the instance's configuration needs, by name.

    One that has beaten once and is not needed any more is not among them.
    """
    beats = instance.get_daemon_heartbeats()
    return [
        Daemon(
            name,
            datetime.fromtimestamp(beats[name].timestamp, UTC) if name in beats else None,
        )
        for name in sorted(instance.get_required_daemon_types())
    ]
