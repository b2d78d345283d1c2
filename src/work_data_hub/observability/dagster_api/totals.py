"""Runs and assets in numbers: what is under way, what ended since, what was materialized when.

Ended runs come by Dagster's public methods. Runs under way are counted by the database, for there
may be thousands in the queue, and Dagster's methods hand them out whole; nothing here writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as db
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    RunsFilter,
    RunStatusChangeRecordsFilter,
)
from dagster._core.execution.stats import StepEventStatus
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable

from .origin import location_in, location_of
from .tags import REPOSITORY_TAG

# Each takes a seek of its own, some 10 us, at every scrape.
MAX_OTHER_ASSETS = 5_000


class RunOutcome(StrEnum):
    """How a run ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELED = "canceled"


_OUTCOME_OF = {
    DagsterEventType.RUN_SUCCESS: RunOutcome.SUCCESS,
    DagsterEventType.RUN_FAILURE: RunOutcome.FAILURE,
    DagsterEventType.RUN_CANCELED: RunOutcome.CANCELED,
}
_UNDER_WAY = (
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class ActiveRuns:
    """Runs of one job in one status. since: when the first of them came to be in it."""

    job: str
    location: str
    status: str
    count: int
    since: datetime


@dataclass(frozen=True)
class RunEnding:
    """The event of a run's end. event_id orders the events of an instance."""

    event_id: int
    run_id: str
    outcome: RunOutcome
    at: datetime


@dataclass(frozen=True)
class EndedRun:
    """started: None for a run that never began."""

    job: str
    location: str
    created: datetime
    started: datetime | None


@dataclass(frozen=True)
class StepEnding:
    """A step's last attempt. duration_s: None where its start is not known."""

    step_key: str
    succeeded: bool
    duration_s: float | None


@dataclass(frozen=True)
class AssetTimes:
    """When assets were last materialized, by key; those known longest.

    others: how many more there are. oldest_of_others: of when the most outdated one is, of the
    first MAX_OTHER_ASSETS of them.
    """

    at: Mapping[str, datetime]
    others: int = 0
    oldest_of_others: datetime | None = None


def active_runs(instance: DagsterInstance) -> list[ActiveRuns]:
    """All runs that are under way, by job, location and status."""
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        rows = connection.execute(_ACTIVE).all()
    return [
        ActiveRuns(
            job=row.job,
            location=location_in(row.repository or ""),
            status=row.status.lower(),
            count=row.count,
            since=_started(row) or _utc(row.updated),
        )
        for row in rows
    ]


def endings_after(
    instance: DagsterInstance, event_id: int, *, limit: int
) -> tuple[list[RunEnding], bool]:
    """Ends of runs above `event_id` in the order of their ids, and whether more wait.

    Dagster gives one kind of event a query. Where one kind fills its page, the others are cut at
    the same id, so that nothing is passed over.
    """
    found: list[RunEnding] = []
    horizons: list[int] = []
    for event_type, outcome in _OUTCOME_OF.items():
        page = _endings(instance, event_type, outcome, limit=limit, after_storage_id=event_id)
        found += page
        if len(page) >= limit:
            horizons.append(page[-1].event_id)
    if horizons:
        found = [ending for ending in found if ending.event_id <= min(horizons)]
    return sorted(found, key=lambda ending: ending.event_id), bool(horizons)


def ending_by_id(instance: DagsterInstance, event_id: int) -> RunEnding | None:
    """The end of a run that has this id now; None where its run was deleted."""
    for event_type, outcome in _OUTCOME_OF.items():
        found = _endings(instance, event_type, outcome, limit=1, storage_ids=[event_id])
        if found:
            return found[0]
    return None


def newest_ending_before(instance: DagsterInstance, moment: datetime) -> int:
    """The id of the newest end of a run that happened before `moment`; 0 for none."""
    before = moment.timestamp()
    newest = [
        ending.event_id
        for event_type, outcome in _OUTCOME_OF.items()
        for ending in _endings(
            instance, event_type, outcome, limit=1, ascending=False, before_timestamp=before
        )
    ]
    return max(newest, default=0)


def ended_runs(instance: DagsterInstance, run_ids: Iterable[str]) -> dict[str, EndedRun]:
    """These runs by id; one that was deleted is not among them."""
    wanted = sorted(set(run_ids))
    if not wanted:
        return {}
    return {
        record.dagster_run.run_id: EndedRun(
            job=record.dagster_run.job_name,
            location=location_of(record.dagster_run),
            created=record.create_timestamp,
            started=_moment(record.start_time),
        )
        for record in instance.get_run_records(filters=RunsFilter(run_ids=wanted))
    }


def steps_of(instance: DagsterInstance, run_id: str) -> list[StepEnding]:
    """The steps of an ended run that succeeded or failed."""
    return [
        StepEnding(
            step_key=stats.step_key,
            succeeded=stats.status is StepEventStatus.SUCCESS,
            duration_s=_between(stats.start_time, stats.end_time),
        )
        for stats in instance.get_run_step_stats(run_id)
        if stats.status in (StepEventStatus.SUCCESS, StepEventStatus.FAILURE)
    ]


def asset_times(instance: DagsterInstance, *, most: int) -> AssetTimes:
    """When each asset was last materialized; one that only was observed is not there."""
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        rows = connection.execute(_ASSETS.limit(most)).all()
        others, oldest = 0, None
        if len(rows) == most:
            after = {"last": rows[-1].id}
            others = connection.execute(_COUNT_OF_OTHERS, after).scalar_one()
            oldest = connection.execute(_OLDEST_OF_OTHERS, after).scalar_one()
    at = {"/".join(json.loads(row.asset_key)): _utc(row.at) for row in rows if row.at is not None}
    return AssetTimes(at, others, None if oldest is None else _utc(oldest))


def _endings(
    instance: DagsterInstance,
    event_type: DagsterEventType,
    outcome: RunOutcome,
    *,
    limit: int,
    ascending: bool = True,
    **narrowed: Any,
) -> Sequence[RunEnding]:
    wanted = RunStatusChangeRecordsFilter(event_type=event_type, **narrowed)  # type: ignore[arg-type]
    page = instance.fetch_run_status_changes(wanted, limit=limit, ascending=ascending)
    return [
        RunEnding(
            event_id=record.storage_id,
            run_id=record.event_log_entry.run_id,
            outcome=outcome,
            at=datetime.fromtimestamp(record.event_log_entry.timestamp, UTC),
        )
        for record in page.records
    ]


def _started(row: Any) -> datetime | None:
    """A run's tags can be written after it began, which its row's last update would be of."""
    return _moment(row.started) if row.status == DagsterRunStatus.STARTED.value else None


def _moment(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def _utc(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)


# The tag's key is compared as an expression: no index is to lead through the tags of all runs that
# ever were, and SQLite, which keeps no statistics, would take that of the keys.
_ACTIVE = (
    db.select(
        RunsTable.c.pipeline_name.label("job"),
        RunsTable.c.status,
        RunTagsTable.c.value.label("repository"),
        db.func.count().label("count"),
        db.func.min(RunsTable.c.update_timestamp).label("updated"),
        db.func.min(RunsTable.c.start_time).label("started"),
    )
    .select_from(
        RunsTable.outerjoin(
            RunTagsTable,
            db.and_(
                RunTagsTable.c.run_id == RunsTable.c.run_id,
                RunTagsTable.c.key + "" == REPOSITORY_TAG,
            ),
        )
    )
    .where(RunsTable.c.status.in_([status.value for status in _UNDER_WAY]))
    .group_by(RunsTable.c.pipeline_name, RunsTable.c.status, RunTagsTable.c.value)
)
_events = SqlEventLogStorageTable.c
# The column beside the key, `last_materialization_timestamp`, is also of observations and of what
# is only planned.
_MADE_AT = (
    db.select(_events.timestamp)
    .where(
        _events.asset_key == AssetKeyTable.c.asset_key,
        _events.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value,
    )
    .order_by(_events.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("at")
)
_ASSETS = db.select(AssetKeyTable.c.id, AssetKeyTable.c.asset_key, _MADE_AT).order_by(
    AssetKeyTable.c.id
)
_OTHERS = AssetKeyTable.c.id > db.bindparam("last")
_COUNT_OF_OTHERS = db.select(db.func.count()).select_from(AssetKeyTable).where(_OTHERS)
_MADE = (
    db.select(_MADE_AT)
    .where(_OTHERS)
    .order_by(AssetKeyTable.c.id)
    .limit(MAX_OTHER_ASSETS)
    .subquery()
)
_OLDEST_OF_OTHERS = db.select(db.func.min(_MADE.c.at))
