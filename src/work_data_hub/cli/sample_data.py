"""A landing folder to try things on: the workbooks that people send, good, dirty and broken.

The months are those before `now`, so that the newest file is fresh and none is of the future.
Which files are meant to fail stands in `.sample.json`, a name that discovery ignores.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ..io.errors import PipelineError
from .sample_workbook import Cell, CellError, Percent, Sheet, workbook

MARKER = ".sample.json"
# How the name of every sample file begins, whichever way it is written.
YEAR_AND_MONTH = re.compile(r"(\d{4})[_-]?(\d{2})")
SHANGHAI = ZoneInfo("Asia/Shanghai")
HEADING = ("年", "月", "计划代码", "公司代码", "收益率", "净值", "规模")
PLANS = ("000123", "000456", "QY1001", "QY1002", "ZY2001.A", "ZY2002.B")
COMPANIES = ("ABC01", "DEF02", "GHI03", "1E5")
# Trustees report by the tenth of the next month.
REPORTED_ON_DAY = 10

Row = Sequence[Cell]
Figures = tuple[int, int, str, str, float, float, float]
Contents = Callable[[date], bytes]


class SampleFolderInUse(PipelineError):
    """The folder holds something else, and a sample among it would be loaded with it."""


class NoSampleFolder(PipelineError):
    """The folder holds no sample, so nothing in it is broken on purpose."""


@dataclass(frozen=True)
class SampleFile:
    """One file of the sample. `fails`: it is broken on purpose. `relative_path` has slashes."""

    relative_path: str
    holds: str
    fails: bool


def write_sample_data(directory: Path, *, now: datetime | None = None) -> list[SampleFile]:
    """Writes the sample, oldest month first, with mtimes as if each had come when it was due.

    now: aware; the files are those of the months before it, in Asia/Shanghai.
    Raises SampleFolderInUse when the directory holds anything but an earlier sample.
    """
    now = datetime.now(UTC) if now is None else now
    if directory.is_dir() and any(directory.iterdir()) and not (directory / MARKER).is_file():
        raise SampleFolderInUse(
            f"{directory} is not empty, and no earlier sample; name an empty folder"
        )
    this_month = now.astimezone(SHANGHAI).date().replace(day=1)
    written = []
    for months_ago, name, holds, contents, fails in _SAMPLE:
        month = _months_before(this_month, months_ago)
        file = SampleFile(name.format(y=f"{month:%Y}", m=f"{month:%m}"), holds, fails)
        path = directory / file.relative_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents(month))
        mtime_s = _reported_at(month, now).timestamp()
        os.utime(path, (mtime_s, mtime_s))
        written.append(file)
    _write_listing(directory, written)
    return written


def mend_sample_data(directory: Path) -> list[SampleFile]:
    """Writes the files that are broken on purpose again, whole, as their sender would send them.

    Returns those: from now on none is meant to fail, so a second time there are none. Each keeps
    its month, whenever the sample was written. Raises NoSampleFolder.
    """
    listed = _listing(directory)
    if not listed:
        raise NoSampleFolder(f"{directory} holds no sample; `wdh sample-data` writes one")
    mended = []
    for file in listed:
        if file.fails:
            name = YEAR_AND_MONTH.match(Path(file.relative_path).name)
            assert name is not None
            month = date(int(name[1]), int(name[2]), 1)
            (directory / file.relative_path).write_bytes(_good(month))
            mended.append(replace(file, holds="good, sent again", fails=False))
    now_whole = {file.relative_path: file for file in mended}
    _write_listing(directory, [now_whole.get(file.relative_path, file) for file in listed])
    return mended


def broken_on_purpose(directory: Path) -> frozenset[str]:
    """The relative paths that are meant to fail; none where the folder is no sample."""
    return frozenset(file.relative_path for file in _listing(directory) if file.fails)


def _write_listing(directory: Path, files: Sequence[SampleFile]) -> None:
    listing = {"files": [asdict(file) for file in files]}
    text = json.dumps(listing, ensure_ascii=False, indent=2) + "\n"
    (directory / MARKER).write_text(text, encoding="utf-8")


def _listing(directory: Path) -> list[SampleFile]:
    marker = directory / MARKER
    if not marker.is_file():
        return []
    listing = json.loads(marker.read_text(encoding="utf-8"))
    return [SampleFile(**file) for file in listing["files"]]


def _months_before(month: date, count: int) -> date:
    index = month.year * 12 + month.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)


def _reported_at(month: date, now: datetime) -> datetime:
    due = _months_before(month, -1).replace(day=REPORTED_ON_DAY)
    return min(datetime.combine(due, time(9, 30), tzinfo=SHANGHAI), now - timedelta(hours=1))


def _figures(month: date, *, step_by: int = 0) -> list[Figures]:
    """One clean row for each plan and company. The figures follow from month and row alone."""
    rows = []
    for i, (plan, company) in enumerate((p, c) for p in PLANS for c in COMPANIES):
        step = (month.month * 7 + i * 13 + step_by) % 41
        rate = (step - 12) / 1000
        value = round(1 + step / 97, 4)
        scale = round(1_250_000 + step * 98_765.43, 2)
        rows.append((month.year, month.month, plan, company, rate, value, scale))
    return rows


def _good(month: date) -> bytes:
    return workbook(Sheet("受托业绩", [HEADING, *_figures(month)]))


def _corrected(month: date) -> bytes:
    return workbook(Sheet("受托业绩", [HEADING, *_figures(month, step_by=3)]))


def _english_with_period(month: date) -> bytes:
    """`report_period` in place of year and month, and returns in cells formatted as percent."""
    heading = ("report_period", "plan_code", "company_code", "收益率", "净值", "规模")
    rows: list[Row] = [
        (f"{month:%Y}年{month.month}月", plan, company, Percent(rate), value, scale)
        for _, _, plan, company, rate, value, scale in _figures(month)
    ]
    return workbook(Sheet("performance", [heading, *rows]))


def _titled_with_totals(month: date) -> bytes:
    """A title over merged cells, padded headings, a totals row, a hidden sheet in front."""
    title = f"{month.year}年{month.month}月受托业绩报告"
    heading = ("年", " 月 ", "计划\n代码", "公司　代码", "收益率", "净值", "规模")
    figures = _figures(month)
    total: Row = ("合计", None, None, None, None, None, round(sum(row[-1] for row in figures), 2))
    return workbook(
        Sheet("说明", [("内部使用",)], hidden=True),
        Sheet("受托业绩", [(title,), (), heading, *figures, total], merged=("A1:G1",)),
    )


def _dirty(month: date) -> bytes:
    """Rows as people type them: most can be understood, seven cannot."""
    year, number = str(month.year), str(month.month)
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    wide_year, wide_number = year.translate(wide), number.translate(wide)
    understood: list[Row] = [
        (wide_year, wide_number, "qy-1001", "abc 01", "5.5%", "１.０２３４", "1,234,567.89"),
        (f"{year}年", f"{number}月", "QY_1002", "ABC01", "-1.25%", "1.1", "¥2,500,000.00"),
        (year, number, "000123", "ABC01", "-", "N/A", "暂无"),
        (year, number, "000456", "ABC01", "无", "1.2", ""),
        (year, number, "zy2001.a", "ＤＥＦ02", 0.031, 1.0567, "￥980,000"),
    ]
    refused: list[Row] = [
        (year, number, "QY3001", "ABC01", 0.01, 1.01, 100),
        (year, number, "qy 3001", "abc01", 0.02, 1.02, 200),  # the same key once more
        (year, number, None, "ABC01", 0.01, 1.01, 100),
        (year, 13, "QY3002", "ABC01", 0.01, 1.01, 100),
        (year, number, "QY3003", "ABC01", "约百分之五", 1.01, 100),
        (year, number, "QY3004", "ABC01", 0.01, -1.01, 100),
        (year, number, "QY3005", "ABC01", CellError("#N/A"), 1.01, 100),
    ]
    clean = [row for row in _figures(month) if row[3] == COMPANIES[2]]
    return workbook(Sheet("受托业绩", [HEADING, *understood, *clean, *refused]))


def _truncated(month: date) -> bytes:
    whole = _good(month)
    return whole[: len(whole) // 2]


def _no_rows(_month: date) -> bytes:
    return workbook(Sheet("受托业绩", [HEADING]))


_SAMPLE: tuple[tuple[int, str, str, Contents, bool], ...] = (
    (8, "{y}_{m}_受托业绩报告.xlsx", "good", _good, False),
    (7, "{y}-{m}-受托业绩数据.xlsx", "a heading and no rows", _no_rows, False),
    (6, "{y}{m}受托业绩.xlsx", "good, with a report_period", _english_with_period, False),
    (5, "数据采集/V1/{y}_{m}_受托业绩报告.xlsx", "good, replaced by V2", _good, False),
    (5, "数据采集/V2/{y}_{m}_受托业绩报告.xlsx", "good, corrected", _corrected, False),
    (4, "{y}_{m}_受托业绩报告.xlsx", "dirty", _dirty, False),
    (3, "{y}_{m}_受托业绩报告.xlsx", "a title, a totals row", _titled_with_totals, False),
    (2, "{y}_{m}_受托业绩报告.xlsx", "broken: cut off halfway", _truncated, True),
    (1, "{y}_{m}_受托业绩报告.xlsx", "good", _good, False),
)
