"""Failures that Dagster retries, or promised to, on an instance with retries."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance

from ..finished_runs import broken, ends, made_run
from .case import Case
from .odd_runs import fails_at_each_retry
from .scene import EVERY_S, FAILURES, Scene, Setting

SETTING = Setting(retries=True)
WORKS = 5
# Of the five minutes for which a promised retry is waited for, so much has passed.
WAITED_S = 295


def three_retries(scene: Scene) -> dict[str, float]:
    """Each fails four times, Dagster retrying it; due from the last."""
    names = [scene.partition(number) for number in range(WORKS)]
    return fails_at_each_retry(scene.instance, names, every_s=EVERY_S)


def tag_missing(scene: Scene) -> dict[str, float]:
    """Workers that write no such tag, as their own configuration has no retries."""
    plain = scene.dagster.home / "plain.yaml"
    plain.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    failed_at = {}
    with DagsterInstance.from_config(str(scene.dagster.home), plain.name) as instance:
        for number in range(FAILURES):
            name = scene.partition(number)
            run = made_run(instance, broken, {"dagster/partition": name})
            failed_at[name] = time.time()
            ends(instance, run, at=datetime.now(UTC), failed=True)
            time.sleep(EVERY_S)
    return failed_at


def retry_never_comes(scene: Scene) -> dict[str, float]:
    """Their retries were promised almost five minutes ago; due from when they are written."""
    failed_at = {}
    for number in range(FAILURES):
        name = scene.partition(number)
        tags = {"dagster/partition": name, "dagster/max_retries": "1"}
        run = made_run(scene.instance, broken, tags)
        failed_at[name] = time.time()
        at = datetime.now(UTC) - timedelta(seconds=WAITED_S)
        ends(scene.instance, run, at=at, failed=True)
        time.sleep(EVERY_S)
    return failed_at


CASES = (
    Case(
        "three retries, one page",
        three_retries,
        by_design="from the last attempt, for which a stock sensor does not wait",
    ),
    Case("no will_retry tag", tag_missing, by_design="waits 5 s for it"),
    Case(
        "a retry that never comes",
        retry_never_comes,
        by_design=f"waits 300 s for it, of which {WAITED_S} had passed",
    ),
)
