"""The typed cells of a sheet as texts, with a second look where calamine keeps something back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...domain.cell_text import column_texts, float_texts
from . import sheet_marks
from .heading import Heading
from .workbook_parts import Styles

if TYPE_CHECKING:
    import polars as pl

# How fastexcel writes a number into a column of texts: at most nine decimals.
_WRITTEN_NUMBER = r"^-?[0-9]+(\.[0-9]{1,9})?$"
# Of these, the ones that can have lost digits.
_PERHAPS_CUT = r"^-?([0-9]+\.[0-9]+|0|[0-9]{16,})$"


class UnknownCells(ValueError):
    """The sheet's XML is written in a way that this module does not know."""


def cell_texts(
    xml: bytes, styles: Styles, heading: Heading, cells: pl.DataFrame
) -> list[pl.Series]:
    """One column of texts for each column of `cells`, in order. xml: of the sheet.

    Raises UnknownCells when the XML cannot be laid over the cells.
    """
    anchor = sheet_marks.first_filled_column(xml, heading.rows)
    if anchor is None:
        raise UnknownCells
    look = _Look(
        xml=xml,
        styles=styles,
        first_column=anchor - heading.anchor,
        first_row=heading.rows + 1,
        height=cells.height,
        errors=sheet_marks.errors(xml),
        booleans=sheet_marks.booleans(xml),
        styled=sheet_marks.styled(xml, {*styles.percent, *styles.padded}),
    )
    return [look.texts(place, column) for place, column in enumerate(cells.get_columns())]


def _base_texts(column: pl.Series) -> pl.Series:
    """What calamine gives, as text. Among texts it gives a date the time 00:00:00, always."""
    texts = column_texts(column)
    if texts.str.ends_with(" 00:00:00").any():
        return texts.str.replace(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}) 00:00:00$", "$1")
    return texts


def _perhaps_cut(column: pl.Series) -> bool:
    import polars as pl

    return column.dtype == pl.String and bool(column.str.contains(_PERHAPS_CUT).any())


@dataclass(frozen=True)
class _Look:
    """The marks of one sheet, and how its rows and columns lie to those of the frame."""

    xml: bytes
    styles: Styles
    first_column: int
    first_row: int
    height: int
    errors: sheet_marks.Marks[str]
    booleans: sheet_marks.Marks[str]
    styled: sheet_marks.Marks[int]

    def texts(self, place: int, column: pl.Series) -> pl.Series:
        """The texts of the column at this place of the frame, counted from 0."""
        import polars as pl

        sheet_column = place + self.first_column
        texts = _base_texts(column)
        style = self._below(self.styled.get(sheet_column, {}), pl.Int64)
        if column.dtype == pl.String and (style.null_count() < len(style) or _perhaps_cut(column)):
            written = texts.str.contains(_WRITTEN_NUMBER).fill_null(value=False)
            numbers = self._below(sheet_marks.numbers(self.xml, sheet_column), pl.Float64)
            numbers = numbers.set(~written, None)
            texts = _where(numbers.is_not_null(), float_texts(numbers), texts)
        elif column.dtype.is_float():
            numbers = column
        else:
            numbers = None
        if numbers is not None and style.null_count() < len(style):
            texts = self._formatted(texts, numbers, style)
        errors = self._below(self.errors.get(sheet_column, {}), pl.String)
        if (errors.is_not_null() & texts.is_not_null()).any():
            # The two looks at the sheet do not lie over each other: nothing of them can be trusted.
            raise UnknownCells
        booleans = self._below(self.booleans.get(sheet_column, {}), pl.String)
        return _where(booleans.is_not_null(), booleans, texts.fill_null(errors))

    def _formatted(self, texts: pl.Series, numbers: pl.Series, style: pl.Series) -> pl.Series:
        percent = style.is_in(list(self.styles.percent)) & numbers.is_not_null()
        texts = _where(percent, percent_texts(numbers), texts)
        whole = texts.str.contains("^[0-9]+$")
        for index, digits in self.styles.padded.items():
            texts = _where((style == index) & whole, texts.str.zfill(digits), texts)
        return texts

    def _below(self, marks: Mapping[int, Any], dtype: Any) -> pl.Series:
        """Marks by sheet row as a column of the frame, null where there is none."""
        import polars as pl

        column = pl.repeat(None, self.height, eager=True, dtype=dtype)
        rows = {row - self.first_row: mark for row, mark in marks.items()}
        rows = {row: mark for row, mark in rows.items() if 0 <= row < self.height}
        if not rows:
            return column
        places = pl.Series(list(rows), dtype=pl.UInt32)
        return column.scatter(places, pl.Series(list(rows.values()), dtype=dtype))


def percent_texts(numbers: pl.Series) -> pl.Series:
    """0.055 -> "5.5%", 1.5 -> "150%", every digit kept: the point of the text is moved."""
    import polars as pl

    digits = pl.col("digits")
    whole, rest = digits.struct.field("field_0"), digits.struct.field("field_1").fill_null("")
    frame = float_texts(numbers).str.split_exact(".", 1).to_frame("digits")
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


def _where(condition: pl.Series, yes: pl.Series, no: pl.Series) -> pl.Series:
    return yes.zip_with(condition.fill_null(value=False), no)
