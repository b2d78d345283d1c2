"""First starts, each in a scene of its own."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from ..dagster_processes import wait_for
from .case import Case
from .scene import FAILURES, Scene, Setting, start
from .telling import OURS

SETTING = Setting()


def first_start(scene: Scene) -> dict[str, float]:
    """Failures of two hours ago, which are not told, and of the last hour; due from the start."""
    now = datetime.now(UTC)
    for number in range(FAILURES):
        scene.fails(scene.partition(900 + number), at=now - timedelta(minutes=120 - number))
    names = [scene.partition(number) for number in range(FAILURES)]
    for number, name in enumerate(names):
        scene.fails(name, at=now - timedelta(minutes=50 - number))
    started = time.time()
    start(scene)
    return dict.fromkeys(names, started)


def new_instance(scene: Scene) -> dict[str, float]:
    """The store has seen another instance, further on in its log; due from the start."""
    start(scene)
    for number in range(2 * FAILURES):
        scene.fails(f"before-{number}")
    wait_for(lambda: len(scene.told_by(OURS)) == 2 * FAILURES, "the old instance is told of")
    for name in [*scene.dagster.running]:
        scene.dagster.kill(name)
    scene.kill_serve()
    scene.move_to("new_home")
    names = [scene.partition(number) for number in range(FAILURES)]
    for name in names:
        scene.fails(name)
    started = time.time()
    start(scene)
    return dict.fromkeys(names, started)


AFTER_OLD_FAILURES = Case(
    "first start after old failures", first_start, by_design="from the start", starts=True
)
NEW_INSTANCE = Case(
    "a new instance under an old store", new_instance, by_design="from the start", starts=True
)
