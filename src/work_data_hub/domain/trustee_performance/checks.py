"""One check a column: cell texts in, values out, and for each bad cell the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from . import headings
from .codes import codes
from .models import (
    ASSET_VALUE_PLACES,
    COMPANY_CODE_CHARS,
    FIRST_YEAR,
    HIGHEST_RETURN,
    LAST_YEAR,
    LOWEST_RETURN,
    PLAN_CODE_CHARS,
    RETURN_PLACES,
    SCALE_PLACES,
    RefusalReason,
)
from .months import UNREADABLE, month_of, parsed, period_of, year_of
from .numbers import Numbers, above_one, as_decimal, numbers, rounded
from .outcome import WARNING_SEPARATOR

if TYPE_CHECKING:
    import polars as pl

READ_AS_PERCENT = "return_rate: {} was read as {} %"
AMBIGUOUS_PERCENT = "return_rate: bare numbers on both sides of 1 in this file, percent or not"


@dataclass(frozen=True)
class Checked:
    """values: null where there is none, or a bad one. reason: null where the cell is good.

    meaning: of the column to blame; one for each row where a check looks at several columns.
    """

    values: pl.Series
    reason: pl.Series
    meaning: pl.Series | str


def report_dates(cells: dict[str, pl.Series], *, today: date) -> Checked:
    """From year, month and report_period, as far as the file has them.

    A row may leave 年 and 月 empty where report_period says the month, and the other way round.
    Where both say something, they must say the same.
    """
    import polars as pl

    height = len(next(iter(cells.values())))
    nothing = pl.repeat(None, height, eager=True, dtype=pl.Int64)
    readers = {headings.YEAR: year_of, headings.MONTH: month_of, headings.PERIOD: period_of}
    frame = pl.DataFrame(
        {
            name: parsed(cells[name], read) if name in cells else nothing
            for name, read in readers.items()
        }
    )
    year, month, period = (pl.col(name) for name in readers)
    period_year, period_month = period // 100, period % 100
    frame = frame.with_columns(
        the_year=pl.coalesce(year, period_year), the_month=pl.coalesce(month, period_month)
    )
    the_year, the_month = pl.col("the_year"), pl.col("the_month")
    is_period = period.is_not_null()
    blame = {
        RefusalReason.NOT_A_MONTH: {name: pl.col(name) == UNREADABLE for name in readers},
        RefusalReason.KEY_MISSING: {
            headings.YEAR if headings.YEAR in cells else headings.PERIOD: the_year.is_null(),
            headings.MONTH if headings.MONTH in cells else headings.PERIOD: the_month.is_null(),
        },
        RefusalReason.MONTHS_DISAGREE: {
            headings.PERIOD: is_period & ((the_year != period_year) | (the_month != period_month))
        },
        RefusalReason.MONTH_OUT_OF_RANGE: {
            headings.YEAR: year.is_not_null() & ~year.is_between(FIRST_YEAR, LAST_YEAR),
            headings.MONTH: month.is_not_null() & ~month.is_between(1, 12),
            headings.PERIOD: is_period
            & ~(period_year.is_between(FIRST_YEAR, LAST_YEAR) & period_month.is_between(1, 12)),
        },
        RefusalReason.MONTH_IN_FUTURE: {
            headings.MONTH if headings.MONTH in cells else headings.PERIOD: (
                the_year * 12 + the_month > today.year * 12 + today.month
            )
        },
    }
    faults = [(r, name, bad) for r, columns in blame.items() for name, bad in columns.items()]
    frame = frame.with_columns(
        reason=pl.coalesce(*(pl.when(bad).then(pl.lit(r.value)) for r, _, bad in faults)),
        meaning=pl.coalesce(*(pl.when(bad).then(pl.lit(name)) for _, name, bad in faults)),
    )
    good = pl.col("reason").is_null()
    dates = frame.select(
        report_date=pl.date(pl.when(good).then(the_year), pl.when(good).then(the_month), 1)
    )
    return Checked(dates["report_date"], frame["reason"], frame["meaning"])


def plan_codes(texts: pl.Series) -> Checked:
    values, reason = codes(texts, max_chars=PLAN_CODE_CHARS)
    return Checked(values, reason, headings.PLAN)


def company_codes(texts: pl.Series) -> Checked:
    values, reason = codes(texts, max_chars=COMPANY_CODE_CHARS)
    return Checked(values, reason, headings.COMPANY)


def net_asset_values(texts: pl.Series) -> Checked:
    """Four places, above 0 when rounded."""
    read = numbers(texts, percent=False)
    whole = rounded(read.digits, places=ASSET_VALUE_PLACES)
    return _measure(read, whole, whole > 0, headings.ASSET_VALUE, ASSET_VALUE_PLACES)


def fund_scales(texts: pl.Series) -> Checked:
    """Two places, at least 0 when rounded."""
    read = numbers(texts, percent=False)
    whole = rounded(read.digits, places=SCALE_PLACES)
    return _measure(read, whole, whole >= 0, headings.SCALE, SCALE_PLACES)


@dataclass(frozen=True)
class Rates:
    """Returns, their warnings ("" for none) and whether the file's bare numbers contradict."""

    checked: Checked
    warnings: pl.Series
    ambiguous: bool


