"""A large sheet as two workbooks with half of its rows each, to be parsed side by side.

calamine parses a sheet on one core, and that is most of the time that a large file takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .heading import SEARCHED_ROWS
from .sheet_marks import column_index, column_letters
from .workbook_parts import Sheet, Workbook

if TYPE_CHECKING:
    import polars as pl

# Below this a sheet (some 15,000 rows) is parsed faster than it is cut.
HALVED_BYTES = 4_000_000
# What the sheet's first bytes tell of its columns; a later one, and the sheet is read whole.
_TOP_BYTES = 100_000
_ROW = re.compile(rb'<((?:\w+:)?)row\b[^>]*?\sr="([0-9]+)"')
_CELL = re.compile(rb'\sr="([A-Z]+)[0-9]+"[^>]*[^/>]>')
# A comment, or CDATA, can hold what looks like a row.
_ODD = re.compile(rb"<!--|<!\[CDATA\[")
_END = re.compile(rb"</(?:\w+:)?sheetData>")


@dataclass(frozen=True)
class HalvedSheet:
    """upper, lower: workbooks; the lower one has `first_row`, as Excel numbers it, and all below.

    Above that it has a row of error cells in each of the sheet's `width` columns: to calamine they
    are empty and of no type, but the two frames have the same columns by it.
    """

    upper: bytes
    lower: bytes
    width: int
    first_row: int
    last_row: int

    def joined(
        self, upper: pl.DataFrame, lower: pl.DataFrame, *, top_row: int
    ) -> pl.DataFrame | None:
        """The halves' frames as the one that the whole sheet gives.

        top_row: the row of the sheet that `upper` begins with. None where they do not surely make
        it up: columns further out, types that differ, rows that are not in order.
        """
        import polars as pl

        # The ruled row is one more.
        gap = self.first_row - top_row - upper.height
        in_order = gap >= 0 and lower.height <= self.last_row - self.first_row + 2
        if not in_order or not upper.width == lower.width == self.width:
            return None
        columns = []
        for above, below in zip(upper, lower[1:], strict=True):
            filled = [half for half in (above, below) if half.null_count() < len(half)] or [above]
            if filled[0].dtype != filled[-1].dtype:
                return None
            both = [half.cast(filled[0].dtype) for half in (above, below)]
            columns.append(
                pl.concat([both[0].extend_constant(None, gap), both[1].alias(above.name)])
            )
        return pl.DataFrame(columns)


def halved(workbook: Workbook, sheet: Sheet, xml: bytes) -> HalvedSheet | None:
    """None for a sheet that is small, or that is written in a way in which it cannot be cut."""
    middle = len(xml) // 2
    if len(xml) < HALVED_BYTES or (b"!" in xml and _ODD.search(xml)):
        return None
    cut, last = _ROW.search(xml, middle), _last_row(xml)
    end = _END.match(xml, xml.rfind(b"<", 0, xml.rfind(b"sheetData>")))
    columns = {column_index(letters) for letters in _CELL.findall(xml, 0, min(_TOP_BYTES, middle))}
    top = _ROW.search(xml)
    if not (cut and last and end and columns and top) or int(cut[2]) <= SEARCHED_ROWS:
        return None
    view, prefix, first_row = memoryview(xml), cut[1].decode(), int(cut[2])
    error = f't="e"><{prefix}v>#N/A</{prefix}v></{prefix}c>'
    ruler = "".join(
        f'<{prefix}c r="{column_letters(column)}{first_row - 1}" {error}'
        for column in range(min(columns), max(columns) + 1)
    )
    ruled = f'<{prefix}row r="{first_row - 1}">{ruler}</{prefix}row>'.encode()
    return HalvedSheet(
        upper=workbook.with_sheet(sheet, view[: cut.start()], view[end.start() :]),
        lower=workbook.with_sheet(sheet, view[: top.start()], ruled, view[cut.start() :]),
        width=max(columns) - min(columns) + 1,
        first_row=first_row,
        last_row=last,
    )


def _last_row(xml: bytes) -> int | None:
    """The number of the last row that has one."""
    at = len(xml)
    while (at := xml.rfind(b"row ", 0, at)) >= 0:
        if found := _ROW.match(xml, xml.rfind(b"<", 0, at)):
            return int(found[2])
    return None
