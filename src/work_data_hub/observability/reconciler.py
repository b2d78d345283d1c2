"""The reconciler: reads again what became of runs, and tells what the feed and the hooks did not.

The feed goes by the ids of events, and an event may be committed late under an id that it has
passed; its cursor may be lost; a hook may find the store away. Everything has an event key or a
time of its own, so what is told again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from ..alerting.logs import logger
from ..alerting.sink import Status
from . import events
from .announcer import Announcer
from .dagster_api import run_log
from .feed import BATCH, FIRST_LOOK_BACK, REWIND

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..alerting import Alert, AlertRouter
    from ..alerting.sink import Deadline

# The feed comes first: what it tells in time is nothing that was missed.
GRACE = timedelta(seconds=15)
# The watermark is moved this rarely where there is nothing to tell.
MOVED_EVERY = timedelta(minutes=10)
EVERY = timedelta(minutes=1)
HOOK = "alert_on_failure"

log = logger(__name__)


@dataclass(frozen=True)
class Reconciled:
    """What a turn came to. missing: failures that nobody had told. behind: more is to be read."""

    missing: int = 0
    recovered: int = 0
    behind: bool = False


class Reconciler:
    """One for each instance and process; it remembers what it has read, and reads it once."""

    def __init__(self) -> None:
        self._done: set[int] = set()
        self._turned: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """For a caller that comes by often."""
        return self._turned is None or now - self._turned >= EVERY

    def turn(
        self,
        instance: DagsterInstance,
        router: AlertRouter,
        *,
        now: datetime,
        deadline: Deadline,
        batch: int = BATCH,
    ) -> Reconciled:
        """Read from the stored watermark, however old, less one hour; from an hour ago at first.

        Stops after the batch in which the deadline passes; the next turn goes on there. A turn in
        which nothing is new is four small queries.
        """
        self._turned = now
        cursor = f"reconciled:{run_log.storage_id(instance)}"
        watermark = _moment(router.store.get_cursor(cursor))
        start = now - FIRST_LOOK_BACK if watermark is None else watermark - REWIND
        listed = run_log.change_ids_after(instance, run_log.newest_event_id_before(instance, start))
        self._done.intersection_update(listed)
        waiting = [id_ for id_, at in listed.items() if id_ not in self._done and at <= now - GRACE]
        announcer = Announcer(instance, router, now)
        reached, missing = now, 0
        remaining = iter(sorted(waiting))
        while ids := list(islice(remaining, batch)):
            announcer.tell(run_log.changes_by_id(instance, ids))
            missing += self._tell_of_steps(announcer)
            self._done.update(set(ids) - set(announcer.held))
            if deadline.remaining_s <= 0:
                reached = listed[ids[-1]]
                break
        behind = next(remaining, None) is not None
        if announcer.held:
            reached = min(reached, *(listed[id_] for id_ in announcer.held))
        reached = max(reached, watermark or reached)
        if watermark is None or behind or reached - watermark >= MOVED_EVERY:
            router.store.set_cursor(cursor, reached.isoformat())
        missing += announcer.new
        if missing or announcer.recovered:
            log.info("reconciler.told", failures=missing, incidents_closed=announcer.recovered)
        return Reconciled(missing, announcer.recovered, behind)

    def _tell_of_steps(self, announcer: Announcer) -> int:
        """What the hooks of these runs were to tell; gives how many they had not told."""
        from ..alerting.store.firing import Outcome

        router = announcer.router
        outcomes = router.publish_all(_failed_steps(announcer))
        open_ = router.store.incidents(status=Status.FIRING, alertname=events.STEP_FAILED)
        works = {
            tuple(incident.labels.get(name, "") for name in ("location", "job", "partition"))
            for incident in open_
        }
        if works:
            announcer.recovered += router.resolve_all(
                (events.step_recovered(run, step), at)
                for _, run in announcer.succeeded
                if run.work in works
                for step, at in run_log.succeeded_steps(announcer.instance, run.run_id)
            )
        return sum(outcome is not Outcome.REPEATED for outcome in outcomes)


def _failed_steps(announcer: Announcer) -> Iterator[Alert]:
    for _, run in announcer.failed:
        for failure, at in run_log.failed_steps(announcer.instance, run.run_id, hook=HOOK):
            yield events.step_failed(run, failure, at=at)


def _moment(stored: str | None) -> datetime | None:
    """None for nothing, and for what is no moment: then it begins an hour ago."""
    try:
        found = datetime.fromisoformat(stored or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