def rates(texts: pl.Series, *, counted: pl.Series) -> Rates:
    """Returns as fractions: six places, -1 to 10 when rounded.

    A bare number (without %) is percent when its size is over 1, and is warned of. It lies on the
    high side of 1 then, else on the low side; exactly 1 is low, because it is taken as it stands.
    One that is 0 in six places is on neither side: 0 and 0 % are the same. When a file has both
    sides, nobody knows which of the two it means: all its bare numbers are warned of.
    counted: the rows whose numbers tell of the file; a totals row's do not.
    """
    import polars as pl

    read = numbers(texts, percent=True)
    over = above_one(read.digits)
    bare = read.digits.is_not_null() & ~read.percent
    by_hundred = (read.percent | (bare & over)).fill_null(value=False)
    whole = rounded(read.digits, places=RETURN_PLACES, percent=by_hundred)
    told = bare & counted
    high = (told & over).any()
    ambiguous = bool(high) and bool((told & ~over & (whole != 0)).any())
    unit = 10**RETURN_PLACES
    inside = whole.is_between(LOWEST_RETURN * unit, HIGHEST_RETURN * unit)
    as_percent = pl.format(READ_AS_PERCENT, pl.col("digits"), pl.col("digits"))
    warnings = pl.DataFrame({"digits": read.digits, "bare": bare, "over": bare & over}).select(
        pl.concat_str(
            pl.when("over").then(as_percent),
            pl.when(pl.col("bare") & ambiguous).then(pl.lit(AMBIGUOUS_PERCENT)),
            separator=WARNING_SEPARATOR,
            ignore_nulls=True,
        )
    )
    checked = _measure(read, whole, inside, headings.RETURN, RETURN_PLACES)
    return Rates(checked, warnings.to_series(), ambiguous)


def _measure(
    read: Numbers, whole: pl.Series, inside: pl.Series, meaning: str, places: int
) -> Checked:
    import polars as pl

    frame = pl.DataFrame(
        {
            "there": read.digits.is_not_null(),
            "unreadable": read.unreadable,
            "inside": inside.fill_null(value=False),
            "value": as_decimal(whole, places),
        }
    )
    good = pl.col("there") & pl.col("inside")
    frame = frame.select(
        pl.when(good).then("value").alias("value"),
        reason=pl.when("unreadable")
        .then(pl.lit(RefusalReason.NOT_A_NUMBER.value))
        .when(pl.col("there") & ~pl.col("inside"))
        .then(pl.lit(RefusalReason.OUT_OF_RANGE.value)),
    )
    return Checked(frame["value"], frame["reason"], meaning)
