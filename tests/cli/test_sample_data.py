"""The sample landing folder: real workbooks, of months that are over, some broken on purpose."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from work_data_hub.cli.sample_data import (
    HEADING,
    SHANGHAI,
    NoSampleFolder,
    SampleFile,
    SampleFolderInUse,
    broken_on_purpose,
    mend_sample_data,
    write_sample_data,
)
from work_data_hub.cli.sample_workbook import CellError, Percent, Sheet, workbook
from work_data_hub.domain.trustee_performance.service import process
from work_data_hub.io.connectors.file_connector import DataSourceConnector, DiscoveredFile
from work_data_hub.io.readers.excel_reader import read_excel

NOW = datetime(2025, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "landing"


@pytest.fixture
def sample(folder: Path) -> list[SampleFile]:
    return write_sample_data(folder, now=NOW)


def discovered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[DiscoveredFile]:
    monkeypatch.setenv("WDH_DATA_BASE_DIR", str(folder))
    monkeypatch.delenv("WDH_DATA_SOURCES_CONFIG", raising=False)
    return DataSourceConnector().discover("trustee_performance")


def rows_of(path: Path) -> list[tuple[object, ...]]:
    """The visible sheet's rows."""
    book = openpyxl.load_workbook(path)
    [sheet] = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    return [tuple(row) for row in sheet.iter_rows(values_only=True)]


