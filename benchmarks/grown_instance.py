"""A Dagster instance after years of use: runs, schedules, sensors, ticks, assets; mostly by SQL."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

INSTIGATORS = 500
JOBS, ASSETS, TICKS_EACH, ACTIVE = 60, 100, 200, 50


def instigators(instance: Any) -> list[Any]:
    """Half of them schedules; each has ticked, over and over."""
    from tests.observability.dagster_storages import switched, ticked

    began = datetime.now(UTC) - timedelta(days=2)
    states = [
        switched(instance, f"each_{n}", schedule=n % 2 == 0, started=began)
        for n in range(INSTIGATORS)
    ]
    for state in states:
        ticked(instance, state, began)
    schedules = Path(instance.root_directory, "schedules", "schedules.db")
    with closing(sqlite3.connect(schedules)) as connection, connection:
        columns = "job_origin_id, selector_id, status, type, tick_body"
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            f" INSERT INTO job_ticks ({columns}, timestamp) SELECT {columns},"
            " datetime(timestamp, '+' || (i * 10) || ' minutes') FROM job_ticks, n",
            (TICKS_EACH,),
        )
    return states


def model_run(instance: Any) -> str:
    """A finished run like all the others, and some runs under way."""
    from dagster import DagsterEventType
    from tests.observability.dagster_runs import create_run, nightly, report

    model = create_run(instance, nightly)
    now = datetime.now(UTC)
    report(instance, model, DagsterEventType.RUN_START, at=now - timedelta(days=1))
    report(instance, model, DagsterEventType.RUN_SUCCESS, at=now - timedelta(days=1, minutes=-5))
    for _ in range(ACTIVE):
        waiting = create_run(instance, nightly)
        report(instance, waiting, DagsterEventType.RUN_START, at=now - timedelta(minutes=3))
    return str(model.run_id)


def finished(home: Path, model: str, *, first: int, last: int) -> None:
    """Runs like the model, of many jobs, with their tags and the events of their ends."""
    given = {"first": first, "last": last, "model": model, "jobs": JOBS}
    numbers = (
        "WITH RECURSIVE n(i) AS"
        " (SELECT :first WHERE :first <= :last UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
    )
    of_run = "create_timestamp, update_timestamp, start_time, end_time"
    with closing(sqlite3.connect(home / "history" / "runs.db")) as connection, connection:
        connection.execute(
            f"{numbers} INSERT INTO runs (run_id, pipeline_name, snapshot_id, status, run_body,"
            f" {of_run}) SELECT printf('%036d', i), 'job_' || (i % :jobs), snapshot_id, status,"
            f" replace(replace(run_body, :model, printf('%036d', i)), '\"nightly\"',"
            f" printf('\"job_%d\"', i % :jobs)), {of_run}"
            " FROM runs, n WHERE run_id = :model",
            given,
        )
        connection.execute(
            f"{numbers} INSERT INTO run_tags (run_id, key, value)"
            " SELECT printf('%036d', i), key, value FROM run_tags, n WHERE run_id = :model",
            given,
        )
    of_event = "dagster_event_type, timestamp, step_key, asset_key, partition"
    with closing(sqlite3.connect(home / "history" / "runs" / "index.db")) as connection, connection:
        connection.execute(
            f"{numbers} INSERT INTO event_logs (run_id, event, {of_event})"
            f" SELECT printf('%036d', i), replace(event, :model, printf('%036d', i)), {of_event}"
            " FROM event_logs, n WHERE run_id = :model AND dagster_event_type = 'PIPELINE_SUCCESS'",
            given,
        )


def assets_and_real_runs(instance: Any) -> None:
    """Assets, real runs of two jobs with steps, a daemon's heartbeats."""
    from dagster import AssetKey, AssetMaterialization
    from tests.observability.dagster_runs import nightly, run, sound

    for number in range(ASSETS):
        key = AssetKey(["warehouse", f"table_{number}"])
        instance.report_runless_asset_event(AssetMaterialization(key))
    for _ in range(2):
        run(instance, nightly)
        run(instance, sound)


def workspace(states: list[Any]) -> bytes:
    def of(kind: str, more: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"name": s.instigator_name, f"{kind}State": {"status": "RUNNING"}, **more}
            for s in states
            if s.instigator_type.name == kind.upper()
        ]

    cron = {"cronSchedule": f"{random.randrange(60)} 2 * * *", "executionTimezone": "Asia/Shanghai"}
    repository = {"schedules": of("schedule", cron), "sensors": of("sensor", {})}
    loaded = {"__typename": "RepositoryLocation", "repositories": [repository]}
    entries = [{"name": "sales", "locationOrLoadError": loaded}]
    said = {"__typename": "Workspace", "locationEntries": entries}
    return json.dumps({"data": {"workspaceOrError": said}}).encode()
