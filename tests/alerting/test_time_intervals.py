"""When a route is quiet: the fields of a time interval, at the edges of each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from work_data_hub.alerting import time_intervals
from work_data_hub.alerting.time_intervals import TimeInterval, why_quiet

SHANGHAI = "Asia/Shanghai"


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def interval(**fields: Any) -> TimeInterval:
    """weekdays="monday:friday", and so on; times as two."""
    reads = {
        "times": lambda pair: time_intervals.minutes_between(*pair),
        "weekdays": time_intervals.weekdays,
        "days_of_month": time_intervals.days_of_month,
        "months": time_intervals.months,
        "years": time_intervals.years,
    }
    location = fields.pop("location", "UTC")
    made = {("minutes" if k == "times" else k): (reads[k](v),) for k, v in fields.items()}
    return TimeInterval(**made, location=location)


@pytest.mark.parametrize(
    ("fields", "inside", "outside"),
    [
        (
            {"times": ("09:00", "17:00")},
            ["2024-11-05T09:00", "2024-11-05T16:59:59"],
            ["2024-11-05T17:00", "2024-11-05T08:59"],
        ),
        ({"times": ("17:00", "24:00")}, ["2024-11-05T23:59:59"], ["2024-11-05T00:00"]),
        (
            {"weekdays": "monday:friday"},
            ["2024-11-04T00:00", "2024-11-08T23:59"],
            ["2024-11-03T23:59", "2024-11-09T00:00"],
        ),
        ({"weekdays": "Sunday"}, ["2024-11-03T12:00"], ["2024-11-02T12:00"]),
        ({"days_of_month": "1:5"}, ["2024-11-01T00:00", "2024-11-05T23:59"], ["2024-11-06T00:00"]),
        (
            {"days_of_month": "-3:-1"},
            ["2024-02-27T00:00", "2024-02-29T12:00", "2023-02-26T00:00"],
            ["2024-02-26T23:59"],
        ),
        ({"days_of_month": "30:31"}, ["2024-11-30T00:00"], ["2024-02-29T00:00"]),
        ({"days_of_month": "1:31"}, ["2024-02-29T00:00"], []),
        ({"days_of_month": "-31:-1"}, ["2024-02-01T00:00"], []),
        ({"months": "1:3"}, ["2024-01-01T00:00", "2024-03-31T23:59"], ["2024-04-01T00:00"]),
        ({"months": "May:AUGUST"}, ["2024-08-31T00:00"], ["2024-09-01T00:00"]),
        ({"years": "2024:2025"}, ["2025-12-31T23:59"], ["2026-01-01T00:00"]),
        (
            {"weekdays": "tuesday", "times": ("09:00", "10:00")},
            ["2024-11-05T09:30"],
            ["2024-11-05T10:30", "2024-11-06T09:30"],
        ),
        ({}, ["2024-11-05T09:30"], []),
    ],
)
def test_an_interval_holds_from_its_first_moment_until_after_its_last(
    fields: dict[str, Any], inside: list[str], outside: list[str]
) -> None:
    made = interval(**fields)
    assert all(made.contains(at(text)) for text in inside)
    assert not any(made.contains(at(text)) for text in outside)


def test_an_interval_is_that_of_its_place_whatever_the_clocks_time_zone() -> None:
    office = interval(times=("09:00", "18:00"), weekdays="monday:friday", location=SHANGHAI)
    assert office.contains(at("2024-11-05T09:00", SHANGHAI))
    assert office.contains(at("2024-11-05T01:00", "UTC"))
    assert not office.contains(at("2024-11-05T09:00", "America/New_York"))


def test_an_hour_that_the_clock_skips_or_repeats_is_as_the_clock_there_shows() -> None:
    night = interval(times=("02:00", "03:00"), location="America/New_York")
    assert not night.contains(datetime(2024, 3, 10, 7, 30, tzinfo=UTC))  # 03:30, 02:30 never was
    ones = interval(times=("01:00", "02:00"), location="America/New_York")
    assert ones.contains(datetime(2024, 11, 3, 5, 30, tzinfo=UTC))
    assert ones.contains(datetime(2024, 11, 3, 6, 30, tzinfo=UTC))  # 01:30 once more


def test_local_is_the_machines_own_time() -> None:
    with time_machine.travel(datetime(2024, 11, 5, 9, 30, tzinfo=ZoneInfo(SHANGHAI))):
        now = datetime.now(UTC)
        assert interval(times=("09:00", "10:00"), location="Local").contains(now)


NIGHT = (interval(times=("22:00", "24:00")), interval(times=("00:00", "06:00")))
INTERVALS = {"night": NIGHT, "sundays": (interval(weekdays="sunday"),), "never": ()}


@pytest.mark.parametrize(
    ("mute", "active", "moment", "says"),
    [
        ([], [], "2024-11-05T23:00", None),
        (["night"], [], "2024-11-05T23:00", "muted by the time interval 'night'"),
        (["night"], [], "2024-11-05T05:59", "muted by the time interval 'night'"),
        (["night"], [], "2024-11-05T06:00", None),
        (["never", "sundays"], [], "2024-11-03T12:00", "muted by the time interval 'sundays'"),
        ([], ["night"], "2024-11-05T23:00", None),
        ([], ["night", "sundays"], "2024-11-03T12:00", None),
        (
            [],
            ["night", "sundays"],
            "2024-11-05T12:00",
            "not within its active time interval 'night' or 'sundays'",
        ),
        ([], ["never"], "2024-11-05T12:00", "not within its active time interval 'never'"),
        (["night"], ["night"], "2024-11-05T23:00", "muted by the time interval 'night'"),
    ],
)
def test_a_route_is_quiet_within_what_mutes_it_and_outside_of_its_active_times(
    mute: list[str], active: list[str], moment: str, says: str | None
) -> None:
    assert why_quiet(mute=mute, active=active, intervals=INTERVALS, at=at(moment)) == says


@pytest.mark.parametrize(
    "name", ["Asia", "../etc/passwd", "/etc/passwd", "Asia/Nowhere", "UTC+8 x"]
)
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        time_intervals.zone(name)
