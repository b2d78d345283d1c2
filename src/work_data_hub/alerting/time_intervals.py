"""Named times at which a route is mute, or outside of which it is. Pure.

https://prometheus.io/docs/alerting/0.25/configuration/#time_interval
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

# The machine's own time zone.
LOCAL = "Local"

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
# What the shortest month has: the end of a range from its end must not lie before the beginning.
_SHORTEST_MONTH = 28


@dataclass(frozen=True)
class Range:
    """From first to last, both of them in it."""

    first: int
    last: int

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last


@dataclass(frozen=True)
class TimeInterval:
    """The times at which every given field holds; a field that is None holds always.

    minutes: of the day, the last one in it. days_of_month: -1 is the last day of any month.
    weekdays: 0 is Sunday. location: a name of the time zone database, or `Local`.
    """

    minutes: tuple[Range, ...] | None = None
    weekdays: tuple[Range, ...] | None = None
    days_of_month: tuple[Range, ...] | None = None
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    location: str = "UTC"

    def contains(self, at: datetime) -> bool:
        """at: aware."""
        there = at.astimezone(zone(self.location))
        length = monthrange(there.year, there.month)[1]
        days = self.days_of_month and tuple(_in_month(days, length) for days in self.days_of_month)
        return all(
            ranges is None or any(value in range_ for range_ in ranges)
            for ranges, value in (
                (self.minutes, there.hour * 60 + there.minute),
                (self.weekdays, there.isoweekday() % 7),
                (days, there.day),
                (self.months, there.month),
                (self.years, there.year),
            )
        )


def _in_month(days: Range, length: int) -> Range:
    return Range(*(day + length + 1 if day < 0 else day for day in (days.first, days.last)))


Intervals = Mapping[str, Sequence[TimeInterval]]


def why_quiet(
    *, mute: Sequence[str], active: Sequence[str], intervals: Intervals, at: datetime
) -> str | None:
    """Why a route with these time intervals tells nothing now; None when it does.

    Quiet within any of `mute`, and outside all of `active` where there are some. What it holds
    back is told at the first tick after that, where it still is to be told.
    """

    def holds(name: str) -> bool:
        return any(interval.contains(at) for interval in intervals[name])

    for name in mute:
        if holds(name):
            return f"muted by the time interval {name!r}"
    if active and not any(map(holds, active)):
        return f"not within its active time interval {' or '.join(map(repr, active))}"
    return None


def zone(location: str) -> tzinfo | None:
    """None stands for the machine's own. Raises ValueError for a name that is not known."""
    if location == LOCAL:
        return None
    if location in ("", "UTC"):
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(location)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{location!r} is no time zone; write it like Asia/Shanghai") from None


def minutes_between(start: str, end: str) -> Range:
    """`09:00`, `24:00` as minutes of the day; the end itself is not in it. Raises ValueError."""
    first, after = _minute(start), _minute(end)
    if first >= after:
        raise ValueError("start_time must be before end_time; a night is two ranges")
    return Range(first, after - 1)


def _minute(text: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text!r} is no time of day; write it like 09:00, at most 24:00")
    return int(text[:2]) * 60 + int(text[3:])


def weekdays(text: str) -> Range:
    """`saturday`, `monday:friday`, in any case; the week begins on Sunday. Raises ValueError."""
    found = _range(text, _weekday)
    if found.first > found.last:
        raise ValueError(f"{text!r} ends before it begins; the week begins on Sunday")
    return found


def days_of_month(text: str) -> Range:
    """`1:5`, `-3:-1`; never 0, at most 31 from either end. Raises ValueError."""
    found = _range(text, _number)
    first, last = found.first, found.last
    if not all(1 <= abs(day) <= 31 for day in (first, last)):
        raise ValueError(f"{text!r} is no day of the month: 1 to 31, or -31 to -1 from its end")
    if first < 0 < last:
        raise ValueError(f"{text!r} begins from the end of the month, and so must it end")
    earliest, latest = (_SHORTEST_MONTH + day if day < 0 else day for day in (first, last))
    if earliest > latest:
        raise ValueError(f"{text!r} ends before it begins")
    return found


def months(text: str) -> Range:
    """`1:3`, `may:august`, `December`. Raises ValueError."""
    found = _range(text, _month)
    if not all(1 <= month <= 12 for month in (found.first, found.last)):
        raise ValueError(f"{text!r} is no month: 1 to 12, or its English name")
    if found.first > found.last:
        raise ValueError(f"{text!r} ends before it begins; what spans the new year is two ranges")
    return found


def years(text: str) -> Range:
    """`2024`, `2024:2026`. Raises ValueError."""
    found = _range(text, _number)
    if found.first > found.last:
        raise ValueError(f"{text!r} ends before it begins")
    return found


def _range(text: str, member: Callable[[str], int]) -> Range:
    parts = text.lower().split(":")
    if len(parts) > 2:
        raise ValueError(f"{text!r} is no range; write it like first:last")
    return Range(member(parts[0]), member(parts[-1]))


def _weekday(text: str) -> int:
    if text not in _WEEKDAYS:
        raise ValueError(f"{text!r} is no day of the week; they are {', '.join(_WEEKDAYS)}")
    return _WEEKDAYS.index(text)


def _month(text: str) -> int:
    return _MONTHS.index(text) + 1 if text in _MONTHS else _number(text)


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no number")
    return int(text)
