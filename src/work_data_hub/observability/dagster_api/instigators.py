"""Schedules and sensors as Dagster's storage has them: switched on or off, their last tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as db
from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorState, ScheduleInstigatorData
from dagster._core.storage.schedules.schema import InstigatorsTable, JobTickTable
from dagster._serdes import deserialize_value
from dagster._utils.schedules import schedule_execution_time_iterator

# In one query; SQLite takes no more than 999 parameters where it is old.
_BODIES_AT_ONCE = 500


@dataclass(frozen=True)
class Name:
    """Of a schedule or sensor. Names are unique within a code location."""

    location: str
    name: str


@dataclass(frozen=True)
class Tick:
    """status: started, skipped, success or failure. at: of a schedule, the moment it was due."""

    status: str
    at: datetime


@dataclass(frozen=True)
class Instigator:
    """A schedule or a sensor that was ever switched on, or off.

    running: also where its code says so, for no state is stored of one that never ran.
    evaluated: up to when Dagster has looked for due ticks, as far as it notes that: a schedule's
    start, or a later look. None for sensors.
    """

    name: Name
    is_schedule: bool
    running: bool
    last_tick: Tick | None
    evaluated: datetime | None = None


@dataclass
class InstigatorReader:
    """Reads them all in one query. What does not change, the names, it remembers."""

    instance: DagsterInstance
    _known: dict[str, tuple[object, Name, datetime | None]] = field(default_factory=dict)

    def read(self) -> list[Instigator]:
        """All that the storage knows, those whose code is gone among them."""
        storage: Any = self.instance._schedule_storage
        if storage is None:  # an instance in memory has none
            return []
        with storage.connect() as connection:
            rows = [row for row in connection.execute(_INSTIGATORS) if row.type in _TYPES]
            self._learn(connection, rows)
        return [self._instigator(row) for row in rows]

    def _instigator(self, row: Any) -> Instigator:
        _, name, evaluated = self._known[row.selector_id]
        tick = None
        if row.tick_at is not None:
            tick = Tick(row.tick_status.lower(), row.tick_at.replace(tzinfo=UTC))
        return Instigator(
            name, row.type == _SCHEDULE, row.status in _RUNNING, tick, evaluated=evaluated
        )

    def _learn(self, connection: Any, rows: Sequence[Any]) -> None:
        """The names, and of schedules what their state says anew when it was written anew."""
        unknown = [row for row in rows if _version(row) != self._version_of(row.selector_id)]
        for start in range(0, len(unknown), _BODIES_AT_ONCE):
            wanted = {row.selector_id: row for row in unknown[start : start + _BODIES_AT_ONCE]}
            bodies = connection.execute(_BODIES, {"selectors": list(wanted)})
            for selector_id, body in bodies:
                state = deserialize_value(body, InstigatorState)
                version = _version(wanted[selector_id])
                self._known[selector_id] = (version, _name(state), _evaluated(state))

    def _version_of(self, selector_id: str) -> object:
        known = self._known.get(selector_id)
        return None if known is None else known[0]


def first_due_after(cron: str | Sequence[str], timezone: str | None, moment: datetime) -> datetime:
    """The first moment after this one that the cron expression names; times are of the zone.

    Several expressions: whichever comes first.
    """
    for due in schedule_execution_time_iterator(moment.timestamp(), cron, timezone or "UTC"):
        if due > moment:
            return due.astimezone(UTC)
    raise ValueError(f"{cron} names no moment after {moment}")


def _version(row: Any) -> object:
    """A sensor's state is written at each tick, with a cursor that may be large."""
    return row.updated if row.type == _SCHEDULE else "sensor"


def _name(state: InstigatorState) -> Name:
    code = state.origin.repository_origin.code_location_origin
    return Name(code.location_name, state.instigator_name)


def _evaluated(state: InstigatorState) -> datetime | None:
    data = state.instigator_data
    if not isinstance(data, ScheduleInstigatorData):
        return None
    known = [t for t in (data.start_timestamp, data.last_iteration_timestamp) if t is not None]
    return datetime.fromtimestamp(max(known), UTC) if known else None


_SCHEDULE = "SCHEDULE"
_TYPES: Mapping[str, str] = {_SCHEDULE: "schedule", "SENSOR": "sensor"}
# A state that the code declares is stored when Dagster's daemon first finds it running.
_RUNNING = ("RUNNING", "DECLARED_IN_CODE", "AUTOMATICALLY_RUNNING")
_last = JobTickTable.alias("last")
_INSTIGATORS = (
    db.select(
        InstigatorsTable.c.selector_id,
        InstigatorsTable.c.status,
        InstigatorsTable.c.instigator_type.label("type"),
        InstigatorsTable.c.update_timestamp.label("updated"),
        JobTickTable.c.status.label("tick_status"),
        JobTickTable.c.timestamp.label("tick_at"),
    )
    .select_from(
        InstigatorsTable.outerjoin(
            JobTickTable,
            JobTickTable.c.id
            == db.select(_last.c.id)
            .where(_last.c.selector_id == InstigatorsTable.c.selector_id)
            .order_by(_last.c.timestamp.desc())
            .limit(1)
            .scalar_subquery(),
        )
    )
    .order_by(InstigatorsTable.c.id)
)
_BODIES = db.select(InstigatorsTable.c.selector_id, InstigatorsTable.c.instigator_body).where(
    InstigatorsTable.c.selector_id.in_(db.bindparam("selectors", expanding=True))
)
