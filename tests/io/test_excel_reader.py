"""Each cell is the text a person sees, and each row keeps the number Excel gives it."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from work_data_hub.domain.trustee_performance.service import process
from work_data_hub.io.errors import FileUnreadable
from work_data_hub.io.readers.excel_reader import read_excel

from .workbooks import HEADINGS, Cell, rewrite_sheet, write_workbook

GOOD = (2024, 11, "P001", "C1", 0.055, 1.2, 1000.5)


def column(tmp_path: Path, *values: Any) -> list[str | None]:
    """What becomes of these values in one column of an otherwise good sheet."""
    rows = [HEADINGS, *((*GOOD[:5], value, GOOD[6]) for value in values)]
    return read_excel(write_workbook(tmp_path / "w.xlsx", rows))["净值"].to_list()


def test_a_sheet_is_its_row_numbers_and_one_text_column_a_heading(tmp_path: Path) -> None:
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", [HEADINGS, GOOD]))
    assert frame.schema == {"row_number": pl.UInt32} | dict.fromkeys(HEADINGS, pl.String)
    assert frame.rows() == [(2, "2024", "11", "P001", "C1", "0.055", "1.2", "1000.5")]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0234567890123, "1.0234567890123"),
        (123, "123"),
        (-5.0, "-5"),
        (1e-10, "0.0000000001"),
        (4.9e-05, "0.000049"),
        (1e16, "10000000000000000"),
        (1.234567890123456e19, "12345678901234560000"),
        (763774855.2, "763774855.2"),
    ],
)
@pytest.mark.parametrize("neighbour", [7, "七", None, "1.10"])
def test_a_number_keeps_every_digit_whatever_else_its_column_holds(
    tmp_path: Path, number: float, text: str, neighbour: Any
) -> None:
    assert column(tmp_path, number, neighbour)[0] == text


@pytest.mark.parametrize(
    "text", ["000123", "1E5", "1.10", "12345678901234567890", "763774855.200000048", "0", "true"]
)
@pytest.mark.parametrize("neighbour", [1.0234567890123, "七"])
def test_a_text_stays_as_it_was_typed(tmp_path: Path, text: str, neighbour: Any) -> None:
    assert column(tmp_path, text, neighbour)[0] == text


@pytest.mark.parametrize("neighbour", [1.5, "七", None, "0.5%"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Cell(0.055, "0.00%"), "5.5%"),
        (Cell(1.5, "0%"), "150%"),
        (Cell(-0.00012345, '[Red]0.0"x"%;-0%'), "-0.012345%"),
        (Cell(0, "0%"), "0%"),
        (Cell(1e-7, "0%"), "0.00001%"),
        (Cell(12, "0%"), "1200%"),
        (Cell(123, "000000"), "000123"),
        (Cell(1234567, "000000"), "1234567"),
        (Cell(0.5, '0.0"%"'), "0.5%"),
        (Cell(0.5, "0.0\\%"), "0.5%"),
        (Cell(123, '"P"000000'), "P000123"),
        (Cell(123, "000-000;[Red]-0"), "000123"),
        (Cell(123, '0"份"'), "123"),
        (Cell(-12, "0000"), "-12"),
        (Cell(12.5, "0000"), "12.5"),
        (Cell(1234.5, "#,##0.00"), "1234.5"),
        (Cell(0.055, "General"), "0.055"),
    ],
)
def test_a_number_format_that_changes_the_meaning_is_kept(
    tmp_path: Path, value: Cell, shown: str, neighbour: Any
) -> None:
    assert column(tmp_path, value, neighbour)[0] == shown


@pytest.mark.parametrize("neighbour", [1.5, "七", None])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("#N/A", "#N/A"),
        ("#DIV/0!", "#DIV/0!"),
        (True, "TRUE"),
        (False, "FALSE"),
        (date(2024, 11, 1), "2024-11-01"),
        (datetime.fromisoformat("2024-11-01 07:30"), "2024-11-01 07:30:00"),
        (Cell(45597, "yyyy"), "2024-11-01"),
    ],
)
def test_error_cells_truth_values_and_dates_are_what_excel_shows(
    tmp_path: Path, value: Any, shown: str, neighbour: Any
) -> None:
    assert column(tmp_path, value, neighbour)[0] == shown


@pytest.mark.parametrize(
    "neighbour", [1.0234567890123, "七", True, date(2024, 11, 1), "#N/A", None]
)
def test_no_mixture_of_types_makes_a_column_unreadable(tmp_path: Path, neighbour: Any) -> None:
    """fastexcel refuses durations beside any other type."""
    texts = column(tmp_path, neighbour, Cell(1.25, "[h]:mm"))
    assert texts[0] == (column(tmp_path, neighbour))[0]
    assert texts[1] is not None


def test_an_error_cell_is_refused_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    rows = [HEADINGS, GOOD, (2024, 10, "P2", "C1", "#N/A", 1.2, 5), (2024, 9, "P3", "C1")]
    outcome = process(read_excel(write_workbook(tmp_path / "w.xlsx", rows)), "w.xlsx")
    assert [(r.row_number, r.column, r.value) for r in outcome.refused] == [(3, "收益率", "#N/A")]
    assert len(outcome) == 2


def test_blank_rows_are_left_out_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    rows = [HEADINGS, (), GOOD, (None, " ", "", "\u3000"), GOOD, ()]
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", rows))
    assert frame["row_number"].to_list() == [3, 5]


@pytest.mark.parametrize("first_cell", [(0, 0), (2, 0), (0, 3), (4, 2)])
@pytest.mark.parametrize("mark", ["#N/A", Cell(0.015, "0.0%"), 1.5])
def test_rows_above_and_columns_beside_the_table_do_not_shift_it(
    tmp_path: Path, first_cell: tuple[int, int], mark: Any
) -> None:
    rows = [HEADINGS, GOOD, (*GOOD[:4], mark, None, "七"), (*GOOD[:4], "x")]
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", rows, first_cell=first_cell))
    assert frame.columns == ["row_number", *HEADINGS]
    shown = "1.5%" if isinstance(mark, Cell) else str(mark)
    row = first_cell[0]
    assert frame["row_number"].to_list() == [row + 2, row + 3, row + 4]
    assert frame["收益率"].to_list() == ["0.055", shown, "x"]


def test_an_empty_cell_left_of_the_heading_does_not_shift_the_marks(tmp_path: Path) -> None:
    """Some writers leave `<c r="A1"><v></v></c>`: the sheet has it, calamine does not."""
    rows = [HEADINGS, GOOD, (*GOOD[:4], "#N/A", None, True)]
    path = write_workbook(tmp_path / "w.xlsx", rows, first_cell=(0, 1))
    rewrite_sheet(path, lambda xml: xml.replace(b'<c r="B1"', b'<c r="A1"><v></v></c><c r="B1"'))
    frame = read_excel(path)
    assert frame.select("收益率", "净值", "规模").rows()[1] == ("#N/A", None, "TRUE")


def test_a_merged_title_above_the_heading_is_no_heading(tmp_path: Path) -> None:
    rows = [(Cell("受托业绩报告", right=6),), ("单位：元",), (), HEADINGS, GOOD]
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", rows))
    assert frame.columns == ["row_number", *HEADINGS]
    assert frame["row_number"].to_list() == [5]


def test_a_heading_merged_over_two_rows_is_one_heading(tmp_path: Path) -> None:
    upper = [Cell(name, down=1) for name in HEADINGS[:4]] + [Cell("业绩", right=2)]
    lower = (None, None, None, None, *HEADINGS[4:])
    rows = [upper, lower, GOOD, (*GOOD[:4], "#N/A", 1, 2)]
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", rows))
    assert frame.columns == ["row_number", *HEADINGS]
    assert frame["row_number"].to_list() == [3, 4]
    assert frame["收益率"].to_list() == ["0.055", "#N/A"]


def test_padded_and_full_width_headings_are_read_as_what_they_say(tmp_path: Path) -> None:
    headings = (
        "年 ",
        "\u3000月",
        "计划\n代码",
        "Ｃｏｍｐａｎｙ＿ｃｏｄｅ",
        "收 益 率",
        "净值",
        "规模",
    )
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", [headings, GOOD]))
    wanted = ["年", "月", "计划代码", "Company_code", "收益率", "净值", "规模"]
    assert frame.columns == ["row_number", *wanted]
    assert len(process(frame, "w.xlsx")) == 1


def test_a_heading_that_comes_again_keeps_both_columns(tmp_path: Path) -> None:
    rows = [(*HEADINGS, "备注", "备注", "备注_1"), (*GOOD, "a", "b", "c")]
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", rows))
    assert frame.select("备注", "备注#2", "备注_1").rows() == [("a", "b", "c")]
    assert len(process(frame, "w.xlsx")) == 1


def test_a_cell_without_a_heading_is_kept_under_its_place(tmp_path: Path) -> None:
    rows = [HEADINGS, GOOD, (*GOOD, None, "注：未审计")]
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", rows))
    assert frame.columns == ["row_number", *HEADINGS, "column 9"]
    assert frame["column 9"].to_list() == [None, "注：未审计"]


def test_a_sheets_number_counts_visible_sheets(tmp_path: Path) -> None:
    sheets = {"草稿": [("x",)], "一": [HEADINGS], "密": [("y",)], "二": [HEADINGS, GOOD]}
    path = write_workbook(tmp_path / "w.xlsx", sheets=sheets, hidden=["草稿", "密"])
    assert [read_excel(path, 0).height, read_excel(path, 1).height] == [0, 1]
    assert read_excel(path, "二").height == 1
    assert read_excel(path, "草稿").columns == ["row_number", "x"]


def test_a_sheet_with_a_heading_only_has_no_rows_but_its_columns(tmp_path: Path) -> None:
    frame = read_excel(write_workbook(tmp_path / "w.xlsx", [HEADINGS]))
    assert frame.columns == ["row_number", *HEADINGS]
    assert len(process(frame, "w.xlsx")) == 0


def test_an_empty_sheet_has_neither_rows_nor_columns(tmp_path: Path) -> None:
    frame = read_excel(write_workbook(tmp_path / "w.xlsx"))
    assert frame.schema == {"row_number": pl.UInt32}


def test_the_content_in_hand_is_read_instead_of_the_path(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "w.xlsx", [HEADINGS, GOOD])
    content = path.read_bytes()
    path.unlink()
    assert read_excel(path, content=content).height == 1


def test_a_workbook_written_by_openpyxl_is_read_alike(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADINGS)
    sheet.append(GOOD)
    sheet.append((*GOOD[:4], 0.015, "七", None))
    sheet["E3"].number_format = "0.00%"
    sheet["F4"] = "#N/A"
    path = tmp_path / "w.xlsx"
    book.save(path)
    frame = read_excel(path)
    assert frame["收益率"].to_list() == ["0.055", "1.5%", None]
    assert frame["净值"].to_list() == ["1.2", "七", "#N/A"]


@pytest.mark.parametrize("neighbour", [7, "七"])
def test_seventeen_digits_are_kept_as_excel_writes_them(tmp_path: Path, neighbour: Any) -> None:
    rows = [HEADINGS, (*GOOD[:5], 0.25, 1), (*GOOD[:5], neighbour, 1)]
    path = write_workbook(tmp_path / "w.xlsx", rows)
    rewrite_sheet(path, lambda xml: xml.replace(b"<v>0.25<", b"<v>0.30000000000000004<"))
    assert read_excel(path)["净值"].to_list() == ["0.30000000000000004", str(neighbour)]


def test_tags_with_a_prefix_are_read_alike(tmp_path: Path) -> None:
    """As the .NET SDK writes them."""
    rows = [HEADINGS, GOOD, (*GOOD[:4], Cell(0.015, "0%"), "#N/A", True), (*GOOD[:6], "七")]
    path = write_workbook(tmp_path / "w.xlsx", rows)
    plain = read_excel(path)

    def prefixed(xml: bytes) -> bytes:
        xml = re.sub(rb"<(/?)(\w)", rb"<\1x:\2", xml)
        return xml.replace(b"<x:worksheet xmlns=", b"<x:worksheet xmlns:x=")

    assert read_excel(rewrite_sheet(path, prefixed)).equals(plain)
    assert plain["收益率"].to_list() == ["0.055", "1.5%", "0.055"]


def test_cells_that_do_not_say_where_they_are_are_refused_with_advice(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "w.xlsx", [HEADINGS, GOOD])
    rewrite_sheet(path, lambda xml: re.sub(rb'<c r="[A-Z0-9]+"', b"<c", xml))
    with pytest.raises(FileUnreadable, match="open it in Excel and save it again"):
        read_excel(path)
