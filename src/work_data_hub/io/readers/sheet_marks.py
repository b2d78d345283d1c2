"""A second look at a sheet's XML, for what calamine does not tell of a cell.

calamine gives no error texts (#N/A is as empty as an empty cell), no number formats, and in a
column that also holds texts it cuts numbers to nine decimals.

Everywhere: columns count from 0 (A), rows as Excel numbers them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeVar

# Cells are found by their reference alone: some writers put a prefix before every tag.
_FORMULA = rb"(?:<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>))?"
_VALUE = rb"<(?:\w+:)?v>([^<]*)<"

Mark = TypeVar("Mark")
# Column -> row -> what is to be known of the cell.
Marks = dict[int, dict[int, Mark]]


def errors(xml: bytes) -> Marks[str]:
    """Cells that show an error, with its text, such as #N/A."""
    return _of_type(xml, b"e", bytes.decode)


def booleans(xml: bytes) -> Marks[str]:
    """Cells that hold a truth value, with TRUE or FALSE."""
    return _of_type(xml, b"b", lambda value: "TRUE" if value == b"1" else "FALSE")


def _of_type(xml: bytes, letter: bytes, text: Callable[[bytes], str]) -> Marks[str]:
    if b't="%s"' % letter not in xml:
        return {}
    cell = rb' r="([A-Z]+)([0-9]+)"[^>]*\bt="%s"[^>]*>' % letter
    found: Marks[str] = {}
    for letters, row, value in re.findall(cell + _FORMULA + _VALUE, xml):
        found.setdefault(column_index(letters), {})[int(row)] = text(value)
    return found


def styled(xml: bytes, styles: Collection[int]) -> Marks[int]:
    """Numeric cells of these styles, with the style."""
    if not styles:
        return {}
    wanted = b"|".join(b"%d" % style for style in styles)
    pattern = rb' r="([A-Z]+)([0-9]+)" s="(' + wanted + rb')"(?: t="n")?>'
    found: Marks[int] = {}
    for letters, row, style in re.findall(pattern, xml):
        found.setdefault(column_index(letters), {})[int(row)] = int(style)
    return found


def numbers(xml: bytes, column: int) -> dict[int, float]:
    """Numeric cells of a column with all their digits: row -> value."""
    cell = rb' r="%s([0-9]+)"(?: s="[0-9]+")?(?: t="n")?>' % column_letters(column)
    return {int(row): float(value) for row, value in re.findall(cell + _FORMULA + _VALUE, xml)}


def first_filled_column(xml: bytes, row: int) -> int | None:
    """The first column with a filled cell in this row."""
    cells = re.findall(rb' r="([A-Z]+)%d"[^>]*[^/>]>' % row, xml)
    return min(map(column_index, cells), default=None)


def column_index(letters: bytes) -> int:
    """A is 0, Z is 25, AA is 26."""
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index - 1


def column_letters(index: int) -> bytes:
    """0 is A, 25 is Z, 26 is AA."""
    letters = b""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = bytes([65 + rest]) + letters
    return letters
