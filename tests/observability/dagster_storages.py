"""Real instances on each storage that Dagster is run with, and what its daemon leaves there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, instance_for_test
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.error import SerializableErrorInfo

RETRIES = {"run_retries": {"enabled": True, "max_retries": 1}}


@contextmanager
def instance_on(home: Path, *, postgres: str | None = None) -> Iterator[DagsterInstance]:
    """On SQLite as `dagster dev` has it, or on the PostgreSQL database of this URL."""
    home.mkdir(exist_ok=True)
    storage = {"storage": {"postgres": {"postgres_url": postgres}}} if postgres else {}
    with instance_for_test(temp_dir=str(home), overrides={**RETRIES, **storage}) as made:
        yield made


def switched(
    instance: DagsterInstance,
    name: str,
    *,
    on: bool = True,
    schedule: bool = True,
    location: str = "sales",
    started: datetime | None = None,
    declared: bool = False,
) -> InstigatorState:
    """A schedule or a sensor that somebody switched on or off, or its code did."""
    target = LoadableTargetOrigin(executable_path=sys.executable, python_file=f"{location}.py")
    code = InProcessCodeLocationOrigin(target, location_name=location)
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(code, "__repository__"), name)
    status = InstigatorStatus.RUNNING if on else InstigatorStatus.STOPPED
    data: Any = (
        ScheduleInstigatorData("0 2 * * *", started.timestamp() if started else None)
        if schedule
        else SensorInstigatorData(min_interval=30)
    )
    kind = InstigatorType.SCHEDULE if schedule else InstigatorType.SENSOR
    state = InstigatorState(
        origin, kind, InstigatorStatus.DECLARED_IN_CODE if declared else status, data
    )
    if instance.get_instigator_state(state.instigator_origin_id, state.selector_id):
        return instance.update_instigator_state(state)
    return instance.add_instigator_state(state)


def ticked(
    instance: DagsterInstance,
    state: InstigatorState,
    at: datetime,
    status: TickStatus = TickStatus.SUCCESS,
) -> None:
    """A tick, as the daemon leaves it behind."""
    given: dict[TickStatus, dict[str, Any]] = {
        TickStatus.SUCCESS: {"run_ids": ["8a1f"]},
        TickStatus.FAILURE: {"error": SerializableErrorInfo("boom", [], "ValueError")},
    }
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            state.instigator_name,
            state.instigator_type,
            status,
            at.timestamp(),
            selector_id=state.selector_id,
            **given.get(status, {}),
        )
    )
