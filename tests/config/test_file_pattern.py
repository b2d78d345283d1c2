"""From a file's name to its month: never a number cut out of a longer one."""

from __future__ import annotations

import re
import unicodedata
from itertools import combinations_with_replacement
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from work_data_hub.config.data_sources import load_data_sources
from work_data_hub.config.file_pattern import FilePattern
from work_data_hub.config.settings import SHIPPED_DATA_SOURCES

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
MONTH_SHORT_FIRST = "0?[1-9]|1[0-2]"
MONTH_LONG_FIRST = "1[0-2]|0?[1-9]"


def pattern_with(month: str, *, between: str = "[-_]?", after: str = ".*受托") -> FilePattern:
    return FilePattern(rf"(?P<year>20\d{{2}}){between}(?P<month>{month}){after}")


@pytest.fixture
def shipped() -> FilePattern:
    return load_data_sources(SHIPPED_DATA_SOURCES).domain("trustee_performance").file_pattern


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("2024_11_受托业绩报告.xlsx", (2024, 11)),
        ("2024-12-受托业绩数据.xlsx", (2024, 12)),
        ("202411受托业绩.xlsx", (2024, 11)),
        ("2024_1_受托业绩报告.xlsx", (2024, 1)),
        ("2024_01_受托业绩报告.xlsx", (2024, 1)),
        ("2024年9月受托业绩.xlsx", (2024, 9)),
        ("受托业绩报告2024年10月.xlsx", (2024, 10)),
        ("受托业绩_2024.11_V2.xlsx", (2024, 11)),
        ("２０２４年１１月受托业绩.xlsx", (2024, 11)),
        ("20241受托业绩.xlsx", (2024, 1)),
    ],
)
def test_the_shipped_pattern_reads_the_names_that_people_give(
    shipped: FilePattern, name: str, month: tuple[int, int]
) -> None:
    assert shipped.month_of(name) == month


@pytest.mark.parametrize(
    "name",
    [
        "2024_11_投资组合.xlsx",
        "受托业绩报告.xlsx",
        "2024_13_受托业绩报告.xlsx",
        "2024_00_受托业绩报告.xlsx",
        "20241105_受托业绩报告.xlsx",
        "2024_110_受托业绩报告.xlsx",
        "2024_1105受托业绩报告.xlsx",
        "12024_11_受托业绩报告.xlsx",
        "2024110受托业绩.xlsx",
    ],
)
def test_the_shipped_pattern_takes_no_other_name(shipped: FilePattern, name: str) -> None:
    assert shipped.month_of(name) is None


@pytest.mark.parametrize("month", [MONTH_SHORT_FIRST, MONTH_LONG_FIRST, r"\d{1,2}", r"\d+?"])
@pytest.mark.parametrize("between", ["[-_]?", "[-_]", ".*?", ".*", r"\D*"])
@pytest.mark.parametrize("after", ["", ".*受托", ".*", ".*?$"])
def test_november_is_november_whichever_way_round_the_pattern_is_written(
    month: str, between: str, after: str
) -> None:
    pattern = pattern_with(month, between=between, after=after)
    assert pattern.month_of("2024_11_受托业绩.xlsx") == (2024, 11)


@pytest.mark.parametrize("month", [MONTH_SHORT_FIRST, MONTH_LONG_FIRST, r"\d{1,2}"])
def test_year_and_month_may_be_one_run_of_digits(month: str) -> None:
    assert pattern_with(month).month_of("202411受托业绩.xlsx") == (2024, 11)
    assert pattern_with(month).month_of("20241受托业绩.xlsx") == (2024, 1)


@pytest.mark.parametrize("month", [MONTH_SHORT_FIRST, MONTH_LONG_FIRST, r"\d{1,2}", r"\d{2}"])
@pytest.mark.parametrize("run", ["20241105", "2024115", "2024_112", "2024_1105", "120241"])
def test_a_longer_run_of_digits_gives_no_month(month: str, run: str) -> None:
    assert pattern_with(month).month_of(f"{run}受托业绩.xlsx") is None


def test_a_year_that_goes_on_is_no_year() -> None:
    pattern = pattern_with(MONTH_SHORT_FIRST, between=r".*?")
    assert pattern.month_of("2024555_11_受托业绩.xlsx") is None


def test_where_the_first_match_is_cut_out_of_a_number_a_later_one_counts() -> None:
    pattern = pattern_with(MONTH_SHORT_FIRST, between=".*?")
    assert pattern.month_of("20230415修订_2024-11_受托业绩.xlsx") == (2024, 11)
    assert pattern.month_of("2024-A123-11_受托业绩.xlsx") == (2024, 11)


def test_where_the_first_match_is_no_month_a_later_one_counts() -> None:
    pattern = FilePattern(r"(?P<year>\d{4})_(?P<month>\d{2})")
    assert pattern.month_of("2024_99_受托业绩_2024_11.xlsx") == (2024, 11)
    pattern = FilePattern(r"(?P<year>\d{4}).*?(?P<month>\d{2})")
    assert pattern.month_of("2024_99_11_受托业绩.xlsx") == (2024, 11)
    pattern = FilePattern(r"(?P<month>\d{2})_(?P<year>\d{4})")
    assert pattern.month_of("99_2024_受托业绩_11_2024.xlsx") == (2024, 11)


