"""Runs as metrics: those under way, and the totals of those that ended. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..alerting.metric_families import Values, counter, gauge, histogram
from ..alerting.store.alert_counts import OTHER
from ..alerting.store.totals import OVERFLOWED, Latest, Tally
from .dagster_api.totals import ActiveRuns, RunOutcome
from .sources import overflowed
from .tally_sums import LAST_RUN, QUEUE_S, RUN_S, RUNS, STEP_S, STEPS, histograms

if TYPE_CHECKING:
    from prometheus_client import Metric

_OF_JOB = ("location", "job_name")
_OF_STEP = (*_OF_JOB, "step_key")
# Of each job that is known, also when it has none.
_SHOWN_AT_0 = ("queued", "starting", "started")
MAX_ACTIVE_JOBS = 100
# The names of totals, as what was put under `other` there shows.
_METRIC_OF = {
    RUNS: "dagster_completed_runs_total",
    STEPS: "dagster_completed_steps_total",
    RUN_S: "dagster_run_duration_seconds",
    QUEUE_S: "dagster_run_queue_duration_seconds",
    STEP_S: "dagster_step_duration_seconds",
}

Job = tuple[str, str]


def jobs_in(tally: Tally) -> frozenset[Job]:
    """Location and name of the jobs that have totals."""
    return frozenset((t.of[0], t.of[1]) for t in tally.totals if t.name == RUNS)


def under_way(
    active: Sequence[ActiveRuns], *, jobs: Collection[Job], now: datetime
) -> Iterator[Metric]:
    """jobs: those known, which have a 0 where they have no run."""
    names = {(of.location, of.job) for of in active}
    kept = {*sorted(names)[:MAX_ACTIVE_JOBS], *sorted(jobs)}
    counts: dict[tuple[str, ...], float] = {
        (*job, status): 0.0 for job in jobs for status in _SHOWN_AT_0
    }
    longest: dict[tuple[str, ...], float] = {}
    for of in active:
        job = (of.location, of.job) if (of.location, of.job) in kept else (OTHER, OTHER)
        key = (*job, of.status)
        counts[key] = counts.get(key, 0.0) + of.count
        lasts_s = max(0.0, (now - of.since).total_seconds())
        longest[key] = max(longest.get(key, 0.0), lasts_s)
    labels = (*_OF_JOB, "status")
    yield gauge("dagster_active_runs", "Runs under way, by job and status.", counts, labels)
    yield gauge(
        "dagster_active_run_duration_seconds",
        "How long the longest of the runs under way has been in its status.",
        longest,
        labels,
    )
    folded = len(names - kept)
    yield overflowed({"dagster_active_runs": folded} if folded else {})


def ended(tally: Tally) -> Iterator[Metric]:
    """The totals; each job that has any has all three outcomes."""
    runs = _of(tally, RUNS)
    for job in jobs_in(tally):
        for outcome in RunOutcome:
            runs.setdefault((*job, outcome.value), 0.0)
    yield counter(
        "dagster_completed_runs", "Runs that ended, by outcome.", runs, (*_OF_JOB, "status")
    )
    yield counter(
        "dagster_completed_steps",
        "Steps that ended, by outcome; counted with the end of their run.",
        _of(tally, STEPS),
        (*_OF_STEP, "status"),
    )
    yield histogram(
        "dagster_run_duration_seconds",
        "From the start of a run to its end.",
        histograms(tally, RUN_S),
        _OF_JOB,
    )
    yield histogram(
        "dagster_run_queue_duration_seconds",
        "From the creation of a run to its start.",
        histograms(tally, QUEUE_S),
        _OF_JOB,
    )
    yield histogram(
        "dagster_step_duration_seconds",
        "How long the last attempt of a step took.",
        histograms(tally, STEP_S),
        _OF_STEP,
    )
    yield from _last(tally)
    yield counter(
        "wdh_tally_overflowed",
        "Ends of runs and steps that are counted under 'other'.",
        {
            (_METRIC_OF.get(total.of[0], total.of[0]),): value
            for total, value in tally.totals.items()
            if total.name == OVERFLOWED and total.of[0] in _METRIC_OF
        },
        ("metric",),
    )


def _last(tally: Tally) -> Iterator[Metric]:
    by_job: dict[Job, dict[str, Latest]] = {}
    for total, latest in tally.latest.items():
        if total.name == LAST_RUN:
            by_job.setdefault((total.of[0], total.of[1]), {})[total.label] = latest
    last = {
        job: max(outcomes, key=lambda outcome: outcomes[outcome].at)
        for job, outcomes in by_job.items()
    }
    labels = (*_OF_JOB, "status")
    yield gauge(
        "dagster_last_run_info",
        "1, under the status of the job's last ended run.",
        {(*job, outcome): 1.0 for job, outcome in last.items()},
        labels,
    )
    yield gauge(
        "dagster_last_run_duration_seconds",
        "From the creation to the end of the job's last ended run.",
        {(*job, outcome): by_job[job][outcome].value for job, outcome in last.items()},
        labels,
    )
    yield gauge(
        "dagster_last_run_end_timestamp_seconds",
        "When the job's last ended run ended.",
        {job: by_job[job][outcome].at for job, outcome in last.items()},
        _OF_JOB,
    )
    succeeded: Values = {
        job: outcomes[RunOutcome.SUCCESS].at
        for job, outcomes in by_job.items()
        if RunOutcome.SUCCESS in outcomes
    }
    yield gauge(
        "dagster_job_last_success_timestamp_seconds",
        "When a run of the job last succeeded.",
        succeeded,
        _OF_JOB,
    )


def _of(tally: Tally, name: str) -> dict[tuple[str, ...], float]:
    return {(*t.of, t.label): value for t, value in tally.totals.items() if t.name == name}
