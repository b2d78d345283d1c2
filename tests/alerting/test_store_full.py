"""A store whose disk is full: it says so, loses nothing, and goes on once there is room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.store.tables import metadata

pytestmark = pytest.mark.both_databases

AT_ONCE = """
route: {receiver: team, group_by: [job], group_wait: 0s, group_interval: 1m}
receivers:
  - name: team
    memory_configs: [{sink: chat}]
"""
# What PostgreSQL says of itself when it cannot extend a file.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_REFUSE = """
CREATE OR REPLACE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$
"""
_ON = (
    "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {} FOR EACH STATEMENT"
    " EXECUTE FUNCTION disk_is_full()"
)
_OFF = "DROP TRIGGER full_disk ON {}"


@pytest.fixture
def router(scene: Any) -> Any:
    return scene.router(AT_ONCE)


@contextmanager
def full_disk(scene: Any, router: Any) -> Iterator[None]:
    """The store has no page more than it has now."""
    if scene.url.startswith("sqlite"):
        with router.store.database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        yield
        with router.store.database.write() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        return
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute(_REFUSE)
        for table in metadata.tables:
            connection.execute(_ON.format(table))
        try:
            yield
        finally:
            for table in metadata.tables:
                connection.execute(_OFF.format(table))


def publish_until_refused(router: Any, alert: Any) -> list[str]:
    """Publishes large alerts; gives the jobs of those that were taken."""
    taken: list[str] = []
    with pytest.raises(StoreUnavailable, match=r"full|No space left on device"):
        for n in range(200):
            router.publish(alert(job=f"job{n}", error=f"{n}: " + "x" * 20_000))
            taken.append(f"job{n}")
    return taken


def test_a_full_store_is_unavailable_keeps_what_it_took_and_works_again_later(
    scene: Any, router: Any, alert: Any
) -> None:
    router.publish(alert(job="first"))
    with full_disk(scene, router):
        taken = publish_until_refused(router, alert)
        # Again and again, and not another word.
        with pytest.raises(StoreUnavailable):
            router.publish(alert(job="refused", error="x" * 50_000))
    assert router.publish(alert(job="refused", error="x" * 50_000)) == "opened"
    router.dispatch(until_idle=True)
    told = sorted(n.group_labels["job"] for n in scene.chat.delivered)
    assert told == sorted(["first", *taken, "refused"])


def test_what_is_told_while_the_store_is_full_is_told_once(
    scene: Any, router: Any, alert: Any
) -> None:
    jobs = [f"job{n}" for n in range(50)]
    router.publish_all(alert(job=job, error="x" * 2_000) for job in jobs)
    with full_disk(scene, router), pytest.raises(StoreUnavailable):
        for _ in range(200):
            router.dispatch(until_idle=True)
            router.publish(alert(job="one more", error="x" * 20_000))
    router.dispatch(until_idle=True)
    told = [n.group_labels["job"] for n in scene.chat.delivered]
    assert len(told) == len(set(told))
    assert set(jobs) <= set(told)
