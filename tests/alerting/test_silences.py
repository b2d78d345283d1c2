"""A silence: what it holds back, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from work_data_hub.alerting.matchers import parse
from work_data_hub.alerting.silences import Silence, silenced_by

START = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def silence(matchers: str = 'job="daily", team=~"数据.*"', **fields: datetime) -> Silence:
    times = {"starts_at": START, "ends_at": START + HOUR} | fields
    return Silence("s1", parse(matchers), **times)


def test_a_silence_holds_back_what_all_its_matchers_take() -> None:
    found = silence()
    assert silenced_by([found], {"job": "daily", "team": "数据组"}, at=START) == [found]
    assert silenced_by([found], {"job": "daily", "team": "平台"}, at=START) == []
    assert silenced_by([found], {"job": "daily"}, at=START) == []


@pytest.mark.parametrize(
    ("after", "active"),
    [(-timedelta(seconds=1), False), (timedelta(), True), (HOUR, False)],
)
def test_it_begins_with_its_start_and_is_over_at_its_end(after: timedelta, active: bool) -> None:
    assert silence().is_active(START + after) is active


@pytest.mark.parametrize("matchers", ["", "{}", 'team=""', 'job=~".*"', 'job!="x"'])
def test_one_that_takes_every_alert_is_refused(matchers: str) -> None:
    with pytest.raises(ValueError, match="takes every alert"):
        silence(matchers)


def test_one_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        silence(ends_at=START)
