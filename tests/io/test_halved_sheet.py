"""A large sheet is parsed in two halves, and gives what it gives as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.io.workbooks import HEADINGS, Cell, rewrite_sheet, write_workbook
from work_data_hub.io.readers import halved_sheet
from work_data_hub.io.readers.excel_reader import read_excel
from work_data_hub.io.readers.halved_sheet import HalvedSheet

PLAIN = [(2024, 11, f"P{n:03d}", "C1", n / 7, 1 + n / 7, n * 1e6) for n in range(120)]
KINDS = (
    st.floats(-1e6, 1e6),
    st.integers(0, 10**9),
    st.sampled_from(["P1", "5.5%", "１２", "合计", " ", "1.0234567890123"]),
    st.booleans(),
    st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    st.sampled_from(["#N/A", "#DIV/0!"]),
    st.floats(0, 1).map(lambda share: Cell(share, "0.00%")),
    st.integers(0, 999).map(lambda code: Cell(code, "000000")),
    st.none(),
)


@contextmanager
def halving_from(size: int, joins: list[bool] | None = None) -> Iterator[None]:
    """Sheets of so many bytes are halved. joins: filled with whether halves gave the whole."""
    joined = HalvedSheet.joined

    def noted(self: HalvedSheet, *args: Any, **kwargs: Any) -> pl.DataFrame | None:
        frame = joined(self, *args, **kwargs)
        if joins is not None:
            joins.append(frame is not None)
        return frame

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(halved_sheet, "HALVED_BYTES", size)
        patch.setattr(HalvedSheet, "joined", noted)
        yield


def is_halved(path: Path) -> bool:
    """Whether the sheet can be read in halves; as a whole it must give the same, if so or not."""
    joins: list[bool] = []
    with halving_from(10**9):
        whole = read_excel(path)
    with halving_from(0, joins):
        frame = read_excel(path)
    assert frame.equals(whole)
    assert frame.schema == whole.schema
    return joins == [True]


@st.composite
def sheets(draw: st.DrawFn) -> list[list[Any]]:
    """Three columns of one or two kinds each, in which the kind may change on the way down."""
    columns = []
    for _ in range(3):
        kinds = [st.one_of(draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=2)))]
        kinds.append(draw(st.sampled_from([kinds[0], *KINDS])))
        change = draw(st.integers(0, 130))
        few = [[draw(kind) for _ in range(7)] for kind in kinds]
        columns.append([few[row >= change][row % 7] for row in range(130)])
    blank = draw(st.sets(st.integers(0, 129), max_size=3)) | set(
        draw(st.sampled_from([(), (), range(60, 70)]))
    )
    rows = [[None] * 3 if n in blank else list(row) for n, row in enumerate(zip(*columns))]  # noqa: B905
    title = draw(st.sampled_from([[], [["受托业绩报告"]], [[], ["", "说明"]]]))
    return [*title, ["年", "计划代码", "净值"], *rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sheet=sheets())
def test_whatever_a_sheet_holds_its_halves_give_what_the_whole_gives(
    sheet: list[list[Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    is_halved(write_workbook(tmp_path_factory.mktemp("book") / "a.xlsx", sheet))


def test_a_month_of_clean_rows_is_read_in_halves(tmp_path: Path) -> None:
    assert is_halved(write_workbook(tmp_path / "a.xlsx", [HEADINGS, *PLAIN]))


def test_percent_texts_in_both_halves_and_a_title_above_do_not_hinder_it(tmp_path: Path) -> None:
    rates = [f"{n / 700:.2%}" if n % 5 else n / 700 for n in range(120)]
    rows = [(*row[:4], rate, *row[5:]) for row, rate in zip(PLAIN, rates, strict=True)]
    sheet = [["受托业绩报告"], [], HEADINGS, *rows]
    assert is_halved(write_workbook(tmp_path / "a.xlsx", sheet))


def test_blank_rows_where_it_is_cut_keep_the_rows_in_their_places(tmp_path: Path) -> None:
    sheet = [HEADINGS, *PLAIN[:50], *([[]] * 20), *PLAIN[50:]]
    assert is_halved(write_workbook(tmp_path / "a.xlsx", sheet))


def test_a_sheet_that_begins_further_right_is_read_in_halves(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", [HEADINGS, *PLAIN], first_cell=(3, 2))
    assert is_halved(path)


def test_a_note_far_out_or_a_text_in_one_half_only_has_it_read_whole(tmp_path: Path) -> None:
    noted = [HEADINGS, *PLAIN[:-1], (*PLAIN[-1], None, "见附注")]
    assert not is_halved(write_workbook(tmp_path / "a.xlsx", noted))
    texted = [HEADINGS, *PLAIN[:-1], (*PLAIN[-1][:4], "5.5%", *PLAIN[-1][5:])]
    assert not is_halved(write_workbook(tmp_path / "b.xlsx", texted))


def test_tags_with_a_prefix_are_cut_as_well(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", [HEADINGS, *PLAIN])
    namespace = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"

    def prefixed(xml: bytes) -> bytes:
        xml = re.sub(rb"<(/?)(\w)", rb"<\1x:\2", xml)
        return xml.replace(b'xmlns="' + namespace, b'xmlns:x="' + namespace)

    assert is_halved(rewrite_sheet(path, prefixed))


def test_a_sheet_that_cannot_be_cut_for_sure_is_read_whole(tmp_path: Path) -> None:
    for number, (old, new) in enumerate(
        [
            (rb"<sheetData>", rb"<sheetData><!-- <row r='9'> -->"),
            (rb'<row r="\d+"', rb"<row"),  # rows that do not say where they are
            (rb'(<row r="90".*?</row>)(.*)(<row r="121".*?</row>)', rb"\3\2\1"),  # out of order
        ]
    ):
        path = write_workbook(tmp_path / f"{number}.xlsx", [HEADINGS, *PLAIN])
        rewrite_sheet(path, lambda xml, old=old, new=new: re.sub(old, new, xml, flags=re.DOTALL))  # type: ignore[misc]
        assert not is_halved(path)
