"""Durations, ticks, waits: arithmetic on seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from work_data_hub.alerting.timing import (
    duration_text,
    first_flush,
    moment,
    seconds_of,
    tick_at_or_after,
    wait_after_failure,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("0", 0),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("1d", 86_400),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("500ms", 0.5),
        ("1m500ms", 60.5),
    ],
)
def test_a_duration_reads_as_in_alertmanager(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "1.5h", "-5m", "30m1h", "5 m", "1h 30m", "1S"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 30s, 5m or 1h30m"):
        seconds_of(text)


def test_a_group_is_first_told_after_group_wait() -> None:
    assert first_flush(started_at=95, received_at=100, group_wait_s=30) == 130


def test_what_began_before_group_wait_is_told_at_once() -> None:
    assert first_flush(started_at=69, received_at=100, group_wait_s=30) == 100


@given(st.floats(0, 2e9), st.floats(0, 1e6), st.floats(0.1, 1e5))
def test_the_next_tick_is_the_first_one_that_is_not_past(
    flushed_at: float, later: float, interval: float
) -> None:
    tick = tick_at_or_after(flushed_at + later, flushed_at=flushed_at, group_interval_s=interval)
    tolerance = 1e-5
    assert tick >= flushed_at + interval - tolerance
    assert tick >= flushed_at + later - tolerance
    assert tick < flushed_at + max(later, interval) + interval + tolerance


def test_waits_double_up_to_the_longest() -> None:
    waits = [wait_after_failure(n, jitter=lambda: 1.0) for n in (1, 2, 3, 9, 10, 5_000)]
    assert waits == [1, 2, 4, 256, 300, 300]


def test_jitter_takes_off_half_of_a_wait_at_most() -> None:
    assert wait_after_failure(4, jitter=lambda: 0.0) == 4
    assert wait_after_failure(4, jitter=lambda: 1.0) == 8


@given(st.floats(0, 4e9))
def test_a_moment_survives_the_store(seconds: float) -> None:
    at = moment(seconds)
    assert moment(at.timestamp()) == at


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.5, "500ms"), (60, "1m"), (5_400, "1h30m"), (14_400, "4h"), (30 * 86_400, "30d")],
)
def test_a_duration_is_written_as_it_is_read(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
    assert seconds_of(text) == seconds
