"""What a file sensor has requested so far, read from Dagster's own runs.

Dagster is the truth here, not our cursor: a tick that died after its requests were stored has
requested them, one that died before has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from ..observability.dagster_api import run_log
from ..observability.dagster_api.tags import RUN_KEY_TAG, SENSOR_TAG
from ..observability.run import Run

READING_STEPS = {"read_and_process_trustee_files_op", "read_excel_op"}
UNFINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
# Run keys are asked for in blocks of this many; a key is rarely used twice.
KEY_BLOCK = 20


@dataclass(frozen=True)
class EndedRun:
    """A run that failed while it read its files, or died before it could say why."""

    run_id: str
    root_run_id: str
    requested_at_s: float
    paths: tuple[str, ...]


class RequestedRuns:
    """The runs of one sensor. `instance` is None where a sensor is called without one."""

    def __init__(self, instance: DagsterInstance | None, sensor_name: str) -> None:
        self._instance = instance
        self._tags = {SENSOR_TAG: sensor_name}

    def paths_under_way(self) -> set[str]:
        """Paths that a run has which is queued, starting, running or being cancelled."""
        if self._instance is None:
            return set()
        runs = self._instance.get_runs(RunsFilter(tags=self._tags, statuses=list(UNFINISHED)))
        return {path for run in runs for path in paths_of(run)}

    def ended_badly(self, *, limit: int = 200) -> list[EndedRun]:
        """Of the newest failed runs, those that speak against their files, newest first.

        A run that died speaks against them (killed, out of memory), and one that failed while it
        read. One that failed elsewhere (a warehouse that is down) or was cancelled does not.
        """
        if self._instance is None:
            return []
        records = self._instance.get_run_records(
            RunsFilter(
                tags=self._tags,
                statuses=[DagsterRunStatus.FAILURE],
            ),
            limit=limit,
        )
        return [
            EndedRun(
                run_id=record.dagster_run.run_id,
                root_run_id=record.dagster_run.root_run_id or record.dagster_run.run_id,
                requested_at_s=record.create_timestamp.timestamp(),
                paths=tuple(paths_of(record.dagster_run)),
            )
            for record in records
            if self._speaks_against_its_files(record.dagster_run.run_id)
        ]

    def as_told(self, run_ids: Iterable[str]) -> dict[str, Run]:
        """What an alert says of these runs."""
        return run_log.runs_by_id(self._instance, run_ids) if self._instance is not None else {}

    def _speaks_against_its_files(self, run_id: str) -> bool:
        assert self._instance is not None
        failed = self._instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)
        steps = {entry.dagster_event.step_key for entry in failed if entry.dagster_event}
        return not steps or bool(steps & READING_STEPS)

    def unused_key(self, key: str, *, taken: Iterable[str] = ()) -> str:
        """`key`, or `key:2`, `key:3` ... : the first that no run of this sensor ever had.

        Dagster starts no second run for a key, not even after a failure.
        taken: keys of the same tick, which no run has yet.
        """
        own = set(taken)
        first = 1
        while True:
            keys = [key if n == 1 else f"{key}:{n}" for n in range(first, first + KEY_BLOCK)]
            used = own | self._used(keys)
            if free := [k for k in keys if k not in used]:
                return free[0]
            first += KEY_BLOCK

    def _used(self, keys: Sequence[str]) -> set[str]:
        if self._instance is None:
            return set()
        runs = self._instance.get_runs(RunsFilter(tags={**self._tags, RUN_KEY_TAG: list(keys)}))
        return {run.tags[RUN_KEY_TAG] for run in runs}


def paths_of(run: DagsterRun) -> list[str]:
    """The files that a run was asked to load; none for a run without `paths`."""
    ops: Any = run.run_config.get("ops", {})
    config = ops.get("discover_files_op", {}).get("config", {})
    return list(config.get("paths") or ())
