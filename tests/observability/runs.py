"""Runs without a Dagster behind them, for what is decided from a run alone."""

from __future__ import annotations

from typing import Any

from work_data_hub.observability.run import Run


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
