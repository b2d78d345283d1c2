"""Bad times, case by case: lost, told twice, out of order, told late; beside it a stock sensor.

The same failures, the same daemon, the same receiver for both. The stock sensor's body posts and
raises where that fails, as dagster-slack's does.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..measure import Figure
from . import daemon_cases, own_cases, retry_cases, start_cases, storage_cases
from .case import Case
from .scene import Scene, Setting, scene
from .telling import OURS, STOCK, Tally, tally

# Each pair is a scene and what happens in it, one after the other; the longest first.
SCENES: tuple[tuple[Setting, tuple[Case, ...]], ...] = (
    *((cases.SETTING, cases.CASES) for cases in (daemon_cases, storage_cases, own_cases)),
    (retry_cases.SETTING, retry_cases.CASES),
    (start_cases.SETTING, (start_cases.AFTER_OLD_FAILURES,)),
    (start_cases.SETTING, (start_cases.NEW_INSTANCE,)),
)
# For what is not told by then, it is lost.
OURS_COMES_WITHIN_S = 90.0
# Two looks of Dagster's daemon without a message: the stock sensor tells nothing more of it.
STOCK_QUIET_S = 12.0
# What a process left half told is told again by then, or in one of the cases that follow.
SECOND_TELLING_S = 3.0
# Part of a case's name, to run only those.
ONLY = os.environ.get("WDH_BENCH_CASE", "")


@dataclass(frozen=True)
class Result:
    """What came of a case. failures: how many were to be told. stock: None where it has no part."""

    case: Case
    failures: int
    ours: Tally
    stock: Tally | None


def figures() -> list[Figure]:
    """Each a case: what was lost of the router's, and beside it the rest."""
    return [_figure(result) for result in results()]


def results() -> list[Result]:
    """Two scenes at a time: most of it is waiting."""
    wanted = [(setting, [case for case in cases if ONLY in case.what]) for setting, cases in SCENES]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda pair: _run_all(*pair), [pair for pair in wanted if pair[1]])
        return [result for of_scene in found for result in of_scene]


def _run_all(setting: Setting, cases: list[Case]) -> list[Result]:
    """One after the other in one scene; counted at the end, so that late second tellings show."""
    with tempfile.TemporaryDirectory() as folder:
        starts = any(case.starts for case in cases)
        with scene(Path(folder), setting, started=not starts) as made:
            dues = [_run(made, case, f"c{number}") for number, case in enumerate(cases)]
        return [
            _result(case, due, made, f"c{number}-")
            for number, (case, due) in enumerate(zip(cases, dues, strict=True))
        ]


def _run(made: Scene, case: Case, name: str) -> dict[str, float]:
    made.name = name
    due = case.act(made)
    _wait(made, due, stock=not case.stock)
    return due


def _wait(made: Scene, due: Mapping[str, float], *, stock: bool) -> None:
    """Until all were told by both, or for so long that what is not is lost."""
    begun = time.time()

    def missing(teller: str) -> bool:
        return bool(due.keys() - {message.partition for message in made.told_by(teller)})

    def stock_is_on() -> bool:
        last = max((message.at for message in made.told_by(STOCK)), default=begun)
        return time.time() - max(last, begun) < STOCK_QUIET_S

    while missing(OURS) and time.time() - begun < OURS_COMES_WITHIN_S:
        time.sleep(0.2)
    while stock and missing(STOCK) and stock_is_on():
        time.sleep(0.2)
    time.sleep(SECOND_TELLING_S)


def _result(case: Case, due: Mapping[str, float], made: Scene, prefix: str) -> Result:
    def of(teller: str) -> Tally:
        return tally(due, [m for m in made.told_by(teller) if m.partition.startswith(prefix)])

    return Result(case, len(due), of(OURS), None if case.stock else of(STOCK))


def _figure(result: Result) -> Figure:
    case = result.case
    design = f" ({case.by_design})" if case.by_design else ""
    note = f"{result.ours}{design}\nstock sensor: {result.stock or case.stock}"
    return Figure(f"{case.what}: lost of {result.failures}", result.ours.lost, "", 0, note=note)
