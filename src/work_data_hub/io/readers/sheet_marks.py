"""A second look at a sheet's XML, for what calamine does not tell of a cell.

calamine gives no error texts (#N/A is as empty as an empty cell), no number formats, TRUE among
numbers as 1, and in a column that also holds texts it cuts numbers to nine decimals.

Marks are frames: `column` (its letters), `row` (as Excel numbers it) and `value`, one row a cell.
Cells are found by their reference alone, because some writers put a prefix before every tag.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# Longer than any heading: not all of a large sheet is searched for it.
_ROW_BYTES = 1_000_000
_FORMULA = rb"(?:<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>))?"
_VALUE = rb"<(?:\w+:)?v>([^<]*)<"


@dataclass(frozen=True)
class SheetMarks:
    """errors: value such as #N/A. booleans: 0 or 1. styled: the style of numeric cells."""

    errors: pl.DataFrame
    booleans: pl.DataFrame
    styled: pl.DataFrame


def sheet_marks(xml: bytes, styles: Collection[int]) -> SheetMarks:
    """The marked cells of a sheet; `styles` are those whose cells are asked for."""
    wanted = b"|".join(b"%d" % style for style in styles)
    styled = rb' r="([A-Z]+)([0-9]+)" s="(' + wanted + rb')"(?: t="n")?>'
    any_typed = re.search(rb't="[eb]"', xml) is not None
    return SheetMarks(
        errors=_of_type(xml, b"e") if any_typed else _marks([]),
        booleans=_of_type(xml, b"b") if any_typed else _marks([]),
        styled=_marks(re.findall(styled, xml) if styles else []),
    )


def numbers(xml: bytes, letters: str) -> pl.DataFrame:
    """Numeric cells of a column, with all their digits."""
    # One pass a column: with the columns as alternatives the search takes twice as long.
    cell = rb' r="(%s)([0-9]+)"(?: s="[0-9]+")?(?: t="n")?>' % letters.encode()
    return _marks(re.findall(cell + _FORMULA + _VALUE, xml))


def first_column(xml: bytes, row: int, filled: Sequence[int]) -> int | None:
    """The sheet's column (A is 0) that a frame begins with; calamine leaves out empty ones.

    filled: the frame's columns with a cell in this row. None where the sheet has no such cells.
    """
    cell = re.compile(rb' r="([A-Z]+)%d"[^>]*[^/>]>' % row)
    found = cell.search(xml)
    if found is None or not filled:
        return None
    columns = [
        column_index(letters)
        for letters in cell.findall(xml, found.start(), found.start() + _ROW_BYTES)
    ]
    starts = (column - filled[0] for column in columns)
    there = set(columns)
    return next((s for s in starts if s >= 0 and {s + place for place in filled} <= there), None)


def column_index(letters: bytes) -> int:
    """A is 0, Z is 25, AA is 26."""
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index - 1


def column_letters(index: int) -> str:
    """0 is A, 25 is Z, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _of_type(xml: bytes, letter: bytes) -> pl.DataFrame:
    cell = rb' r="([A-Z]+)([0-9]+)"[^>]*\bt="%s"[^>]*>' % letter
    return _marks(re.findall(cell + _FORMULA + _VALUE, xml))


def _marks(found: list[tuple[bytes, bytes, bytes]]) -> pl.DataFrame:
    import polars as pl

    parts = {
        "column": [column for column, _, _ in found],
        "row": [row for _, row, _ in found],
        "value": [value for _, _, value in found],
    }
    marks = pl.DataFrame(parts, schema=dict.fromkeys(parts, pl.Binary))
    return marks.select(pl.all().cast(pl.String)).with_columns(pl.col("row").cast(pl.Int64))