def test_discovery_finds_one_file_for_each_month_and_the_marker_is_none_of_them(
    folder: Path, sample: list[SampleFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = discovered(folder, monkeypatch)
    assert [(file.year, file.month) for file in files] == [
        (2025, 1), (2024, 12), (2024, 11), (2024, 10), (2024, 9), (2024, 8), (2024, 7), (2024, 6),
    ]  # fmt: skip
    found = {file.metadata["relative_path"] for file in files}
    replaced = {file.relative_path for file in sample} - found
    assert replaced == {"数据采集/V1/2024_09_受托业绩报告.xlsx"}


@pytest.mark.parametrize(
    "now",
    [
        datetime(2025, 1, 1, 0, 30, tzinfo=SHANGHAI),
        datetime(2024, 12, 31, 16, 30, tzinfo=UTC),  # already January in Shanghai
        datetime(2024, 2, 29, tzinfo=UTC),
        datetime(2024, 12, 31, tzinfo=UTC),
    ],
)
def test_no_file_is_of_this_month_or_of_the_future(
    folder: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sample_data(folder, now=now)
    this_month = now.astimezone(SHANGHAI).date().replace(day=1)
    files = discovered(folder, monkeypatch)
    newest = date(files[0].year, files[0].month, 1)
    assert timedelta(0) < this_month - newest <= timedelta(days=31)
    for file in files:
        assert file.metadata["modified_time"] <= (now - timedelta(hours=1)).timestamp()
    age_days = (now.timestamp() - files[0].metadata["modified_time"]) / 86_400
    assert age_days < 45, "the data-quality sensor would call the newest file too old"


def test_every_file_is_a_workbook_but_the_ones_that_are_meant_to_fail(
    folder: Path, sample: list[SampleFile]
) -> None:
    for file in sample:
        if file.fails:
            with pytest.raises(zipfile.BadZipFile):
                openpyxl.load_workbook(folder / file.relative_path)
        else:
            rows_of(folder / file.relative_path)


def test_the_folder_itself_says_which_files_are_meant_to_fail(
    folder: Path, sample: list[SampleFile]
) -> None:
    assert broken_on_purpose(folder) == {"2024_12_受托业绩报告.xlsx"}
    assert broken_on_purpose(folder) == {file.relative_path for file in sample if file.fails}


def test_in_a_folder_that_is_no_sample_nothing_is_meant_to_fail(tmp_path: Path) -> None:
    assert broken_on_purpose(tmp_path) == frozenset()
    assert broken_on_purpose(tmp_path / "absent") == frozenset()


def test_the_sample_holds_every_kind_of_workbook(folder: Path, sample: list[SampleFile]) -> None:
    rows = {file.holds: rows_of(folder / file.relative_path) for file in sample if not file.fails}
    assert rows["a heading and no rows"] == [HEADING]
    assert len(rows["good"]) == 1 + 24
    assert rows["good, with a report_period"][1][0] == "2024年8月"
    assert rows["good, corrected"][1:] != rows["good, replaced by V2"][1:]
    assert rows["a title, a totals row"][-1][0] == "合计"
    assert rows["a title, a totals row"][0][0] == "2024年11月受托业绩报告"
    cells = {str(cell) for row in rows["dirty"] for cell in row}
    assert {
        "２０２４",
        "1,234,567.89",
        "¥2,500,000.00",
        "暂无",
        "-1.25%",
        "000123",
        "#N/A",
    } <= cells


def test_of_each_workbook_the_pipeline_takes_what_it_is_meant_to(
    folder: Path, sample: list[SampleFile]
) -> None:
    taken = {}
    for file in sample:
        if not file.fails:
            rows = read_excel(folder / file.relative_path)
            outcome = process(rows, file.relative_path, today=date(2025, 2, 3))
            taken[file.holds] = (len(rows), len(outcome), len(outcome.refused))
    assert taken == {
        "good": (24, 24, 0),
        "a heading and no rows": (0, 0, 0),
        "good, with a report_period": (24, 24, 0),
        "good, replaced by V2": (24, 24, 0),
        "good, corrected": (24, 24, 0),
        "dirty": (18, 11, 7),
        "a title, a totals row": (25, 24, 1),
    }


def test_returns_of_the_english_file_are_formatted_as_percent(
    folder: Path, sample: list[SampleFile]
) -> None:
    [file] = [file for file in sample if "report_period" in file.holds]
    sheet = openpyxl.load_workbook(folder / file.relative_path).active
    assert {cell.number_format for cell in sheet["D"][1:]} == {"0.00%"}
    assert {cell.number_format for cell in sheet["E"]} == {"General"}


def test_the_totals_row_adds_up(folder: Path, sample: list[SampleFile]) -> None:
    [file] = [file for file in sample if "totals" in file.holds]
    *_, total = rows = rows_of(folder / file.relative_path)
    scales = [row[6] for row in rows[3:-1]]
    assert total[6] == pytest.approx(sum(float(str(scale)) for scale in scales), abs=0.005)


def test_the_same_day_gives_the_same_bytes(
    folder: Path, sample: list[SampleFile], tmp_path: Path
) -> None:
    again = tmp_path / "again"
    assert write_sample_data(again, now=NOW) == sample
    for file in sample:
        path, twin = folder / file.relative_path, again / file.relative_path
        assert path.read_bytes() == twin.read_bytes()
        assert path.stat().st_mtime == twin.stat().st_mtime


def test_a_sample_may_be_written_over_an_earlier_one(
    folder: Path, sample: list[SampleFile]
) -> None:
    assert write_sample_data(folder, now=NOW) == sample


def test_a_folder_with_anything_else_in_it_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "report.xlsx").write_bytes(b"mine")
    with pytest.raises(SampleFolderInUse, match="is not empty"):
        write_sample_data(folder, now=NOW)
    assert [path.name for path in folder.iterdir()] == ["report.xlsx"]


def test_what_is_broken_on_purpose_is_sent_again_whole_and_of_its_own_month(
    folder: Path, sample: list[SampleFile]
) -> None:
    (broken,) = broken_on_purpose(folder)
    others = {f.relative_path: (folder / f.relative_path).read_bytes() for f in sample}
    del others[broken]
    [mended] = mend_sample_data(folder)
    assert mended.relative_path == broken == "2024_12_受托业绩报告.xlsx"
    _, *rows = rows_of(folder / broken)
    assert len(rows) == 24
    assert {row[:2] for row in rows} == {(2024, 12)}
    assert (folder / broken).stat().st_mtime > NOW.timestamp(), "it came just now"
    assert {name: (folder / name).read_bytes() for name in others} == others
    assert broken_on_purpose(folder) == frozenset()
    assert mend_sample_data(folder) == []


def test_a_folder_that_holds_no_sample_is_not_mended(tmp_path: Path) -> None:
    with pytest.raises(NoSampleFolder, match="holds no sample"):
        mend_sample_data(tmp_path)


def test_the_writer_keeps_text_numbers_errors_and_markup_apart(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    row = ("007", 7, -0.1, Percent(0.055), CellError("#DIV/0!"), None, ' <a & "b"> ')
    path.write_bytes(workbook(Sheet("<一>", [(), row]), Sheet("二", [("x",)], hidden=True)))
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["<一>", "二"]
    cells = next(book["<一>"].iter_rows(min_row=2, max_row=2))
    assert [cell.value for cell in cells] == ["007", 7, -0.1, 0.055, "#DIV/0!", None, row[6]]
    assert [cell.data_type for cell in cells] == ["s", "n", "n", "n", "e", "n", "s"]
