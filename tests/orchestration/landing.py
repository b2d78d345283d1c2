"""A landing folder with real workbooks, for the tests of ops, jobs and sensors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

HEADING = ("年", "月", "计划代码", "公司代码", "收益率", "净值", "规模")
Row = Sequence[str | int | float | None]


def rows_of(year: int, month: int, *, count: int = 3, first: int = 1) -> list[Row]:
    """Good rows, each plan once."""
    return [
        (year, month, f"PLAN{n:04}", "CO1", f"{n % 7}.25%", 1.0 + n / 1000, 1000.5 + n)
        for n in range(first, first + count)
    ]


@dataclass(frozen=True)
class LandingFolder:
    """WDH_DATA_BASE_DIR of a test. mtime_s: seconds since the epoch."""

    path: Path

    def put(
        self,
        name: str,
        rows: Sequence[Row] | None = None,
        *,
        heading: Row = HEADING,
        mtime_s: float = 1_750_000_000.0,
    ) -> Path:
        """A workbook; its rows those of the month in its name where none are given."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if rows is None:
            digits = "".join(ch for ch in target.name if ch.isdigit())
            rows = rows_of(int(digits[:4]), int(digits[4:6]))
        with xlsxwriter.Workbook(str(target)) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate([heading, *rows]):
                sheet.write_row(number, 0, row)
        return self.at(target, mtime_s)

    def put_broken(self, name: str, *, mtime_s: float = 1_750_000_000.0) -> Path:
        """The first bytes of a workbook, as an interrupted copy leaves them."""
        target = self.put(name)
        target.write_bytes(target.read_bytes()[:700])
        return self.at(target, mtime_s)

    @staticmethod
    def at(path: Path, mtime_s: float) -> Path:
        os.utime(path, (mtime_s, mtime_s))
        return path
