"""How figures are taken: candidates in turn, medians, and ratios against a peer and a limit."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure. `unit` is x (a ratio), s, MiB or ms; `bound` is what was promised."""

    what: str
    value: float
    unit: str
    bound: float
    at_least: bool = False
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def medians(
    candidates: Sequence[Callable[[], object]],
    *,
    rounds: int = 7,
    before_each: Callable[[], object] | None = None,
) -> list[float]:
    """Median seconds of each candidate. They take turns, so a busy moment hits all alike."""
    taken: list[list[float]] = [[] for _ in candidates]
    for _ in range(rounds):
        for times, candidate in zip(taken, candidates, strict=True):
            if before_each is not None:
                before_each()
            gc.collect()
            start = time.perf_counter()
            candidate()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]
