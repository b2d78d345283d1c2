"""Ids and times of events without the events, straight from an event log that is in SQL.

Importing this imports Dagster's SQL storage and SQLAlchemy: reach it from inside functions only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from dagster import DagsterEventType, DagsterInstance
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import Select, bindparam, func, select

_LOG = SqlEventLogStorageTable.c


def is_sql(instance: DagsterInstance) -> bool:
    """The functions below can be asked. All storages of Dagster's own are SQL."""
    return isinstance(instance.event_log_storage, SqlEventLogStorage)


def newest(instance: DagsterInstance, of: Iterable[DagsterEventType]) -> int:
    """The highest id of events of these types; 0 for none."""
    with _storage(instance).index_connection() as connection:
        return max(id_ or 0 for id_ in connection.execute(_newest_of_each(tuple(of))).one())


def after(
    instance: DagsterInstance, event_id: int, of: Iterable[DagsterEventType]
) -> dict[int, datetime]:
    """When the events of these types above `event_id` happened, by id."""
    with _storage(instance).index_connection() as connection:
        found = connection.execute(_ids_after(tuple(of)), {"after": event_id}).all()
    return {id_: at.replace(tzinfo=UTC) for id_, at in found}


def _storage(instance: DagsterInstance) -> SqlEventLogStorage:
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    return storage


@lru_cache
def _newest_of_each(types: tuple[DagsterEventType, ...]) -> Select[Any]:
    return select(
        *(
            select(func.max(_LOG.id))
            .where(_LOG.dagster_event_type == event_type.value)
            .scalar_subquery()
            .label(event_type.name.lower())
            for event_type in types
        )
    )


@lru_cache
def _ids_after(types: tuple[DagsterEventType, ...]) -> Select[Any]:
    return select(_LOG.id, _LOG.timestamp).where(
        _LOG.dagster_event_type.in_([event_type.value for event_type in types]),
        _LOG.id > bindparam("after"),
    )
