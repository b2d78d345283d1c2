"""Runs and their failures without a Dagster behind them, for what is decided from these alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from work_data_hub.observability.run import Change, Raised, Run, StatusChange

FAILED_AT = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)


def a_run(**given: Any) -> Run:
    """A run of the job `nightly` that failed, but for what is given."""
    plain: dict[str, Any] = {
        "run_id": "8a1f",
        "job": "nightly",
        "location": "sales",
        "partition": "",
        "schedule": "",
        "sensor": "",
        "backfill": "",
        "root_run_id": "8a1f",
        "retry_number": "",
        "will_retry": None,
        "retry_run_id": "",
        "failure_reason": "",
        "assets": (),
        "finished": True,
        "succeeded": False,
        "failed": True,
    }
    return Run(**{**plain, **given})


def a_failure(message: str = "", *, raised: tuple[Raised, ...] = ()) -> StatusChange:
    """The event of a run's failure."""
    return StatusChange(1, Change.FAILED, "8a1f", FAILED_AT, message, raised=raised)
