"""Whether a failure is told now, waits for Dagster's own retry, or is left to that retry."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from .run import Run

# Dagster writes the tag just after the event, in another transaction.
TAG_WAIT = timedelta(seconds=5)
RETRY_WAIT = timedelta(minutes=5)


class Verdict(StrEnum):
    TELL = "tell"
    HOLD = "hold"
    DROP = "drop"  # the retry tells, or has succeeded


def verdict(
    run: Run, retry: Run | None, *, failed_at: datetime, now: datetime, retries_enabled: bool
) -> Verdict:
    """What to do about the failure of `run`.

    retry: the run that Dagster started in its place, when there is one and it still exists.
    A failure that Dagster will retry is told when no retry came in time, when Dagster gave it up
    (it turns the tag to false, without an event), and when the retry was cancelled or deleted.
    """
    age = now - failed_at
    if run.will_retry is None:
        return Verdict.HOLD if retries_enabled and age < TAG_WAIT else Verdict.TELL
    if not run.will_retry:
        return Verdict.TELL
    if not run.retry_run_id:
        return Verdict.HOLD if age < RETRY_WAIT else Verdict.TELL
    if retry is None:
        return Verdict.TELL
    if not retry.finished:
        return Verdict.HOLD
    return Verdict.DROP if retry.succeeded or retry.failed else Verdict.TELL
