"""What product.md says of one file's rows, by example. The twin's test holds the rest of it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from work_data_hub.domain.errors import DoubledColumn, MissingColumns
from work_data_hub.domain.trustee_performance.models import (
    RECORD_COLUMNS,
    RefusalReason,
    TrusteePerformance,
)
from work_data_hub.domain.trustee_performance.outcome import Outcome
from work_data_hub.domain.trustee_performance.service import process

TODAY = date(2024, 12, 15)
GOOD: dict[str, Any] = {
    "年": 2024, "月": 11, "计划代码": "P001", "公司代码": "C1",
    "收益率": "5.5%", "净值": 1.2345, "规模": 1000,
}  # fmt: skip
ENGLISH = {
    "year": 2024, "month": 11, "plan_code": "P001", "company_code": "C1",
    "return_rate": "5.5%", "net_asset_value": 1.2345, "fund_scale": 1000,
}  # fmt: skip


def one(**cells: Any) -> Outcome:
    """The outcome of one good row with these cells changed."""
    return process([GOOD | cells], "f.xlsx", today=TODAY)


def record(**cells: Any) -> TrusteePerformance:
    outcome = one(**cells)
    assert outcome.refused == ()
    (only,) = outcome
    return only


def reason(**cells: Any) -> tuple[str, str]:
    """Column and reason of the refusal."""
    outcome = one(**cells)
    assert len(outcome) == 0
    (refused,) = outcome.refused
    return refused.column, refused.reason.value


def test_a_good_row_is_a_record() -> None:
    now = datetime(2024, 12, 15, 2, tzinfo=UTC)
    (only,) = process([GOOD], "2024/f.xlsx", today=TODAY, processed_at=now)
    assert only == TrusteePerformance(
        report_date=date(2024, 11, 1),
        plan_code="P001",
        company_code="C1",
        return_rate=Decimal("0.055"),
        net_asset_value=Decimal("1.2345"),
        fund_scale=Decimal("1000.00"),
        data_source="2024/f.xlsx",
        processed_at=now,
        has_performance_data=True,
        validation_warnings=(),
    )


@pytest.mark.parametrize(
    "row",
    [
        ENGLISH,
        {k: v for k, v in ENGLISH.items() if k not in ("year", "month")}
        | {"report_period": "2024年11月"},
        GOOD | {"report_period": "2024-11"},
        {" Plan_Code\n": "P001", "ＹＥＡＲ": 2024, "月": 11, "公司 代码": "C1", "收益率": 0.055,
         "净值": "1.2345", "规模": Decimal(1000), "序号": 1},
    ],
)  # fmt: skip
def test_english_chinese_and_mixed_headings_mean_the_same(row: Mapping[str, Any]) -> None:
    (only,) = process([row], "f", today=TODAY)
    (good,) = process([GOOD], "f", today=TODAY, processed_at=only.processed_at)
    assert only == good


@pytest.mark.parametrize(
    ("cell", "rate"),
    [
        ("5.5%", "0.055"),
        ("5.5 %", "0.055"),
        ("５．５％", "0.055"),
        ("150%", "1.5"),
        (0.055, "0.055"),
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        ("-1", "-1"),
        ("1%", "0.01"),
        ("(5.5%)", "-0.055"),
        ("-0", "0"),
        ("1000%", "10"),
        ("1e-3", "0.001"),
        ("0.0000005", "0.000001"),
        ("-0.0000005", "-0.000001"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_a_return_is_a_fraction(cell: Any, rate: str) -> None:
    only = record(收益率=cell)
    assert str(only.return_rate) == str(Decimal(rate).quantize(Decimal("0.000001")))
    assert only.validation_warnings == ()


@pytest.mark.parametrize(
    ("cell", "rate"),
    [(1.5, "0.015"), ("-3", "-0.03"), ("1.0000000000000000001", "0.01"), (1000, "10")],
)
def test_a_bare_number_over_one_is_percent_and_warned_of(cell: Any, rate: str) -> None:
    only = record(收益率=cell)
    assert only.return_rate == Decimal(rate)
    assert only.validation_warnings == (f"return_rate: {cell} was read as {cell} %",)


@pytest.mark.parametrize("cell", ["1001%", 1001, "-100.1%", -101, "1e300"])
def test_the_bounds_of_a_return_hold_after_conversion(cell: Any) -> None:
    assert reason(收益率=cell) == ("收益率", "out_of_range")


def rates_of(*cells: Any) -> Outcome:
    rows = [GOOD | {"计划代码": f"P{n}", "收益率": cell} for n, cell in enumerate(cells)]
    return process(rows, "f", today=TODAY)


@pytest.mark.parametrize(
    ("cells", "ambiguous"),
    [
        ((5.5, 0.05), True),
        ((5.5, 1), True),  # 1 is taken as it stands, so it lies with the fractions
        ((5.5, 0), False),  # 0 and 0 % are the same
        ((5.5, "-0.0000004"), False),
        ((5.5, "5%"), False),
        ((0.05, "150%"), False),
        ((0.5, 1), False),
        ((-5.5, 0.05), True),
        ((5.5, None, "无"), False),
    ],
)
def test_a_file_is_ambiguous_when_bare_numbers_lie_on_both_sides_of_one(
    cells: tuple[Any, ...], ambiguous: bool
) -> None:
    assert rates_of(*cells).ambiguous_percent is ambiguous


def test_every_row_with_a_bare_number_is_warned_of_in_an_ambiguous_file() -> None:
    warned = [len(record.validation_warnings) for record in rates_of(5.5, 0.05, 0, "5%", None, 1)]
    assert warned == [2, 1, 1, 0, 0, 1]


def test_the_number_of_a_totals_row_does_not_make_a_file_ambiguous() -> None:
    total = GOOD | {"年": "合计", "收益率": 5.5}
    assert not process([GOOD | {"收益率": 0.5}, total], "f", today=TODAY).ambiguous_percent


@pytest.mark.parametrize(
    ("cell", "scale"),
    [
        ("1,234,567.89", "1234567.89"),
        ("１，２３４．５", "1234.50"),
        ("¥1,234.565", "1234.57"),
        ("￥ 12", "12.00"),
        ("$5", "5.00"),
        ("5元", "5.00"),
        ("1 234 567", "1234567.00"),
        ("1.5E+8", "150000000.00"),
        (2.675, "2.68"),  # Decimal(repr(x)); the float itself is a little less
        (1.005, "1.01"),
        (0.125, "0.13"),
        (763774855.205, "763774855.21"),
        ("12345678901234567890.125", "12345678901234567890.13"),
        (10**20, "100000000000000000000.00"),
        (-0.001, "0.00"),
        (0, "0.00"),
    ],
)
def test_an_amount_is_read_as_people_write_it_and_rounded_half_up(cell: Any, scale: str) -> None:
    assert str(record(规模=cell).fund_scale) == scale


@pytest.mark.parametrize(
    "cell",
    ["#N/A", "#DIV/0!", math.nan, math.inf, "-inf", "nan", "1,5", "12,34", "abc", "10²", "½", "5%",
     "1.2.3", "1_000", "--5", "5-", "(5", "1.5亿", "1..", True, "٣", "0x10", "¥", "¥5元"],
)  # fmt: skip
def test_what_is_no_number_is_refused_and_never_taken_for_an_empty_cell(cell: Any) -> None:
    assert reason(规模=cell) == ("规模", "not_a_number")


@pytest.mark.parametrize("cell", ["(5)", "-0.01", "-¥3", "1e36"])
def test_a_scale_below_zero_or_beyond_all_reason_is_refused(cell: str) -> None:
    assert reason(规模=cell) == ("规模", "out_of_range")


@pytest.mark.parametrize("cell", [0, "0.00004", -1])
def test_a_net_asset_value_must_be_above_zero_in_four_places(cell: Any) -> None:
    assert reason(净值=cell) == ("净值", "out_of_range")
    assert record(净值="0.00005").net_asset_value == Decimal("0.0001")


@pytest.mark.parametrize(
    "cell", [None, "", "-", "－", "N/A", "n/a", "无", " 暂无 ", "null", "NULL"]
)
def test_a_placeholder_is_no_value_and_no_key(cell: Any) -> None:
    only = record(收益率=cell, 净值=cell, 规模=cell)
    assert (only.return_rate, only.net_asset_value, only.fund_scale) == (None, None, None)
    assert not only.has_performance_data
    for column in ("年", "月", "计划代码", "公司代码"):
        assert reason(**{column: cell}) == (column, "key_missing")


@pytest.mark.parametrize("measure", ["收益率", "净值", "规模"])
def test_one_measure_alone_is_performance_data(measure: str) -> None:
    cells = {"收益率": None, "净值": None, "规模": None, measure: "1"}
    assert record(**cells).has_performance_data


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("p-001_a b", "P001AB"),
        ("000123", "000123"),
        ("1E5", "1E5"),
        (123, "123"),
        (123.0, "123"),
        (1e5, "100000"),
        ("Ａ．１", "A.1"),
        ("a\u00a01\n", "A1"),
        ("x" * 20, "X" * 20),
        ("-" + "x" * 20, "X" * 20),
    ],
)
def test_a_code_has_one_spelling(cell: Any, code: str) -> None:
    assert record(公司代码=cell).company_code == code


@pytest.mark.parametrize(
    ("column", "cell", "why"),
    [
        ("计划代码", "计划一", "code_invalid"),
        ("计划代码", "A/B", "code_invalid"),
        ("计划代码", "A–B", "code_invalid"),
        ("计划代码", "--", "code_invalid"),
        ("公司代码", "#N/A", "code_invalid"),
        ("计划代码", "x" * 51, "code_too_long"),
        ("公司代码", "x" * 21, "code_too_long"),
    ],
)
def test_a_code_of_anything_but_letters_digits_and_dots_is_refused(
    column: str, cell: str, why: str
) -> None:
    assert reason(**{column: cell}) == (column, why)


@pytest.mark.parametrize(
    "cell",
    ["2024年11月", "2024-11", "202411", 202411, "２０２４年 １１ 月", "2024/11", "2024.11", 45597,
     45597.5, date(2024, 11, 1), datetime(2024, 11, 30, 7, 30, tzinfo=UTC), "2024-11-30",
     "20241101"],
)  # fmt: skip
def test_a_report_period_is_read_in_each_of_its_spellings(cell: Any) -> None:
    assert record(report_period=cell).report_date == date(2024, 11, 1)
    assert record(report_period=cell, 年=None, 月="-").report_date == date(2024, 11, 1)


def test_a_date_in_the_column_of_years_or_months_stands_for_its_own() -> None:
    day = date(2024, 11, 30)
    assert record(年=day, 月=day).report_date == date(2024, 11, 1)
    assert record(年=2024, 月=day).report_date == date(2024, 11, 1)


def test_month_and_report_period_must_agree() -> None:
    assert reason(report_period="2024-10") == ("report_period", "months_disagree")
    assert reason(report_period="2023-11", 月=None) == ("report_period", "months_disagree")
    assert record(report_period="无").report_date == date(2024, 11, 1)


@pytest.mark.parametrize(
    ("cells", "refusal"),
    [
        ({"月": 13}, ("月", "month_out_of_range")),
        ({"月": 0}, ("月", "month_out_of_range")),
        ({"年": 1999}, ("年", "month_out_of_range")),
        ({"年": 2031}, ("年", "month_out_of_range")),
        ({"年": 24}, ("年", "month_out_of_range")),
        ({"年": None, "report_period": "199911"}, ("report_period", "month_out_of_range")),
        ({"月": None, "report_period": "202413"}, ("report_period", "month_out_of_range")),
        ({"月": 12, "年": 2025}, ("月", "month_in_future")),
        ({"月": "十一"}, ("月", "not_a_month")),
        ({"月": 11.5}, ("月", "not_a_month")),
        ({"年": "#N/A"}, ("年", "not_a_month")),
        ({"report_period": "2024.1"}, ("report_period", "not_a_month")),
        ({"report_period": "11月"}, ("report_period", "not_a_month")),
        ({"report_period": 12345}, ("report_period", "not_a_month")),
    ],
)  # fmt: skip
def test_a_month_that_cannot_be_is_refused(cells: dict[str, Any], refusal: tuple[str, str]) -> None:
    assert reason(**cells) == refusal


def test_this_month_is_not_the_future_and_the_next_one_is() -> None:
    assert record(月=12).report_date == date(2024, 12, 1)
    assert reason(年=2025, 月=1) == ("月", "month_in_future")


def test_today_is_what_it_is_in_shanghai(time_machine: Any) -> None:
    time_machine.move_to(datetime(2024, 10, 31, 16, 30, tzinfo=UTC), tick=False)
    assert len(process([GOOD], "f")) == 1
    time_machine.move_to(datetime(2024, 10, 31, 15, 30, tzinfo=UTC), tick=False)
    assert process([GOOD], "f").reasons == {RefusalReason.MONTH_IN_FUTURE: 1}


def test_a_key_twice_in_a_file_refuses_both_rows() -> None:
    rows = [GOOD, GOOD | {"计划代码": "P002"}, GOOD | {"计划代码": "p-001"}]
    outcome = process(rows, "f", today=TODAY)
    assert [record.plan_code for record in outcome] == ["P002"]
    assert [(r.row_number, r.reason, r.value) for r in outcome.refused] == [
        (1, RefusalReason.DUPLICATE_KEY, "P001"),
        (3, RefusalReason.DUPLICATE_KEY, "p-001"),
    ]


def test_a_row_that_shares_its_key_with_a_bad_one_is_refused_too() -> None:
    outcome = process([GOOD, GOOD | {"规模": "x"}], "f", today=TODAY)
    assert [r.reason.value for r in outcome.refused] == ["duplicate_key", "not_a_number"]


def test_the_key_is_the_configured_one() -> None:
    rows = [GOOD, GOOD | {"公司代码": "C2"}]
    assert len(process(rows, "f", today=TODAY)) == 2
    assert len(process(rows, "f", today=TODAY, pk=("report_date", "plan_code"))) == 0


@pytest.mark.parametrize(
    "cells",
    [
        {"年": "合计", "月": None, "计划代码": None, "公司代码": None},
        {"年": None, "月": None, "计划代码": "总 计：", "公司代码": None},
        {"公司代码": "本页小计"},
    ],
)
def test_a_totals_row_is_kept_but_is_no_sign_of_a_bad_file(cells: dict[str, Any]) -> None:
    outcome = process([GOOD, GOOD | cells], "f", today=TODAY)
    assert outcome.reasons == {RefusalReason.TOTALS_ROW: 1}
    assert (outcome.totals_rows, outcome.refused_share, len(outcome)) == (1, 0.0, 1)


def test_a_total_may_stand_in_a_column_of_its_own() -> None:
    rows = [{"序号": "1", **GOOD}, {"序号": "合 计", **GOOD, "计划代码": "P9"}]
    outcome = process(rows, "f", today=TODAY)
    assert [(r.column, r.reason) for r in outcome.refused] == [("序号", RefusalReason.TOTALS_ROW)]


def test_a_refused_row_is_kept_whole() -> None:
    outcome = process([{"row_number": 7, **GOOD, "备注": None, "规模": "¥x"}], "f", today=TODAY)
    (refused,) = outcome.refused
    assert (refused.row_number, refused.column, refused.value) == (7, "规模", "¥x")
    texts = {name: str(value) for name, value in GOOD.items()}
    assert refused.row == texts | {"规模": "¥x", "备注": None}


def test_rows_in_are_records_and_refusals_and_blank_rows_are_none() -> None:
    rows = [GOOD, {}, dict.fromkeys(GOOD), GOOD | {"月": 13}, dict.fromkeys(GOOD, " ")]
    outcome = process(rows, "f", today=TODAY)
    assert (outcome.rows_in, len(outcome), len(outcome.refused)) == (2, 1, 1)
    assert outcome.refused_share == 0.5


def test_no_rows_are_an_empty_outcome() -> None:
    outcome = process([], "f")
    assert (outcome.rows_in, list(outcome), outcome.refused, outcome.refused_share) == (
        0,
        [],
        (),
        0,
    )
    assert outcome.frame.columns == list(RECORD_COLUMNS)


def test_the_frame_of_an_empty_outcome_has_the_types_of_a_full_one() -> None:
    empty = process(pl.DataFrame(schema=dict.fromkeys(GOOD, pl.String)), "f", today=TODAY)
    full = process([GOOD], "f", today=TODAY)
    assert empty.frame.schema == full.frame.schema
    assert full.frame.schema["return_rate"] == pl.Decimal(38, 6)
    assert full.frame.schema["processed_at"] == pl.Datetime("us", "UTC")


def test_a_frame_of_numbers_is_read_like_its_texts() -> None:
    frame = pl.DataFrame([GOOD | {"年": 2024.0, "report_period": date(2024, 11, 1)}])
    assert process(frame, "f", today=TODAY).frame["net_asset_value"].to_list() == [
        Decimal("1.2345")
    ]


@pytest.mark.parametrize("missing", ["年", "月", "计划代码", "公司代码"])
def test_a_file_without_a_key_column_names_it_and_what_there_is(missing: str) -> None:
    row = {name: cell for name, cell in GOOD.items() if name != missing}
    with pytest.raises(MissingColumns) as refused:
        process([row], "f", today=TODAY)
    assert (refused.value.missing, refused.value.found) == ((missing,), tuple(row))
    assert f"missing columns: {missing}; the headings are: " in str(refused.value)


def test_required_columns_may_be_told_in_either_language() -> None:
    row = {name: cell for name, cell in GOOD.items() if name != "规模"}
    assert len(process([row], "f", today=TODAY)) == 1
    for required in ("规模", "fund_scale"):
        with pytest.raises(MissingColumns, match="missing columns: 规模"):
            process([row], "f", today=TODAY, required_columns=["年", required])
    with pytest.raises(MissingColumns, match="missing columns: 备注"):
        process([row], "f", today=TODAY, required_columns=["备注"])


def test_report_period_stands_for_required_year_and_month() -> None:
    row = {"report_period": "2024-11", "plan_code": "P", "company_code": "C"}
    required = ["年", "month", "report_date", "计划代码"]
    assert len(process([row], "f", today=TODAY, required_columns=required)) == 1


@pytest.mark.parametrize("second", ["year", "年#2", " 年 "])
def test_two_columns_for_one_meaning_are_refused_and_both_named(second: str) -> None:
    with pytest.raises(DoubledColumn) as refused:
        process([GOOD | {second: 2024}], "f", today=TODAY)
    assert refused.value.headings == ("年", second)
    assert repr(second) in str(refused.value)


def test_importing_the_service_loads_neither_polars_nor_a_reader() -> None:
    """Dagster's processes import it to start; they read no workbook then."""
    code = (
        "import sys, work_data_hub.domain.trustee_performance.service, "
        "work_data_hub.io.readers.excel_reader; "
        "print({'polars', 'fastexcel', 'sqlalchemy'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
