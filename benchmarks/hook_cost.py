"""What alert_on_failure and alert_on_success add to a step."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dagster import HookDefinition, JobDefinition, graph, in_process_executor, op

from benchmarks.finished_runs import an_instance
from benchmarks.measure import Figure

STEPS = 200


def figures() -> list[Figure]:
    """Within one process, after the first step of each kind: what a step pays, not an import."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WDH_ALERTS_URL"] = f"sqlite:///{folder}/alerts.db"
        os.environ["WDH_ALERTS_CONFIG"] = f"{folder}/alerts.yml"
        with an_instance(Path(folder)) as instance:
            found = []
            for name, fails in (("alert_on_failure", True), ("alert_on_success", False)):
                taken_s: list[float] = []
                hooked = _job(_timed(name, taken_s), fails=fails)
                hooked.execute_in_process(instance=instance, raise_on_error=False)
                assert len(taken_s) == STEPS
                first_ms, rest = taken_s[0] * 1000, sorted(taken_s[1:])
                p99_s = statistics.quantiles(rest, n=100, method="inclusive")[98]
                median_ms = statistics.median(rest) * 1000
                note = f"median {median_ms:.1f} ms; the first in a process {first_ms:.0f} ms"
                found.append(
                    Figure(f"{name}: adds to a step, p99", p99_s * 1000, "ms", 10.0, note=note)
                )
    return found


def _job(hook: HookDefinition, *, fails: bool) -> JobDefinition:
    """So many steps, none of which waits for another."""

    def body() -> None:
        if fails:
            raise ValueError("row 7 has no plan")

    ops = [op(name=f"step{n}")(body) for n in range(STEPS)]

    @graph
    def many() -> None:
        for each in ops:
            each()

    return many.to_job(hooks={hook}, executor_def=in_process_executor)


def _timed(name: str, taken_s: list[float]) -> HookDefinition:
    """The hook of this name, with its time taken where it has something to tell."""
    from work_data_hub.observability import hooks

    inner: Callable[..., Any] = getattr(hooks, name).hook_fn

    def hook_fn(context: Any, events: Any) -> Any:
        begun = time.perf_counter()
        result = inner(context, events)
        taken_s.append(time.perf_counter() - begun)
        assert not result.is_skipped
        return result

    return HookDefinition(name=name, hook_fn=hook_fn, decorated_fn=hook_fn)
