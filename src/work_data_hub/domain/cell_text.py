"""A cell as the text a person sees: the one form in which cells reach the rules.

Numbers keep every digit of `repr`, without exponent and without a trailing ".0": 123.0 is "123",
1e-07 is "0.0000001". Dates are "2024-11-01", with the time only when there is one. Booleans are
Excel's TRUE and FALSE. An empty cell is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

ROW_NUMBER = "row_number"
_FILLED = r"\S"


def text_of(value: object) -> str | None:
    """One value of a mapping as text; None for an empty cell."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return _plain_digits(repr(float(value)))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ").removesuffix(" 00:00:00")
    return str(value).upper() if isinstance(value, bool) else str(value)


def _plain_digits(digits: str) -> str:
    if "e" in digits:
        digits = format(Decimal(digits), "f")
    return digits.removesuffix(".0")


def float_texts(values: pl.Series) -> pl.Series:
    """`text_of` for a Float64 column."""
    import polars as pl

    # Polars writes the same shortest digits as repr, but turns to exponents elsewhere.
    texts = values.cast(pl.String).str.strip_suffix(".0")
    exponents = texts.str.contains("e", literal=True)
    if not exponents.any():
        return texts
    odd = texts.filter(exponents).unique()
    return texts.replace(odd, pl.Series([_plain_digits(text) for text in odd], dtype=pl.String))


def column_texts(values: pl.Series) -> pl.Series:
    """`text_of` for a whole column of any type."""
    import polars as pl

    dtype = values.dtype
    if dtype == pl.String:
        return values
    if dtype.is_float():
        return float_texts(values.cast(pl.Float64))
    if dtype == pl.Boolean:
        return values.cast(pl.String).str.to_uppercase()
    if isinstance(dtype, pl.Datetime):
        naive = values.dt.replace_time_zone(None) if dtype.time_zone else values
        return naive.dt.to_string("%Y-%m-%d %H:%M:%S%.f").str.strip_suffix(" 00:00:00")
    if dtype.is_numeric() or dtype in (pl.Null, pl.Date, pl.Categorical, pl.Enum):
        return values.cast(pl.String)
    return pl.Series(values.name, [text_of(value) for value in values], dtype=pl.String)


def text_frame(rows: Iterable[Mapping[str, Any]] | pl.DataFrame) -> pl.DataFrame:
    """Rows of any kind as a frame of texts: `row_number` (UInt32), then every column as String.

    A mapping's or frame's own `row_number` is kept; without one, rows count from 1. A key that
    some mappings lack is an empty cell there. Rows without any text are dropped.
    """
    import polars as pl

    frame = rows if isinstance(rows, pl.DataFrame) else _frame_of(rows)
    if ROW_NUMBER not in frame.columns:
        frame = frame.with_row_index(ROW_NUMBER, offset=1)
    numbers = frame[ROW_NUMBER].cast(pl.UInt32)
    cells = [column_texts(frame[name]) for name in frame.columns if name != ROW_NUMBER]
    return without_blank_rows(pl.DataFrame([numbers, *cells]))


def without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows in which at least one cell has a text that is not only white space."""
    import polars as pl

    cells = [name for name in frame.columns if name != ROW_NUMBER]
    if not cells:
        return frame.clear()
    # One column without a gap is enough to know that no row is blank.
    if any(frame[name].str.contains(_FILLED).fill_null(value=False).all() for name in cells[:3]):
        return frame
    return frame.filter(pl.any_horizontal(pl.col(cells).str.contains(_FILLED)))


def _frame_of(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    import polars as pl

    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [
        pl.Series(name, [text_of(row.get(name)) for row in rows], dtype=pl.String)
        for name in names
        if name != ROW_NUMBER
    ]
    if ROW_NUMBER in names:
        numbers = [int(row.get(ROW_NUMBER) or index) for index, row in enumerate(rows, start=1)]
        columns.insert(0, pl.Series(ROW_NUMBER, numbers, dtype=pl.UInt32))
    return pl.DataFrame(columns)
