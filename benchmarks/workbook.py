"""The workbook that the figures are taken on: the same rows each time."""

from __future__ import annotations

import random
from pathlib import Path

HEADINGS = ("年", "月", "计划代码", "公司代码", "收益率", "净值", "规模")
COMPANIES = 97


def write_workbook(path: Path, rows: int, *, year: int = 2024, month: int = 11) -> None:
    """Clean rows of one month: numbers as numbers, texts shared as Excel does it."""
    import xlsxwriter

    chance = random.Random(1)
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADINGS)
        for number in range(1, rows + 1):
            sheet.write_row(
                number,
                0,
                [
                    year,
                    month,
                    f"P{number:06d}",
                    f"C{number % COMPANIES:04d}",
                    round(chance.uniform(-0.5, 0.5), 6),
                    round(chance.uniform(0.5, 2.5), 4),
                    round(chance.uniform(1e3, 1e9), 2),
                ],
            )
