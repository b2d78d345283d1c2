"""A Dagster instance with many runs that ended, made by copying one that really did.

Dagster's own writing of 10,000 runs would take minutes: on SQLite each run is a file.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    JobDefinition,
    in_process_executor,
    instance_for_test,
    job,
    op,
)
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from sqlalchemy import Connection, select, text

PIECE = 500


@op
def extract() -> int:
    return 1


@op
def load(rows: int) -> None:
    raise ValueError(f"row {rows} has no plan")


@job(executor_def=in_process_executor)
def nightly() -> None:
    extract()


@job(executor_def=in_process_executor)
def broken() -> None:
    load(extract())


@contextmanager
def an_instance(folder: Path) -> Iterator[DagsterInstance]:
    """On SQLite, in a directory of its own, as `dagster dev` has it."""
    home = folder / "home"
    home.mkdir()
    with instance_for_test(temp_dir=str(home)) as instance:
        yield instance


def one_run(instance: DagsterInstance, job_def: JobDefinition) -> str:
    """A run of this job, as if launched from a code location, run to its end; its id."""
    run = _created(instance, job_def)
    execute_run(InMemoryJob(job_def), run, instance, raise_on_error=False)
    return run.run_id


def made_run(
    instance: DagsterInstance, job_def: JobDefinition, tags: Mapping[str, str], **given: Any
) -> DagsterRun:
    """A run that has started and is not under way: `ends` says what becomes of it.

    given: more that Dagster's `create_run_for_job` takes, such as the run that it is a retry of.
    """
    run = _created(instance, job_def, tags, **given)
    instance.handle_new_event(event_of(run, DagsterEventType.RUN_START, at=datetime.now(UTC)))
    return run


def ends(instance: DagsterInstance, run: DagsterRun, *, at: datetime, failed: bool) -> None:
    """The run ends, as its worker would have written it."""
    ended = DagsterEventType.RUN_FAILURE if failed else DagsterEventType.RUN_SUCCESS
    instance.handle_new_event(event_of(run, ended, at=at))


def event_of(run: DagsterRun, event_type: DagsterEventType, *, at: datetime) -> EventLogEntry:
    event = DagsterEvent(event_type.value, run.job_name, message="the worker said so")
    return EventLogEntry(
        error_info=None,
        level=20,
        user_message="",
        run_id=run.run_id,
        timestamp=at.timestamp(),
        job_name=run.job_name,
        dagster_event=event,
    )


def _created(
    instance: DagsterInstance,
    job_def: JobDefinition,
    tags: Mapping[str, str] | None = None,
    **given: Any,
) -> DagsterRun:
    target = LoadableTargetOrigin(executable_path=sys.executable, python_file="sales.py")
    code = InProcessCodeLocationOrigin(target, location_name="sales")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(code, "__repository__"), job_def.name)
    return instance.create_run_for_job(job_def, remote_job_origin=origin, tags=tags, **given)


def copies(
    instance: DagsterInstance, run_id: str, count: int, *, until: datetime, every: timedelta
) -> None:
    """So many runs like this one, each with the event of its end, the last one at `until`."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Log
    from dagster._core.storage.runs.schema import RunsTable as Runs

    storage: Any = instance.run_storage
    log: Any = instance.event_log_storage
    ids = [str(uuid.uuid4()) for _ in range(count)]
    ends = [until - every * (count - 1 - n) for n in range(count)]
    with storage.connect() as connection:
        _copy(connection, Runs, run_id, ids, [{} for _ in ids])
    with log.index_connection() as connection:
        naive = [{"timestamp": at.astimezone(UTC).replace(tzinfo=None)} for at in ends]
        _copy(connection, Log, run_id, ids, naive, was_at=_stamp(connection, Log, run_id))


def _stamp(connection: Connection, log: Any, run_id: str) -> str:
    """The event's time, as its body has it."""
    query = select(log.c.event).where(log.c.run_id == run_id).order_by(log.c.id.desc()).limit(1)
    body = connection.execute(query).scalar_one()
    return '"timestamp": ' + body.rpartition('"timestamp": ')[2].partition(",")[0]


def _copy(
    connection: Connection,
    table: Any,
    run_id: str,
    ids: list[str],
    changed: list[dict[str, Any]],
    *,
    was_at: str = "",
) -> None:
    query = select(table).where(table.c.run_id == run_id).order_by(table.c.id.desc()).limit(1)
    (row,) = connection.execute(query).mappings()
    plain = {name: value for name, value in row.items() if name != "id"}
    rows = []
    for new_id, values in zip(ids, changed, strict=True):
        made = {**plain, **values, "run_id": new_id}
        for name, value in made.items():
            if isinstance(value, str):
                made[name] = value.replace(run_id, new_id)
        if was_at:
            seconds = values["timestamp"].replace(tzinfo=UTC).timestamp()
            made["event"] = made["event"].replace(was_at, f'"timestamp": {seconds!r}')
        rows.append(made)
    for first in range(0, len(rows), PIECE):
        connection.execute(table.insert(), rows[first : first + PIECE])
    connection.execute(text("ANALYZE"))
