"""The feed: what became of Dagster's runs, read in batches from its event log, told to the router.

A stock run status sensor moves its cursor past an event whose body raised, and takes five events
a tick. This one publishes first and moves its own cursor, in the router's store, afterwards;
what it reads twice is one event there, by the event's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .announcer import Announcer
from .dagster_api import run_log
from .position import Position

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..alerting import AlertRouter
    from ..alerting.sink import Deadline

BATCH = 500
# An instance never seen before starts here: its older failures are history.
FIRST_LOOK_BACK = timedelta(hours=1)
# Events are committed in about the order of their times; going back by time, go a little further.
REWIND = timedelta(hours=1)


@dataclass(frozen=True)
class FeedReport:
    """What a round did. held: failures that wait for Dagster's own retry. behind: more is there."""

    told: int
    recovered: int
    held: int
    behind: bool


def advance(
    instance: DagsterInstance,
    router: AlertRouter,
    *,
    now: datetime,
    deadline: Deadline,
    batch: int = BATCH,
    reviews_held: bool = True,
) -> FeedReport:
    """Tell the router each failure and success since the last round, oldest first.

    A round without news is three small queries. reviews_held: look at what waits for its retry even
    when there is no news.

    Stops at the end of the log, or after the batch in which the deadline passes. Whatever is
    raised, by Dagster's storage or the router's: the next round begins after the last batch that
    was told as a whole. A run that somebody deleted is no longer told.
    """
    cursor = f"feed:{run_log.storage_id(instance)}"
    stored = router.store.get_cursor(cursor)
    newest_id = run_log.newest_event_id(instance)
    position = _position(instance, stored, newest_id=newest_id, now=now)
    is_there = newest_id == position.event_id and position.to_text() == stored
    if is_there and not (position.held and reviews_held):
        return FeedReport(0, 0, len(position.held), behind=False)
    announcer = Announcer(instance, router, now)
    # Those above the position, after going back, come with the log.
    held = [event_id for event_id in position.held if event_id <= position.event_id]
    changes = run_log.failures_by_id(instance, held)
    while True:
        fresh, behind = run_log.changes_after(instance, position.event_id, limit=batch)
        announcer.tell([*changes, *fresh])
        if fresh:
            position = Position(fresh[-1].event_id, fresh[-1].at)
        position = position.holding(announcer.held)
        if position.to_text() != stored:
            stored = position.to_text()
            router.store.set_cursor(cursor, stored)
        if not behind or deadline.remaining_s <= 0:
            return FeedReport(announcer.told, announcer.recovered, len(announcer.held), behind)
        changes = []


def _position(
    instance: DagsterInstance, stored: str | None, *, newest_id: int, now: datetime
) -> Position:
    """Where to go on: where the last round ended, else an hour ago.

    When the newest event is below it, events were deleted or the storage was emptied, and ids are
    given out again: it goes back by time instead.
    """
    if stored is None:
        return _position_at(instance, now - FIRST_LOOK_BACK)
    try:
        position = Position.from_text(stored)
    except ValueError:
        import structlog

        structlog.get_logger().warning("feed.position_unreadable", starts_again="an hour ago")
        return _position_at(instance, now - FIRST_LOOK_BACK)
    if newest_id < position.event_id:
        return _position_at(instance, position.at - REWIND).holding(position.held)
    return position


def _position_at(instance: DagsterInstance, moment: datetime) -> Position:
    return Position(run_log.newest_event_id_before(instance, moment), moment)
