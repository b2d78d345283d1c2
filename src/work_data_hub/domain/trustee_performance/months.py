"""From 年, 月 and report_period to the first of a month, or to the reason why not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from .models import FIRST_YEAR, LAST_YEAR, PLACEHOLDERS

if TYPE_CHECKING:
    import polars as pl

# Day 0 of Excel's calendar, as counted from 1 March 1900 on.
_EXCEL_EPOCH = date(1899, 12, 30)
_FIRST_SERIAL = (date(FIRST_YEAR, 1, 1) - _EXCEL_EPOCH).days
_LAST_SERIAL = (date(LAST_YEAR, 12, 31) - _EXCEL_EPOCH).days

# A date in the column of years or months stands for its own, whatever of it the format shows.
_YEAR = re.compile(r"(?:(\d{1,6})(?:\.0+)?年?|(\d{4})-\d{2}-\d{2})", re.ASCII)
_MONTH = re.compile(r"(?:(\d{1,6})(?:\.0+)?月?|\d{4}-(\d{2})-\d{2})", re.ASCII)
_CLOCK = r"(?:[t ]?\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_PERIODS = tuple(
    re.compile(pattern + _CLOCK, re.ASCII)
    for pattern in (
        r"(\d{4})年(\d{1,2})月(?:\d{1,2}日)?",
        r"(\d{4})-(\d{1,2})(?:-\d{1,2})?",
        r"(\d{4})/(\d{1,2})(?:/\d{1,2})?",
        # Two digits only: 2024.1 may be October, its last digit eaten by Excel.
        r"(\d{4})\.(\d{2})(?:\.\d{1,2})?",
        r"(\d{4})(\d{2})(?:\d{2})?",
    )
)
_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?", re.ASCII)

UNREADABLE = -1


def plain(text: str) -> str:
    """NFKC, lower case, without white space around it."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def year_of(text: str) -> int | None:
    """The year of 2024, ２０２４年, 2024-11-01. None for a placeholder, UNREADABLE for the rest."""
    return _number(_YEAR, text)


def month_of(text: str) -> int | None:
    """The month of 11, 11月, 2024-11-01. None for a placeholder, UNREADABLE for the rest."""
    return _number(_MONTH, text)


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    text = plain(text)
    if text in PLACEHOLDERS:
        return None
    found = pattern.fullmatch("".join(text.split()))
    return int(found[1] or found[2]) if found else UNREADABLE


def period_of(text: str) -> int | None:
    """202411 for 2024年11月, 2024-11, 202411, 2024-11-30, 45597; month 13 gives 202413.

    A number of five digits is a date as Excel counts days, where it falls in 2000 to 2030.
    None for a placeholder, UNREADABLE for anything else.
    """
    text = plain(text)
    if text in PLACEHOLDERS:
        return None
    text = re.sub(r"\s*([年月日/.-])\s*", r"\1", text)
    for pattern in _PERIODS:
        if found := pattern.fullmatch(text):
            return int(found[1]) * 100 + int(found[2])
    found = _SERIAL.fullmatch(text)
    if found and _FIRST_SERIAL <= int(found[1]) <= _LAST_SERIAL:
        day = _EXCEL_EPOCH + timedelta(days=int(found[1]))
        return day.year * 100 + day.month
    return UNREADABLE


def parsed(texts: pl.Series, parse: Callable[[str], int | None]) -> pl.Series:
    """`parse` over a column of few different texts, as Int64; null stays null."""
    import polars as pl

    distinct = texts.drop_nulls().unique()
    values = pl.Series([parse(text) for text in distinct], dtype=pl.Int64)
    return texts.replace_strict(distinct, values, default=None, return_dtype=pl.Int64)
