"""The typed cells of a sheet as texts, with the marks where calamine keeps something back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...domain.cell_text import column_texts, float_texts
from .sheet_marks import SheetMarks, column_letters, numbers
from .workbook_parts import Styles

if TYPE_CHECKING:
    import polars as pl

# How fastexcel writes a number into a column of texts: at most nine decimals.
_WRITTEN_NUMBER = r"^-?[0-9]+(\.[0-9]{1,9})?$"
# Of these, the ones that can have lost digits.
_PERHAPS_CUT = r"^-?([0-9]+\.[0-9]+|0|[0-9]{16,})$"


class UnknownCells(ValueError):
    """The sheet's XML is written in a way that this module does not know."""


@dataclass(frozen=True)
class SheetXml:
    """A sheet's XML and its marks, and where in it the frame lies.

    first_column: of the frame, A is 0. first_row: below the heading, as Excel numbers it.
    """

    xml: bytes
    marks: SheetMarks
    styles: Styles
    first_column: int
    first_row: int


def cell_texts(sheet: SheetXml, cells: pl.DataFrame) -> list[pl.Series]:
    """One column of texts for each column of `cells`, in order.

    Raises UnknownCells when XML and cells do not lie over each other.
    """
    columns = cells.get_columns()
    texts = [_base_texts(column) for column in columns]
    letters = [column_letters(sheet.first_column + place) for place in range(len(columns))]
    formatted = set(sheet.marks.styled["column"].unique())
    for place, (name, column) in enumerate(zip(letters, columns, strict=True)):
        values = column if column.dtype.is_float() else None
        if _is_text(column) and (name in formatted or column.str.contains(_PERHAPS_CUT).any()):
            digits = _below(sheet, numbers(sheet.xml, name), name, column.len())
            values = _numbers_among(texts[place], digits)
            texts[place] = _where(values.is_not_null(), float_texts(values), texts[place])
        if values is not None and name in formatted:
            style = _below(sheet, sheet.marks.styled, name, column.len())
            texts[place] = _formatted(texts[place], values, style, sheet.styles)
        texts[place] = _with_errors_and_booleans(texts[place], sheet, name)
    return texts


def _is_text(column: pl.Series) -> bool:
    import polars as pl

    return column.dtype == pl.String


def _base_texts(column: pl.Series) -> pl.Series:
    """What calamine gives, as text. Among texts it gives a date the time 00:00:00, always."""
    texts = column_texts(column)
    if texts.str.ends_with(" 00:00:00").any():
        return texts.str.replace(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}) 00:00:00$", "$1")
    return texts


def _below(sheet: SheetXml, marks: pl.DataFrame, letters: str, height: int) -> pl.Series:
    """The marks of one column as a column of the frame, null where there is none."""
    import polars as pl

    place = pl.col("row") - sheet.first_row
    here = marks.filter(pl.col("column") == letters, place.is_between(0, height - 1))
    column = pl.repeat(None, height, eager=True, dtype=pl.String)
    return column.scatter(here.select(place).to_series(), here["value"])


def _numbers_among(texts: pl.Series, digits: pl.Series) -> pl.Series:
    """The numeric cells of a column of texts as Float64; a date is one in the XML only."""
    import polars as pl

    digits = digits.set(~texts.str.contains(_WRITTEN_NUMBER).fill_null(value=False), None)
    values = digits.cast(pl.Float64, strict=False)
    if values.null_count() > digits.null_count():
        raise UnknownCells
    return values


def _formatted(texts: pl.Series, values: pl.Series, style: pl.Series, styles: Styles) -> pl.Series:
    whole = texts.str.contains("^[0-9]+$")
    for index in style.drop_nulls().unique():
        how = styles[int(index)]
        here = (style == index) & values.is_not_null()
        if how.hundredfold:
            texts = _where(here, percent_texts(values), texts)
        elif how.after:
            texts = _where(here, texts + how.after, texts)
        else:
            texts = _where(here & whole, how.before + texts.str.zfill(how.digits), texts)
    return texts


def _with_errors_and_booleans(texts: pl.Series, sheet: SheetXml, letters: str) -> pl.Series:
    marks = sheet.marks
    if marks.errors.height:
        errors = _below(sheet, marks.errors, letters, texts.len())
        if (errors.is_not_null() & texts.is_not_null()).any():
            raise UnknownCells
        texts = texts.fill_null(errors)
    if marks.booleans.height:
        booleans = _below(sheet, marks.booleans, letters, texts.len())
        texts = _where(booleans == "1", "TRUE", _where(booleans == "0", "FALSE", texts))
    return texts


def percent_texts(values: pl.Series) -> pl.Series:
    """0.055 -> "5.5%", 1.5 -> "150%", every digit kept: the point of the text is moved."""
    import polars as pl

    digits = pl.col("digits")
    whole, rest = digits.struct.field("field_0"), digits.struct.field("field_1").fill_null("")
    frame = float_texts(values).str.split_exact(".", 1).to_frame("digits")
    return frame.select(
        pl.concat_str(
            pl.when(whole.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit("")),
            pl.concat_str(whole.str.strip_prefix("-"), rest.str.pad_end(2, "0").str.head(2))
            .str.strip_chars_start("0")
            .replace("", "0"),
            pl.when(rest.str.len_chars() > 2)
            .then(pl.concat_str(pl.lit("."), rest.str.slice(2)))
            .otherwise(pl.lit("")),
            pl.lit("%"),
        )
    ).to_series()


def _where(condition: pl.Series, yes: pl.Series | str, no: pl.Series) -> pl.Series:
    import polars as pl

    other = pl.Series([yes], dtype=pl.String) if isinstance(yes, str) else yes
    return other.zip_with(condition.fill_null(value=False), no)
