"""Reading and processing 100,000 rows, without any database.

ours   read_excel and process: checksums, every digit, bounds, exact rounding, refusals
limit  fastexcel to polars and bare vectorised cleaning in floats, nothing else
"""

from __future__ import annotations

import random
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.measure import Figure, medians
from benchmarks.workbook import HEADINGS, write_workbook

ROWS = 100_000
# The database's part comes on top of both sides; the promise is over the whole path, in load.py.
CLEAN, DIRTY = 2.0, 2.5
TODAY = date(2024, 12, 31)


def figures() -> list[Figure]:
    """A clean workbook, and one in which every fifth to seventh amount is a text."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        clean, dirty = Path(folder, "clean.xlsx"), Path(folder, "dirty.xlsx")
        write_workbook(clean, ROWS)
        write_dirty_workbook(dirty, ROWS)
        for path, bound in ((clean, CLEAN), (dirty, DIRTY)):
            taken, limit = medians([lambda p=path: ours(p), lambda p=path: least(p)])  # type: ignore[misc]
            note = f"{taken:.2f} s, limit {limit:.2f} s"
            what = f"read and process 100,000 rows, {path.stem}, to the limit"
            found.append(Figure(what, taken / limit, "x", bound, note=note))
    return found


def ours(path: Path) -> int:
    from work_data_hub.domain.trustee_performance.service import process
    from work_data_hub.io.readers.excel_reader import read_excel

    return len(process(read_excel(path), path.name, today=TODAY))


def least(path: Path) -> int:
    """Records, by the shortest way there is. What it cannot read becomes null."""
    import fastexcel
    import polars as pl

    frame = fastexcel.read_excel(path).load_sheet(0, schema_sample_rows=None).to_polars()
    amounts = [
        pl.col(name).str.replace_all("[¥,%]", "").cast(pl.Float64, strict=False)
        if frame.schema[name] == pl.String
        else pl.col(name)
        for name in HEADINGS[4:]
    ]
    codes = [
        pl.col(name).str.to_uppercase().str.replace_all(r"[-_\s]", "") for name in HEADINGS[2:4]
    ]
    cleaned = frame.select(
        pl.date(pl.col("年").cast(pl.Int32), pl.col("月").cast(pl.Int32), 1).alias("report_date"),
        *codes,
        *(amount.round(places) for amount, places in zip(amounts, (6, 4, 2), strict=True)),
    )
    return cleaned.filter(pl.col("report_date").is_not_null()).height


def write_dirty_workbook(path: Path, rows: int) -> None:
    """As people fill it in: every seventh return a percent text, every fifth scale with ¥."""
    import xlsxwriter

    chance = random.Random(1)
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADINGS)
        for number in range(1, rows + 1):
            rate = round(chance.uniform(-0.5, 0.5), 6)
            value = round(chance.uniform(0.5, 2.5), 4)
            scale = round(chance.uniform(1e3, 1e9), 2)
            codes = f"P{number:06d}", f"C{number % 97:04d}"
            shown_rate = rate if number % 7 else f"{rate:.4%}"
            shown_scale = scale if number % 5 else f"¥{scale:,.2f}"
            sheet.write_row(number, 0, (2024, 11, *codes, shown_rate, value, shown_scale))
