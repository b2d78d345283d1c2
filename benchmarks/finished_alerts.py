"""A store full of alerts that are over and told, as months of use leave it; written by SQL."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from work_data_hub.alerting.store.store import Store

# So a million of them are 23 days old at most: none is old enough to be deleted.
EVERY_S = 2
NUMBERS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
"""
# One incident an episode: the most rows that so many alerts can make.
TABLES = (
    """
    INSERT INTO alert_incidents (id, fingerprint, alertname, labels, annotations, generator_url,
        severity, status, started_at, received_at, fired_at, updated_at, resolved_at,
        event_count, version, changed)
    {numbers} SELECT i, printf('%016x', i), 'RunFailed',
        printf('{"alertname":"RunFailed","job":"job%d","severity":"critical"}', i),
        '{"error":"KeyError: ''plan''","summary":"load: KeyError: ''plan''"}', NULL,
        'critical', 'resolved', :from + i * :every, :from + i * :every, :from + i * :every,
        :from + i * :every + 30, :from + i * :every + 30, 1, 2, 0 FROM n
    """,
    """
    INSERT INTO alert_events (key, at)
    {numbers} SELECT printf('run_failed:%032x', i * 2654435761), :from + i * :every FROM n
    """,
    """
    INSERT INTO alert_resolutions (labels, alertname, at)
    {numbers} SELECT printf('{"alertname":"RunFailed","job":"job%d"}', i), 'RunFailed',
        :from + i * :every + 30 FROM n
    """,
    """
    INSERT INTO alert_groups (id, receiver, route, group_key, labels, active, first_due_at)
    {numbers} SELECT i, 'team', '', printf('{"job":"job%d"}', i), printf('{"job":"job%d"}', i),
        0, :from + i * :every FROM n
    """,
    "INSERT INTO alert_members (group_id, incident_id) {numbers} SELECT i, i FROM n",
    """
    INSERT INTO alert_conversations (id, group_id, receiver, integration, group_key, ended, due_at,
        not_before, flushed_at, noticed_at, dirty, sequence, opened, told, receipt, attempts,
        failing_since, lease_token, lease_until)
    {numbers} SELECT i, i, 'team', 'webhook[0]', printf('{"job":"job%d"}', i), 1, NULL, 0,
        :from + i * :every + 60, :from + i * :every + 60, 1, 2, 1,
        printf('{"%016x":[%d,2,"resolved",0]}', i, i), '{}', 0, NULL, 2, 0 FROM n
    """,
    """
    INSERT INTO alert_deliveries (conversation_id, key, purpose, outcome, reason, detail, attempt,
        at, latency_s)
    {numbers} SELECT i, printf('%024x', i), 'resolve', 'delivered', NULL, NULL, 1,
        :from + i * :every + 60, 0.02 FROM n
    """,
)


def fill(path: Path, count: int) -> None:
    """Makes a store at the path with so many finished alerts, the last of them an hour old."""
    store = Store(f"sqlite:///{path}")
    store.set_cursor("made", "yes")
    store.close()
    given = {"count": count, "every": EVERY_S, "from": time.time() - 3_600 - count * EVERY_S}
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        with connection:
            for statement in TABLES:
                connection.execute(statement.replace("{numbers}", NUMBERS), given)
            connection.execute(
                "INSERT INTO alert_counters VALUES ('delivered', 'team', 'webhook[0]', '', ?)",
                (count,),
            )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
