"""The feed: what became of Dagster's runs, read in batches from its event log, told to the router.

A stock run status sensor moves its cursor past an event whose body raised, and takes five events
a tick. This one publishes first and moves its own cursor, in the router's store, afterwards;
what it reads twice is one event there, by the event's key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import dagster_api, events
from .position import Position
from .retries import Verdict, verdict
from .run import Change, Run, StatusChange

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..alerting import Alert, AlertRouter
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
) -> FeedReport:
    """Tell the router each failure and success since the last round, oldest first.

    Stops at the end of the log, or after the batch in which the deadline passes. Whatever is
    raised, by Dagster's storage or the router's: the next round begins after the last batch that
    was told as a whole. A run that somebody deleted is no longer told.
    """
    cursor = f"feed:{dagster_api.storage_id(instance)}"
    stored = router.store.get_cursor(cursor)
    position = _position(instance, stored, now=now)
    round_ = _Round(instance, router, now=now, waited=position.held)
    changes = dagster_api.failures_by_id(instance, position.held)
    while True:
        fresh, behind = dagster_api.changes_after(instance, position.event_id, limit=batch)
        round_.tell([*changes, *fresh])
        if fresh:
            position = Position(fresh[-1].event_id, max(position.at, fresh[-1].at))
        position = position.holding(round_.held)
        if position.to_text() != stored:
            stored = position.to_text()
            router.store.set_cursor(cursor, stored)
        if not behind or deadline.remaining_s <= 0:
            return FeedReport(round_.told, round_.recovered, len(round_.held), behind)
        changes = []


def _position(instance: DagsterInstance, stored: str | None, *, now: datetime) -> Position:
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
    if dagster_api.newest_event_id(instance) < position.event_id:
        return _position_at(instance, position.at - REWIND).holding(position.held)
    return position


def _position_at(instance: DagsterInstance, moment: datetime) -> Position:
    return Position(dagster_api.newest_event_id_before(instance, moment), moment)


@dataclass
class _Round:
    """The telling of one round, and its counts.

    waited: ids of the failures that earlier rounds held back.
    """

    instance: DagsterInstance
    router: AlertRouter
    now: datetime
    waited: Collection[int]
    told: int = 0
    recovered: int = 0
    held: tuple[int, ...] = ()
    _alerts: list[Alert] = field(default_factory=list)
    _failing: set[tuple[str, str, str]] = field(default_factory=set)

    def tell(self, changes: Sequence[StatusChange]) -> None:
        """Tell these, oldest first; hold what Dagster will retry."""
        runs = dagster_api.runs_by_id(self.instance, (change.run_id for change in changes))
        retries = dagster_api.runs_by_id(
            self.instance, (run.retry_run_id for run in runs.values() if run.retry_run_id)
        )
        known = [(change, runs[change.run_id]) for change in changes if change.run_id in runs]
        for change, run in _without_repeated_successes(known):
            if change.change is Change.SUCCEEDED:
                self._recovered(run, at=change.at)
                continue
            match self._verdict(change, run, retries.get(run.retry_run_id)):
                case Verdict.TELL:
                    self._failed(change, run)
                case Verdict.HOLD:
                    self.held += (change.event_id,)
        self._flush()

    def _verdict(self, change: StatusChange, run: Run, retry: Run | None) -> Verdict:
        enabled = dagster_api.retries_enabled(self.instance)
        return verdict(run, retry, failed_at=change.at, now=self.now, retries_enabled=enabled)

    def _failed(self, change: StatusChange, run: Run) -> None:
        step = change.step or dagster_api.failed_step(self.instance, run.run_id)
        self._alerts.append(
            events.run_failed(
                run, at=change.at, message=change.message, step=step, raised=change.raised
            )
        )
        self._failing.add(run.work)
        self.told += 1
        if change.event_id in self.waited and (
            ended := dagster_api.success_since(self.instance, run, change.at)
        ):
            # Another run of the same work succeeded while this failure waited for its retry.
            self._recovered(run, at=ended)

    def _recovered(self, run: Run, *, at: datetime) -> None:
        if run.work in self._failing:
            self._flush()
        self.recovered += self.router.resolve(events.run_recovered(run), at=at)

    def _flush(self) -> None:
        if self._alerts:
            self.router.publish_all(self._alerts)
        self._alerts, self._failing = [], set()


def _without_repeated_successes(
    changes: Sequence[tuple[StatusChange, Run]],
) -> Iterator[tuple[StatusChange, Run]]:
    """By event time, and without each success that follows another one of the same work."""
    sound: set[tuple[str, str, str]] = set()
    for change, run in sorted(changes, key=lambda pair: (pair[0].at, pair[0].event_id)):
        if change.change is Change.FAILED:
            sound.discard(run.work)
        elif run.work in sound:
            continue
        else:
            sound.add(run.work)
        yield change, run
