"""A sheet of a workbook as a frame of texts, each as a person sees it in Excel."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...domain.cell_text import ROW_NUMBER, without_blank_rows
from ...domain.trustee_performance.headings import meaning
from ..errors import FileUnreadable
from .cell_texts import SheetXml, UnknownCells, cell_texts
from .halved_sheet import HalvedSheet, halved
from .heading import SEARCHED_ROWS, Heading, find_heading, heading_text
from .sheet_marks import first_column, sheet_marks
from .workbook_parts import Sheet, Workbook

if TYPE_CHECKING:
    import polars as pl

# It warns of each column without a value, and of nothing else.
logging.getLogger("fastexcel.types.dtype").setLevel(logging.ERROR)


def read_excel(
    path: str | Path, sheet: int | str = 0, *, content: bytes | None = None
) -> pl.DataFrame:
    """The rows below the heading of one sheet.

    sheet: a name, or the number among the visible sheets, from 0.
    content: the workbook's bytes when the caller has them; `path` only names it then.

    Returns `row_number` (UInt32, as Excel numbers rows, from 1), then one String column for each
    heading, in order. Null is an empty cell; blank rows are left out. Numbers keep every digit
    (1.0234567890123, 123, no exponent), a cell that is formatted as percent is "5.5%", one
    formatted 000000 is "000123", a date "2024-11-01", an error cell "#N/A". A heading that comes
    again gets "#2", and whoever needs it refuses the file; a column without a heading is called
    by its place ("column 8"), and left out when empty.

    Raises FileUnreadable: missing, empty, cut short, no .xlsx, with a password, no such sheet.
    """
    import polars as pl

    name = str(path)
    try:
        data = Path(path).read_bytes() if content is None else content
    except OSError as err:
        why = err.strerror or err
        raise FileUnreadable(name, f"cannot be opened: {why}", f"无法打开：{why}") from err
    workbook = Workbook(name, data)
    chosen = workbook.sheet(sheet)
    workbook.refuse_oversize(chosen)
    xml = workbook.unpack(chosen)
    # Neither calamine nor polars holds the interpreter while it works: all cores take part.
    with ThreadPoolExecutor(max_workers=3) as pool:
        marks = pool.submit(sheet_marks, xml, workbook.styles)
        heading, cells = _load(name, data, chosen, halved(workbook, chosen, xml), pool)
        seen = marks.result()
    if heading is None:
        return pl.DataFrame(schema={ROW_NUMBER: pl.UInt32})
    first_row = heading.rows + 1
    try:
        left = first_column(xml, heading.rows, heading.filled)
        if left is None:
            raise UnknownCells
        texts = cell_texts(SheetXml(xml, seen, workbook.styles, left, first_row), cells)
    except UnknownCells as err:
        problem = "has cells written in a way no Excel does; open it in Excel and save it again"
        in_chinese = "单元格的写法不是 Excel 所写；请用 Excel 打开并另存"
        raise FileUnreadable(name, problem, in_chinese) from err
    numbers = pl.int_range(first_row, first_row + cells.height, dtype=pl.UInt32, eager=True)
    return _frame(heading, texts, numbers.alias(ROW_NUMBER))


def _load(
    path: str, data: bytes, sheet: Sheet, halves: HalvedSheet | None, pool: ThreadPoolExecutor
) -> tuple[Heading | None, pl.DataFrame]:
    """The heading, and the typed cells below it; each row of the sheet is a row here."""
    import fastexcel

    books = {"whole": data}
    if halves is not None:
        books |= {"upper": halves.upper, "lower": halves.lower}

    @cache
    def reader(book: str) -> fastexcel.ExcelReader:
        return fastexcel.read_excel(books[book])

    def load_from(book: str, **options: Any) -> pl.DataFrame:
        options = {"header_row": None, "skip_rows": 0, **options}
        try:
            loaded = reader(book).load_sheet(sheet.name, schema_sample_rows=None, **options)
        except fastexcel.UnsupportedColumnTypeCombinationError:
            # Durations beside anything else. As texts they all go together.
            loaded = reader(book).load_sheet(sheet.name, dtypes="string", **options)
        frame: pl.DataFrame = loaded.to_polars()
        return frame

    try:
        lower = pool.submit(load_from, "lower", skip_rows=None) if halves else None
        book = "upper" if halves else "whole"
        # Most sheets have their heading in the first row: then one pass is enough.
        cells = load_from(book, header_row=0)
        heading = _first_row_heading(cells)
        if heading is None:
            heading = find_heading(load_from(book, n_rows=SEARCHED_ROWS, dtypes="string").rows())
            if heading is not None:
                cells = load_from(book, skip_rows=heading.rows)
        if halves and lower and heading:
            joined = halves.joined(cells, lower.result(), top_row=heading.rows + 1)
            if joined is None:
                return _load(path, data, sheet, None, pool)
            cells = joined
    except fastexcel.FastExcelError as err:
        what = type(err).__name__
        problem = f"cannot be read as a workbook ({what}); open and save it in Excel"
        in_chinese = f"无法作为工作簿读取（{what}）；请用 Excel 打开并另存"
        raise FileUnreadable(path, problem, in_chinese) from err
    return heading, cells


def _first_row_heading(cells: pl.DataFrame) -> Heading | None:
    """The frame's own column names, where they are the whole heading beyond doubt."""
    names = cells.columns
    if any(name.startswith("__UNNAMED__") for name in names):
        return None
    # fastexcel calls a repeated heading 名称_1.
    if any(name.rpartition("_")[0] in names for name in names):
        return None
    below = [[cell if isinstance(cell, str) else None for cell in row] for row in cells[:1].rows()]
    if sum(meaning(heading_text(name) or "") is not None for name in names) < 2:
        return None
    heading = find_heading([names, *below])
    return heading if heading and heading.rows == 1 else None


def _frame(heading: Heading, texts: list[pl.Series], row_numbers: pl.Series) -> pl.DataFrame:
    """Texts under their headings, blank rows and blank columns without a heading left out."""
    import polars as pl

    columns = [row_numbers]
    taken: dict[str, int] = {ROW_NUMBER: 0}
    for place, (name, text) in enumerate(zip(heading.names, texts, strict=True), start=1):
        if name is None and text.is_null().all():
            continue
        plain = name or f"column {place}"
        taken[plain] = taken.get(plain, 0) + 1
        columns.append(text.alias(plain if taken[plain] == 1 else f"{plain}#{taken[plain]}"))
    return without_blank_rows(pl.DataFrame(columns))
