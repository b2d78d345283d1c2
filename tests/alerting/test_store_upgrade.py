"""A store of an earlier version goes on in place; one of a later version is left alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.store.desk import Desk
from work_data_hub.alerting.store.store import Store

# What versions 2 and 3 brought, taken away again.
TO_VERSION_1 = """
DROP TABLE alert_silences;
DROP TABLE alert_actions;
ALTER TABLE alert_events DROP COLUMN fingerprint;
ALTER TABLE alert_resolutions DROP COLUMN whole;
UPDATE alert_notes SET value = '1' WHERE name = 'schema';
"""


@pytest.fixture
def old_store(scene: Any, alert: Any) -> Path:
    """Of version 1, with an open incident in it."""
    router = scene.router()
    router.publish(alert(key="run_failed:1"))
    router.close()
    path = scene.folder / "alerts.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TO_VERSION_1)
    return path


def test_a_store_of_version_1_is_brought_up_to_date_with_all_that_is_in_it(
    scene: Any, old_store: Path, alert: Any
) -> None:
    router = scene.router()
    assert router.publish(alert(key="run_failed:1")) == "repeated"
    assert router.publish(alert(key="run_failed:2")) == "updated"
    (incident,) = router.store.incidents()
    Desk(router.store.database).acknowledge(incident.fingerprint, by="a", at=scene.clock.now)
    with closing(sqlite3.connect(old_store)) as connection:
        assert connection.execute(
            "SELECT value FROM alert_notes WHERE name = 'schema'"
        ).fetchall() == [("3",)]
        assert connection.execute(
            "SELECT key, fingerprint FROM alert_events ORDER BY key"
        ).fetchall() == [("run_failed:1", None), ("run_failed:2", incident.fingerprint)]


def test_an_upgraded_store_has_the_indices_of_a_new_one(
    scene: Any, old_store: Path, tmp_path: Path
) -> None:
    def schema(path: Path) -> set[str]:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT type || ' ' || name FROM sqlite_schema").fetchall()
        return {name for (name,) in found}

    scene.router().store.set_cursor("a", "1")
    new = Store(f"sqlite:///{tmp_path}/new.db")
    new.set_cursor("a", "1")
    new.close()
    assert schema(old_store) == schema(tmp_path / "new.db")


def test_a_process_of_the_version_before_goes_on_beside_an_upgraded_store(
    scene: Any, old_store: Path
) -> None:
    with closing(sqlite3.connect(old_store)) as old:
        scene.router().store.set_cursor("a", "1")
        scene.router().resolve({"job": "x" * 1_000, "step": "y" * 1_000, "partition": "z" * 1_000})
        old.execute("INSERT INTO alert_events (key, at) VALUES ('b', 1.0)")
        (labels,) = old.execute("SELECT labels FROM alert_resolutions").fetchone()
        assert isinstance(json.loads(labels), dict)


def test_a_store_of_a_later_version_is_refused_in_a_sentence(
    scene: Any, old_store: Path, alert: Any
) -> None:
    with closing(sqlite3.connect(old_store)) as connection, connection:
        connection.execute("UPDATE alert_notes SET value = '99' WHERE name = 'schema'")
    with pytest.raises(StoreUnavailable, match="made by a newer version"):
        scene.router().publish(alert())
