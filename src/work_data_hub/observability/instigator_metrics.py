"""Schedules and sensors as metrics, from what the storage and what the webserver know. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from ..alerting.metric_families import gauge
from ..alerting.store.alert_counts import OTHER
from .dagster_api.instigators import Instigator, Name, Tick, first_due_after
from .sources import overflowed
from .webserver import ScheduleCode, Workspace

if TYPE_CHECKING:
    from prometheus_client import Metric

# Schedules and sensors together.
MAX_NAMES = 500


@dataclass(frozen=True)
class Known:
    """A schedule or sensor, from wherever it is known. next_due: None for sensors and stopped."""

    name: Name
    is_schedule: bool
    running: bool
    last_tick: Tick | None = None
    next_due: datetime | None = None


def known(stored: Sequence[Instigator], workspace: Workspace | None) -> list[Known]:
    """All there are, running ones first.

    Without the webserver, what is stored: also of code that is gone, without when it is due, and
    running where the code once said so. One whose location does not load is as it was stored.
    """
    if workspace is None:
        found = [Known(of.name, of.is_schedule, of.running, of.last_tick) for of in stored]
    else:
        by_name = {(of.is_schedule, of.name): of for of in stored}
        found = [
            _schedule(name, code, by_name.get((True, name)))
            for name, code in workspace.schedules.items()
        ]
        for name, running in workspace.sensors.items():
            of = by_name.get((False, name))
            found.append(Known(name, False, running, of.last_tick if of else None))
        found += [
            Known(of.name, of.is_schedule, of.running, of.last_tick)
            for of in stored
            if workspace.load_errors.get(of.name.location)
        ]
    return sorted(found, key=lambda of: (not of.running, of.name.location, of.name.name))


def metrics(found: Sequence[Known]) -> Iterator[Metric]:
    shown, others = found[:MAX_NAMES], found[MAX_NAMES:]
    for kind, is_schedule in (("schedule", True), ("sensor", False)):
        mine = [of for of in shown if of.is_schedule is is_schedule]
        rest = [of for of in others if of.is_schedule is is_schedule]
        yield from _of_kind(kind, mine, rest)
    yield gauge(
        "dagster_schedule_next_tick_timestamp_seconds",
        "The first moment after its last tick for which a running schedule is due.",
        {_labels(of.name): of.next_due.timestamp() for of in shown if of.next_due is not None},
        _names("schedule"),
    )
    yield overflowed(
        {
            f"dagster_{'schedule' if is_schedule else 'sensor'}_status": count
            for is_schedule, count in Counter(of.is_schedule for of in others).items()
        }
    )


def _of_kind(kind: str, shown: Sequence[Known], rest: Sequence[Known]) -> Iterator[Metric]:
    status: Counter[tuple[str, ...]] = Counter()
    ticks: Counter[tuple[str, ...]] = Counter()
    for labels, of in [*((_labels(of.name), of) for of in shown), *((_OTHERS, of) for of in rest)]:
        status[*labels, "running" if of.running else "stopped"] += 1
        if of.last_tick is not None:
            ticks[*labels, of.last_tick.status] += 1
    names = _names(kind)
    yield gauge(
        f"dagster_{kind}_status",
        f"1, under whether the {kind} is switched on.",
        status,
        (*names, "status"),
    )
    yield gauge(
        f"dagster_{kind}_last_tick_status",
        f"1, under what came of the last tick of the {kind}.",
        ticks,
        (*names, "status"),
    )
    yield gauge(
        f"dagster_{kind}_last_tick_timestamp_seconds",
        f"When the {kind} last ticked.",
        {_labels(of.name): of.last_tick.at.timestamp() for of in shown if of.last_tick is not None},
        names,
    )


def _schedule(name: Name, code: ScheduleCode, stored: Instigator | None) -> Known:
    tick = stored.last_tick if stored is not None else None
    looked = [tick.at] if tick is not None else []
    if stored is not None and stored.evaluated is not None:
        looked.append(stored.evaluated)
    due = None
    if code.running and looked:
        due = _first_due_after(code.cron, code.timezone, max(looked))
    return Known(name, True, code.running, tick, due)


@lru_cache(maxsize=2 * MAX_NAMES)
def _first_due_after(cron: tuple[str, ...], timezone: str, moment: datetime) -> datetime:
    return first_due_after(list(cron), timezone, moment)


def _names(kind: str) -> tuple[str, ...]:
    return f"{kind}_name", "location"


def _labels(name: Name) -> tuple[str, ...]:
    return name.name, name.location


_OTHERS = (OTHER, OTHER)
