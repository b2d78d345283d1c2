"""Real workbooks for tests, written with xlsxwriter: what Excel would write, cell by cell."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

HEADINGS = ("年", "月", "计划代码", "公司代码", "收益率", "净值", "规模")
EXCEL_ERRORS = ("#N/A", "#DIV/0!", "#VALUE!", "#NUM!")


class Cell:
    """A value with a number format ("0.00%", "000000"), or a merged range to the right and down."""

    def __init__(
        self, value: Any, number_format: str | None = None, *, right: int = 0, down: int = 0
    ) -> None:
        self.value = value
        self.number_format = number_format
        self.right = right
        self.down = down


def write_workbook(
    path: Path,
    rows: Sequence[Sequence[Any]] = (),
    *,
    sheets: Mapping[str, Sequence[Sequence[Any]]] | None = None,
    hidden: Sequence[str] = (),
    first_cell: tuple[int, int] = (0, 0),
) -> Path:
    """One sheet of `rows`, or several. None is an empty cell, #N/A an error cell.

    first_cell: row and column of the upper left cell, from 0.
    """
    with xlsxwriter.Workbook(str(path)) as book:
        for name, content in (sheets or {"Sheet1": rows}).items():
            sheet = book.add_worksheet(name)
            if name in hidden:
                sheet.hide()
            else:
                sheet.activate()
            for r, row in enumerate(content, start=first_cell[0]):
                for c, value in enumerate(row, start=first_cell[1]):
                    _write(book, sheet, r, c, value)
    return path


def rewrite_sheet(path: Path, rewrite: Callable[[bytes], bytes]) -> Path:
    """Change the XML of the first sheet in place, as another writer would have written it."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    changed = rewrite(parts[sheet])
    assert changed != parts[sheet]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in parts.items():
            new.writestr(name, changed if name == sheet else content)
    return path


def _write(book: Any, sheet: Any, row: int, column: int, value: Any) -> None:
    cell = value if isinstance(value, Cell) else Cell(value)
    plain = cell.value
    number_format = cell.number_format or ("yyyy-mm-dd" if isinstance(plain, date) else None)
    style = book.add_format({"num_format": number_format}) if number_format else None
    if cell.right or cell.down:
        sheet.merge_range(row, column, row + cell.down, column + cell.right, plain, style)
    elif plain is None:
        return
    elif plain in EXCEL_ERRORS:
        # A formula with this result is an error cell (t="e"), as Excel saves it.
        sheet.write_formula(row, column, "=NA()", style, plain)
    elif isinstance(plain, bool):
        sheet.write_boolean(row, column, plain, style)
    elif isinstance(plain, str):
        sheet.write_string(row, column, plain, style)
    elif isinstance(plain, (date, datetime)):
        sheet.write_datetime(row, column, plain, style)
    else:
        sheet.write_number(row, column, plain, style)
