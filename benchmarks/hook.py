"""What alert_on_failure and alert_on_success add to a step, in a job of many steps.

Each step writes to stderr, which Dagster captures to a file, as under `dagster dev`. A hook reads
the end of it, redacts it and stores the alert: no query, no network.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from unittest import mock

from dagster import (
    DagsterEvent,
    DagsterInstance,
    HookContext,
    HookDefinition,
    JobDefinition,
    OpDefinition,
    in_process_executor,
    job,
    op,
)

from benchmarks.measure import Figure

STEPS = 150
LINES = 600
PROMISED_MS = 10.0


def figures() -> list[Figure]:
    """p99 of either hook; the first call of a process, which opens the store, is not among them."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
        os.environ["WDH_STATE_DIR"] = folder
        os.environ["DAGSTER_HOME"] = folder
        with DagsterInstance.local_temp(folder) as instance, open(os.devnull, "w") as nowhere:  # noqa: PTH123
            return [
                _figure("alert_on_failure", _taken(instance, "failing", nowhere.fileno())),
                _figure("alert_on_success", _taken(instance, "passing", nowhere.fileno())),
            ]


def _figure(name: str, taken_s: Sequence[float]) -> Figure:
    p99_ms = statistics.quantiles(taken_s, n=100)[98] * 1000
    note = f"median {statistics.median(taken_s) * 1000:.2f} ms over {len(taken_s)} steps"
    return Figure(f"what {name} adds to a step (p99)", p99_ms, "ms", PROMISED_MS, note=note)


def _taken(instance: DagsterInstance, kind: str, quiet: int) -> list[float]:
    """Seconds of each call of the hook but the first. quiet: where stderr goes meanwhile."""
    from work_data_hub.observability import hooks
    from work_data_hub.observability.dagster_api import run_log

    taken: list[float] = []
    tell = hooks._tell_failure if kind == "failing" else hooks._tell_success

    def timed(context: HookContext, events: Sequence[DagsterEvent]) -> bool:
        begun = time.perf_counter()
        try:
            return tell(context, events)
        finally:
            taken.append(time.perf_counter() - begun)

    hook = run_log.step_hook(f"timed_{kind}", timed)
    stderr = os.dup(2)
    os.dup2(quiet, 2)
    try:
        _job(kind, hook).execute_in_process(instance=instance, raise_on_error=False)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    assert len(taken) == STEPS
    return taken[1:]


def _job(kind: str, hook: HookDefinition) -> JobDefinition:
    def step(number: int) -> OpDefinition:
        @op(name=f"{kind}_{number}")
        def load() -> None:
            for line in range(LINES):
                sys.stderr.write(f"row {line} of a table with a few columns was read\n")
            sys.stderr.flush()
            if kind == "failing":
                raise ValueError(f"row {number} has no plan")

        return load

    steps: list[Callable[[], object]] = [step(number) for number in range(STEPS)]

    @job(name=kind, executor_def=in_process_executor, hooks={hook})
    def many() -> None:
        for made in steps:
            made()

    return many