def test_the_month_may_stand_before_the_year() -> None:
    pattern = FilePattern(r"(?P<month>0?[1-9]|1[0-2])[-_]?(?P<year>20\d{2})")
    assert pattern.month_of("11_2024受托业绩.xlsx") == (2024, 11)
    assert pattern.month_of("112024受托业绩.xlsx") == (2024, 11)
    assert pattern.month_of("5112024受托业绩.xlsx") is None


def test_a_day_is_part_of_the_date_where_the_pattern_names_it() -> None:
    pattern = FilePattern(r"(?P<year>20\d{2})(?P<month>\d{2})(?P<day>\d{2})")
    assert pattern.month_of("20241105受托业绩.xlsx") == (2024, 11)
    assert pattern.month_of("202411051受托业绩.xlsx") is None


def test_a_year_of_two_digits_is_of_this_century() -> None:
    pattern = FilePattern(r"(?P<year>\d{2})年(?P<month>\d{1,2})月")
    assert pattern.month_of("24年3月受托业绩.xlsx") == (2024, 3)


def test_brackets_comments_and_classes_in_the_pattern_confuse_nothing() -> None:
    pattern = FilePattern(
        r"""(?xi)  # a comment with (?P<year> in it
        [(\]]?(?#(?P<month>)  \( (?P<year> 20\d{2} ) \)  # the year)
        [)(_ ]* (?P<month> 0?[1-9] | 1[0-2] ) \D+ v(?P<revision>\d)"""
    )
    assert pattern.month_of("(2024) 11 受托业绩 V3.xlsx") == (2024, 11)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (r"(?P<year>\d{4}", "is not a regular expression"),
        (r"(?P<month>\d{2})", r"no group \(\?P<year>"),
        (r"(?P<year>\d{4})", r"no group \(\?P<month>"),
        (r"(\d)\1(?P<year>\d{4})(?P<month>\d{2})", r"by number \(\\1\)"),
        (r"(_)?(?P<year>\d{4})(?(1)_|-)(?P<month>\d{2})", "by number"),
        (r"(?P<year>20(?P<month>\d{2}))", "side by side"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(source: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        FilePattern(source)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("pattern_form", ["NFC", "NFD"])
def test_the_unicode_form_of_a_name_does_not_matter(form: Form, pattern_form: Form) -> None:
    source = rf"(?P<year>20\d{{2}})_(?P<month>{MONTH_SHORT_FIRST})_受托業績ガイド（é）"
    # Kana and é have decompositions; a full-width bracket turns into a plain one under NFK*.
    pattern = FilePattern(unicodedata.normalize(pattern_form, source))
    plain = FilePattern(unicodedata.normalize(pattern_form, source.replace("（é）", r"[（(]é")))
    name = unicodedata.normalize(form, "2024_11_受托業績ガイド（é）.xlsx")
    assert plain.month_of(name) == (2024, 11)
    assert (pattern.month_of(name) == (2024, 11)) is (form in ("NFC", "NFD"))


# --- the twin: every way to cut a name up, tried one by one -------------------------------------

YEARS = (r"\d{4}", r"20\d{2}")
MONTHS = (MONTH_SHORT_FIRST, MONTH_LONG_FIRST, r"\d{1,2}", r"\d{2}")
BETWEENS = ("[-_]?", "", ".*?", ".*", r"\D*", "年?")
AFTERS = ("", ".*月", "月?$", ".*$", r"\D")


def months_by_trying_all(
    name: str, *, year: str, between: str, month: str, after: str
) -> set[tuple[int, int]]:
    """Every (year, month) that a match at digit boundaries can give."""
    found = set()
    for i, j, k, m in combinations_with_replacement(range(len(name) + 1), 4):
        parts = ((year, name[i:j]), (between, name[j:k]), (f"(?:{month})", name[k:m]))
        whole = all(re.fullmatch(source, part) for source, part in parts)
        if not whole or not re.compile(after).match(name, m):
            continue
        inside = j == k or (not _in_run(name, j) and not _in_run(name, k))
        if not _in_run(name, i) and not _in_run(name, m) and inside:
            found.add((int(name[i:j]), int(name[k:m])))
    return {date for date in found if 1 <= date[1] <= 12}


def _in_run(name: str, position: int) -> bool:
    """Whether there is a digit on both sides."""
    return (
        name[max(position - 1, 0) : position].isdigit() and name[position : position + 1].isdigit()
    )


@settings(max_examples=300, deadline=None)
@given(
    name=st.lists(
        st.sampled_from(["2024", "20", "1", "11", "0", "99", "_", "-", "月", "年"]), max_size=5
    ).map("".join),
    year=st.sampled_from(YEARS),
    between=st.sampled_from(BETWEENS),
    month=st.sampled_from(MONTHS),
    after=st.sampled_from(AFTERS),
)
def test_it_finds_a_month_exactly_where_some_way_to_match_keeps_numbers_whole(
    name: str, year: str, between: str, month: str, after: str
) -> None:
    possible = months_by_trying_all(name, year=year, between=between, month=month, after=after)
    pattern = FilePattern(rf"(?P<year>{year}){between}(?P<month>{month}){after}")
    found = pattern.month_of(name)
    assert found in possible if possible else found is None
