"""What ended runs and steps add to the totals of the store, and histograms back from those."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..alerting.metric_families import BEYOND, Histogram, cumulative
from ..alerting.store.totals import SUM, Latest, Tally, Total

if TYPE_CHECKING:
    from .dagster_api.totals import EndedRun, RunEnding, StepEnding

RUNS, STEPS = "runs", "steps"
RUN_S, QUEUE_S, STEP_S = "run_s", "queue_s", "step_s"
LAST_RUN = "last_run"
# Upper bounds, in seconds; as text they are what OpenMetrics wants of `le`: 1.0, not 1.
BOUNDS_S: Mapping[str, Sequence[float]] = {
    RUN_S: (1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 10_800.0, 43_200.0),
    QUEUE_S: (1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0),
    STEP_S: (1.0, 10.0, 60.0, 300.0, 1_800.0, 7_200.0),
}
# How many jobs, and steps, have series of their own; those that ended first. Together with 500
# schedules and sensors a scrape stays under 5,000 series.
MOST: Mapping[str, int] = {
    **dict.fromkeys((RUNS, LAST_RUN), 100),
    **dict.fromkeys((RUN_S, QUEUE_S, STEPS, STEP_S), 50),
}
_MAPPING_KEY = re.compile(r"\[[^\]]*\]")


@dataclass
class Sums:
    """What a batch adds."""

    totals: Counter[Total] = field(default_factory=Counter)
    latest: dict[Total, Latest] = field(default_factory=dict)

    def run(self, run: EndedRun, ending: RunEnding) -> None:
        of = (run.location, run.job)
        self.totals[Total(RUNS, of, ending.outcome.value)] += 1
        if run.started is not None:
            self._observe(RUN_S, of, (ending.at - run.started).total_seconds())
            self._observe(QUEUE_S, of, (run.started - run.created).total_seconds())
        last = Total(LAST_RUN, of, ending.outcome.value)
        known = self.latest.get(last)
        if known is None or known.at <= ending.at.timestamp():
            lasted_s = max(0.0, (ending.at - run.created).total_seconds())
            self.latest[last] = Latest(lasted_s, ending.at.timestamp())

    def steps(self, run: EndedRun, steps: Iterable[StepEnding]) -> None:
        for step in steps:
            of = (run.location, run.job, _MAPPING_KEY.sub("", step.step_key))
            self.totals[Total(STEPS, of, "success" if step.succeeded else "failure")] += 1
            if step.duration_s is not None:
                self._observe(STEP_S, of, step.duration_s)

    def tally(self) -> Tally:
        return Tally(self.totals, self.latest)

    def _observe(self, name: str, of: tuple[str, ...], seconds: float) -> None:
        """Each is in one bucket only. Clocks of two machines can make a time negative: it is 0."""
        seconds = max(0.0, seconds)
        bounds = BOUNDS_S[name]
        at = bisect_left(bounds, seconds)
        label = str(bounds[at]) if at < len(bounds) else BEYOND
        self.totals[Total(name, of, label)] += 1
        self.totals[Total(name, of, SUM)] += seconds  # type: ignore[assignment]


def histograms(tally: Tally, name: str) -> Mapping[tuple[str, ...], Histogram]:
    """By what they are of: (location, job), and the step for STEP_S."""
    bounds = BOUNDS_S[name]
    within: dict[tuple[str, ...], Counter[int]] = {}
    sums: dict[tuple[str, ...], float] = {}
    for total, value in tally.totals.items():
        if total.name != name:
            continue
        if total.label == SUM:
            sums[total.of] = value
        else:
            # A bound that an earlier version used, and this one does not: the next one up.
            at = bisect_left(bounds, float(total.label))
            within.setdefault(total.of, Counter())[at] += round(value)
    return {
        of: Histogram(cumulative(bounds, counts), sums.get(of, 0.0))
        for of, counts in within.items()
    }
