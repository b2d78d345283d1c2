"""Counters of what ended in Dagster, which outlive restarts, processes and deleted runs.

Ends of runs are read in the order of the event log and added to totals in the alert store, in the
transaction that moves the cursor: whoever dies before it has counted nothing, and of two processes
that read the same events one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .dagster_api import run_log, totals
from .tally_position import TallyPosition
from .tally_sums import MOST, Sums

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..alerting.sink import Deadline
    from ..alerting.store.store import Store
    from ..alerting.store.totals import Tally
    from .dagster_api.totals import RunEnding

BATCH = 500
# Processes that commit at the same moment may do so in another order than that of their ids. An
# event counts when it is this old; all below it have come by then.
SETTLE = timedelta(seconds=5)
# Steps of older runs are not counted when an instance is first seen: on SQLite each run is a file.
FIRST_STEPS = timedelta(hours=1)


def cursor_of(instance: DagsterInstance) -> str:
    """Under what name the store keeps how far the tally of an instance is."""
    return f"tally:{run_log.storage_id(instance)}"


def advance(
    instance: DagsterInstance,
    store: Store,
    *,
    now: datetime,
    deadline: Deadline,
    batch: int = BATCH,
) -> None:
    """Count the runs and steps that ended since the last round, to the end of the log.

    Stops after the batch in which the deadline passes. An instance that is seen for the first time
    is counted from its first run on. Raises StoreUnavailable, and whatever Dagster's storage
    raises; nothing of that batch is counted then.
    """
    cursor = cursor_of(instance)
    while True:
        stored = store.get_cursor(cursor)
        position = _position(instance, stored, now=now)
        counted, position, more = _next(instance, position, now=now, limit=batch)
        if position.to_text() == stored:
            return
        moved = store.add_up(
            counted, most=MOST, cursor=cursor, value=position.to_text(), expected=stored
        )
        if not moved or not more or deadline.remaining_s <= 0:
            return


def position_in(store: Store, instance: DagsterInstance) -> TallyPosition | None:
    """How far the tally of this instance is; None before its first round.

    Raises StoreUnavailable, and ValueError where the stored text is none.
    """
    stored = store.get_cursor(cursor_of(instance))
    return None if stored is None else TallyPosition.from_text(stored)


def _position(instance: DagsterInstance, stored: str | None, *, now: datetime) -> TallyPosition:
    """Where to go on.

    SQLite gives the ids of deleted events out again: where the last counted event is not the same
    any more, it goes on by time, behind the latest one that was counted.
    """
    if stored is None:
        return TallyPosition(began=now)
    try:
        position = TallyPosition.from_text(stored)
    except ValueError:
        import structlog

        structlog.get_logger().warning("tally.position_unreadable", starts_again="from now on")
        position = TallyPosition(began=now, event_id=-1, at=now, complete=True)
    if position.event_id == 0:
        return position
    last = totals.ending_by_id(instance, position.event_id)
    if last is not None and last.run_id == position.run_id:
        return position
    reached = totals.newest_ending_before(instance, position.at + timedelta(microseconds=1))
    there = totals.ending_by_id(instance, reached) if reached else None
    return replace(position, event_id=reached, run_id="" if there is None else there.run_id)


def _next(
    instance: DagsterInstance, position: TallyPosition, *, now: datetime, limit: int
) -> tuple[Tally, TallyPosition, bool]:
    """What the next events add, the position behind them, and whether more wait."""
    page, more = totals.endings_after(instance, position.event_id, limit=limit)
    endings = _settled(page, now=now)
    more = more and len(endings) == len(page)
    runs = totals.ended_runs(instance, (ending.run_id for ending in endings))
    sums = Sums()
    for ending in endings:
        if (run := runs.get(ending.run_id)) is not None:
            sums.run(run, ending)
            if ending.at > position.began - FIRST_STEPS:
                sums.steps(run, totals.steps_of(instance, ending.run_id))
    if endings:
        position = replace(
            position,
            event_id=endings[-1].event_id,
            run_id=endings[-1].run_id,
            at=max(position.at, *(ending.at for ending in endings)),
        )
    return sums.tally(), replace(position, complete=position.complete or not more), more


def _settled(page: Sequence[RunEnding], *, now: datetime) -> Sequence[RunEnding]:
    """Those before the first that is too young. One from the future is of a clock that is wrong."""
    for at, ending in enumerate(page):
        if now - SETTLE < ending.at <= now:
            return page[:at]
    return page
