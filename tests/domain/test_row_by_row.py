"""The vectorised rules give what the row-by-row twin gives, to the last digit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from work_data_hub.domain.cell_text import text_of
from work_data_hub.domain.trustee_performance.outcome import Outcome
from work_data_hub.domain.trustee_performance.service import process

from . import row_by_row

TODAY = date(2026, 3, 15)
NOW = datetime(2026, 3, 15, 1, 2, 3, 4, tzinfo=UTC)
HEADINGS = ("年", "月", "计划代码", "公司代码", "收益率", "净值", "规模")

placeholders = st.sampled_from(
    [None, "", " ", "-", "－", "N/A", "n/a", "无", "暂无", "NULL", "null"]
)
junk = st.sampled_from(
    ["#N/A", "#DIV/0!", "nan", "NaN", "inf", "-inf", "abc", "1,5", "12,34", "1e", "--1", "5%%",
     "10²", "½", "1_000", "0x10", "TRUE", "1.2.3", "%", "¥", "()", "１，２", "‰5", "٣", "1d5"]
)  # fmt: skip
floats = st.floats(allow_nan=True, allow_infinity=True).map(text_of)
small = st.floats(min_value=-2, max_value=20).map(text_of)
digits = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=9).map(str)
ties = st.builds(
    lambda whole, places: format((Decimal(whole) + Decimal("0.5")).scaleb(-places), "f"),
    st.integers(-(10**7), 10**17),
    st.sampled_from([2, 4, 6, 8]),
)
near_one = st.sampled_from(
    ["1", "-1", "1.0", "+1", "1.0000000000000002", "1.0000000000000000001",
     "0.99999999999999999999", "-1.0000000000000000001",
     "1.0000000000000000000000000000000000001", "0", "-0", "0.0000004",
     "0.0000005", "1E0", "10", "10.0000005"]
)  # fmt: skip
huge = st.sampled_from(
    ["9" * 35, "9" * 36, "9" * 38, "1e35", "1e36", "1e400", "1e-400", "9e15", "1" * 50]
)
grouped = st.integers(-(10**9), 10**12).map(lambda n: f"{n:,}") | st.floats(0, 1e9).map(
    lambda x: f"{x:,.3f}"
)
numerals = small | floats | digits | ties | near_one | huge | grouped


@st.composite
def dressed(draw: st.DrawFn) -> str | None:
    """A number as people write it: signs, currency, percent, brackets, blanks, full width."""
    text = draw(numerals)
    before = draw(
        st.sampled_from(["", "", "", "¥", "￥", "$", "-", "+", "−", "(", "-¥", "¥-", "$("])
    )
    after = draw(st.sampled_from(["", "", "", "%", " %", "％", "元", ")", "%)", ")%", "元)"]))
    blank = draw(st.sampled_from(["", "", " ", "\u3000", "\n"]))
    text = f"{blank}{before}{blank}{text}{after}{blank}"
    if draw(st.booleans()):
        text = "".join(chr(ord(ch) + 0xFEE0) if "!" <= ch <= "~" else ch for ch in text)
    return text


measures = st.one_of(numerals, dressed(), placeholders, junk, st.text(max_size=6))
years = st.one_of(
    st.sampled_from(
        [
            "2024",
            "２０２４",
            "2024年",
            "2024.0",
            "2024-11-30",
            "2026",
            "1999",
            "2031",
            "24",
            "合计",
            "合 计",
        ]
    ),
    placeholders,
    junk,
)
months = st.one_of(
    st.integers(0, 13).map(str), st.sampled_from(["11月", " 3 ", "０４", "12"]), placeholders, junk
)
periods = st.one_of(
    st.sampled_from(
        ["2024年11月", "2024-11", "202411", "2024-11-30", "45597", "45597.5", "2024.1", "2024.11",
         "2024/1", "２０２４年１月", "2024 年 1 月", "202413", "1999-01", "2024-11-01 07:30:00",
         "20241130", "2026-04", "2026-03", "99999", "2024年"]
    ),
    placeholders,
    junk,
)  # fmt: skip
codes = st.one_of(
    st.sampled_from(
        ["000123", "1E5", "p-001", "P_001", "P 001", "Ａ１", "a.b", "ⅷ", "ß", "NULL", "--", "合计",
         "小计：", "P001", "x" * 20, "x" * 21, "y" * 50, "y" * 51, "1.5", "计划"]
    ),
    placeholders,
    st.text(max_size=5),
    floats,
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, str | None]]:
    """Rows of one file, all with the same headings."""
    cells: dict[str, st.SearchStrategy[Any]] = dict(
        zip(HEADINGS, (years, months, codes, codes, measures, measures, measures), strict=True)
    )
    if draw(st.booleans()):
        cells["report_period"] = periods
        if draw(st.booleans()):
            del cells["年"], cells["月"]
    # Keys that are mostly good, or hardly a row would come to its measures.
    mostly = draw(st.booleans())
    if mostly:
        good = {"年": "2024", "月": "11", "report_period": "2024-11", "公司代码": "C1"}
        cells |= {name: st.just(text) for name, text in good.items() if name in cells}
        cells["计划代码"] = st.integers(0, 9).map(lambda n: f"P{n}")
    if draw(st.booleans()):
        cells = {"备注": st.sampled_from([None, "总计", " 合计: ", "合计之外", "x"]), **cells}
    rows = draw(st.lists(st.fixed_dictionaries(cells), max_size=8))
    return [{name: row[name] for name in cells} for row in rows]


def told(outcome: Outcome) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]], bool]:
    """An outcome in the twin's terms."""
    records = []
    for record in outcome:
        fields = record.model_dump(exclude={"data_source", "processed_at"})
        fields["validation_warnings"] = list(record.validation_warnings)
        records.append(fields)
    refusals = [(r.row_number, r.column, r.value, r.reason.value) for r in outcome.refused]
    return records, refusals, outcome.ambiguous_percent


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
@example([dict.fromkeys(HEADINGS)])
def test_mappings_give_what_the_row_by_row_twin_gives(rows: list[dict[str, str | None]]) -> None:
    outcome = process(rows, "f", today=TODAY, processed_at=NOW)
    expected = row_by_row.process(list(enumerate(rows, start=1)), today=TODAY)
    assert told(outcome) == expected
    assert outcome.rows_in == len(outcome) + len(outcome.refused)
    # Decimals compare by value; the places must be those of the record too.
    for record, twin in zip(told(outcome)[0], expected[0], strict=True):
        assert {name: str(value) for name, value in record.items()} == {
            name: str(value) for name, value in twin.items()
        }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(), st.integers(2, 90))
def test_a_frame_gives_what_the_row_by_row_twin_gives(
    rows: list[dict[str, str | None]], first_row: int
) -> None:
    if not rows:
        return
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))
    numbered = frame.with_row_index("row_number", offset=first_row)
    outcome = process(numbered, "f", today=TODAY, processed_at=NOW)
    expected = row_by_row.process(list(enumerate(rows, start=first_row)), today=TODAY)
    assert told(outcome) == expected


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_refused_rows_are_refused_alike_when_they_are_replayed(
    rows: list[dict[str, str | None]],
) -> None:
    """Quarantine keeps the texts of a row; each of them alone says again why it was refused."""
    first = process(rows, "f", today=TODAY, processed_at=NOW)
    for refused in first.refused:
        again = process([refused.row], "f", today=TODAY, processed_at=NOW)
        if refused.reason == "duplicate_key":
            continue
        assert [(r.column, r.value, r.reason) for r in again.refused] == [
            (refused.column, refused.value, refused.reason)
        ]
