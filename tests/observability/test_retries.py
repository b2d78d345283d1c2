from __future__ import annotations

from datetime import timedelta

import pytest

from work_data_hub.observability.retries import Verdict, verdict
from work_data_hub.observability.run import Run

from .runs import FAILED_AT, a_run


def after(
    seconds: float, failed: Run, retry: Run | None = None, *, retries_enabled: bool = True
) -> Verdict:
    now = FAILED_AT + timedelta(seconds=seconds)
    return verdict(failed, retry, failed_at=FAILED_AT, now=now, retries_enabled=retries_enabled)


def test_without_run_retries_a_failure_is_told_at_once() -> None:
    assert after(0, a_run(), retries_enabled=False) is Verdict.TELL


def test_a_failure_not_yet_tagged_waits_5_s_for_its_tag_then_is_told() -> None:
    assert after(4.9, a_run()) is Verdict.HOLD
    assert after(5, a_run()) is Verdict.TELL


def test_a_failure_that_dagster_will_not_retry_is_told_at_once() -> None:
    assert after(0, a_run(will_retry=False)) is Verdict.TELL


def test_a_failure_whose_retry_does_not_come_is_told_after_5_minutes() -> None:
    assert after(299, a_run(will_retry=True)) is Verdict.HOLD
    assert after(300, a_run(will_retry=True)) is Verdict.TELL


@pytest.mark.parametrize("seconds", [1, 10_000])
def test_a_failure_is_held_as_long_as_its_retry_runs(seconds: float) -> None:
    failed = a_run(will_retry=True, retry_run_id="9b2e")
    retry = a_run(run_id="9b2e", finished=False, failed=False)
    assert after(seconds, failed, retry) is Verdict.HOLD


def test_a_failure_is_left_to_a_retry_that_came_to_its_end() -> None:
    failed = a_run(will_retry=True, retry_run_id="9b2e")
    assert after(1, failed, a_run(succeeded=True, failed=False)) is Verdict.DROP
    assert after(1, failed, a_run(failed=True)) is Verdict.DROP


def test_a_failure_whose_retry_was_cancelled_or_deleted_is_told() -> None:
    failed = a_run(will_retry=True, retry_run_id="9b2e")
    assert after(1, failed, a_run(succeeded=False, failed=False)) is Verdict.TELL
    assert after(1, failed, None) is Verdict.TELL
