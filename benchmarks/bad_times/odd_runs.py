"""Runs that fail in odd ways, written to the instance's storage as Dagster leaves them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import DagsterEventType, DagsterInstance, DagsterRun

from ..finished_runs import broken, ends, event_of, made_run

GAP = 1_000
RETRIES = 3


def fails_late(
    instance: DagsterInstance, partitions: Sequence[str], *, every_s: float
) -> dict[str, float]:
    """Every second failure appears under an id that its readers have passed; when each appeared.

    So it is on PostgreSQL, where an id is given out before its commit. SQLite has one writer: here
    the log jumps ahead first, and such an event is written into the gap.
    """
    log = Path(instance.root_directory, "history", "runs", "index.db")
    made_run(instance, broken, {})
    with closing(sqlite3.connect(log, timeout=60)) as connection, connection:
        ((newest,),) = connection.execute("SELECT max(id) FROM event_logs")
        connection.execute("UPDATE event_logs SET id = id + ? WHERE id = ?", (GAP, newest))
    failed_at = {}
    for number, partition in enumerate(partitions):
        run = made_run(instance, broken, {"dagster/partition": partition})
        failed_at[partition] = time.time()
        if number % 2:
            ends(instance, run, at=datetime.now(UTC), failed=True)
        else:
            _fails_under(instance, run, newest + number)
        time.sleep(every_s)
    return failed_at


def _fails_under(instance: DagsterInstance, run: DagsterRun, event_id: int) -> None:
    """As `store_event` and what follows it, but for the id in the log of all runs."""
    log: Any = instance.event_log_storage
    now = datetime.now(UTC)
    entry = event_of(run, DagsterEventType.RUN_FAILURE, at=now)
    statement = log.prepare_insert_event(entry)
    with log.run_connection(run.run_id) as connection:
        connection.execute(statement)
    with log.index_connection() as connection:
        connection.execute(statement.values(id=event_id))
    assert entry.dagster_event is not None
    instance.run_storage.handle_run_event(run.run_id, entry.dagster_event, now)


def fails_at_each_retry(
    instance: DagsterInstance, partitions: Sequence[str], *, every_s: float
) -> dict[str, float]:
    """Each run fails, and so do the retries that Dagster makes of it; when the last one did."""
    failed_at = {}
    for partition in partitions:
        tags = {"dagster/partition": partition, "dagster/max_retries": str(RETRIES)}
        first = latest = made_run(instance, broken, tags)
        ends(instance, first, at=datetime.now(UTC), failed=True)
        for number in range(1, RETRIES + 1):
            time.sleep(every_s)
            latest = _retried(
                instance, first, latest, {**tags, "dagster/retry_number": f"{number}"}
            )
            failed_at[partition] = time.time()
            ends(instance, latest, at=datetime.now(UTC), failed=True)
    return failed_at


def _retried(
    instance: DagsterInstance, first: DagsterRun, failed: DagsterRun, tags: dict[str, str]
) -> DagsterRun:
    """As Dagster's daemon does it."""
    family = {"dagster/root_run_id": first.run_id, "dagster/parent_run_id": failed.run_id}
    retry = made_run(
        instance,
        broken,
        {**tags, **family},
        root_run_id=first.run_id,
        parent_run_id=failed.run_id,
    )
    instance.add_run_tags(failed.run_id, {"dagster/auto_retry_run_id": retry.run_id})
    return retry
