"""The rules of product.md once more, row by row and cell by cell, to hold the real one against.

Written from the rules, not from the vectorised code: Decimal and `re` only, no float arithmetic.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal

PLACES = {"收益率": 6, "净值": 4, "规模": 2}
MEASURES = {"收益率": "return_rate", "净值": "net_asset_value", "规模": "fund_scale"}
EXACT = Context(prec=2_000, rounding=ROUND_HALF_UP)
SPACE = "[\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"

Row = Mapping[str, str | None]


@dataclass
class Read:
    """One row on its way: what was understood, and its first fault."""

    number: int
    cells: Row
    record: dict[str, object] = field(default_factory=dict)
    fault: tuple[str, str] | None = None  # column, reason
    bare_side: str | None = None
    bare: bool = False

    def refuse(self, column: str, reason: str) -> None:
        self.fault = self.fault or (column, reason)


def normal(text: str | None) -> str:
    text = unicodedata.normalize("NFKC", text or "").lower()
    return re.sub(f"^{SPACE}+|{SPACE}+$", "", text)


def is_placeholder(text: str | None) -> bool:
    return normal(text) in ("", "-", "n/a", "无", "暂无", "null")


def process(
    rows: Sequence[tuple[int, Row]], *, today: date
) -> tuple[list[dict], list[tuple], bool]:
    """Records (field -> value, without source and time), refusals, and whether percent is unclear.

    A refusal is (row number, column, value, reason).
    """
    read = [
        Read(number, cells)
        for number, cells in rows
        if any(re.search(rf"[^{SPACE[1:]}", text or "") for text in cells.values())
    ]
    for row in read:
        total(row)
        month(row, today)
        code(row, "计划代码", "plan_code", 50)
        code(row, "公司代码", "company_code", 20)
        for heading in MEASURES:
            measure(row, heading)
    told = [row for row in read if not is_total(row)]
    sides = {row.bare_side for row in told}
    ambiguous = {"low", "high"} <= sides
    for row in read:
        warnings = row.record.setdefault("validation_warnings", [])
        if ambiguous and row.bare:
            warnings.append(
                "return_rate: bare numbers on both sides of 1 in this file, percent or not"
            )
    keys = Counter(key(row) for row in told if key(row))
    for row in told:
        if key(row) and keys[key(row)] > 1:
            row.refuse("计划代码", "duplicate_key")
    records = [row.record for row in read if row.fault is None]
    refusals = [
        (row.number, row.fault[0], row.cells.get(row.fault[0]), row.fault[1])
        for row in read
        if row.fault
    ]
    return records, refusals, ambiguous


def is_total(row: Read) -> bool:
    return row.fault is not None and row.fault[1] == "totals_row"


def key(row: Read) -> tuple[object, ...] | None:
    parts = tuple(row.record.get(name) for name in ("report_date", "plan_code", "company_code"))
    return None if None in parts else parts


def total(row: Read) -> None:
    for heading in ("年", "月", "report_period", "计划代码", "公司代码"):
        if re.search(f"[合总小]{SPACE}*计", row.cells.get(heading) or ""):
            row.refuse(heading, "totals_row")
    for heading, text in row.cells.items():
        if re.search(rf"[^{SPACE[1:]}", text or ""):
            if re.fullmatch(f"{SPACE}*[合总小]{SPACE}*计{SPACE}*[:：]?{SPACE}*", text or ""):
                row.refuse(heading, "totals_row")
            break


def month(row: Read, today: date) -> None:
    parts: dict[str, tuple[int, ...] | None] = {}
    for heading, unit in (("年", "年"), ("月", "月"), ("report_period", "")):
        text = row.cells.get(heading)
        parts[heading] = None
        if is_placeholder(text):
            continue
        parts[heading] = period(normal(text)) if not unit else whole(normal(text), unit)
        if parts[heading] is None:
            row.refuse(heading, "not_a_month")
            return
    told = parts["report_period"]
    year = parts["年"][0] if parts["年"] else told[0] if told else None
    the_month = parts["月"][0] if parts["月"] else told[1] if told else None
    for heading, value in (("年", year), ("月", the_month)):
        if value is None:
            row.refuse(heading if heading in row.cells else "report_period", "key_missing")
            return
    assert year is not None
    assert the_month is not None
    if told and told != (year, the_month):
        row.refuse("report_period", "months_disagree")
        return
    for heading in ("年", "月", "report_period"):
        ranges = {"年": [(2000, 2030)], "月": [(1, 12)]}.get(heading, [(2000, 2030), (1, 12)])
        for value, (low, high) in zip(parts[heading] or (), ranges, strict=False):
            if not low <= value <= high:
                row.refuse(heading, "month_out_of_range")
                return
    if (year, the_month) > (today.year, today.month):
        row.refuse("月" if "月" in row.cells else "report_period", "month_in_future")
        return
    row.record["report_date"] = date(year, the_month, 1)


def whole(text: str, unit: str) -> tuple[int] | None:
    text = re.sub(r"\s", "", text)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return (int(text[:4]) if unit == "年" else int(text[5:7]),)
    found = re.fullmatch(rf"([0-9]{{1,6}})(\.0+)?{unit}?", text)
    return (int(found[1]),) if found else None


def period(text: str) -> tuple[int, int] | None:
    text = re.sub(r"\s*([年月日./-])\s*", r"\1", text)
    day = re.fullmatch(r"(.*?)[t ]?[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?", text)
    candidates = [text] if day is None else [text, day[1]]
    for candidate in candidates:
        for pattern in (
            r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2}日)?",
            r"([0-9]{4})-([0-9]{1,2})(-[0-9]{1,2})?",
            r"([0-9]{4})/([0-9]{1,2})(/[0-9]{1,2})?",
            r"([0-9]{4})\.([0-9]{2})(\.[0-9]{1,2})?",
            r"([0-9]{4})([0-9]{2})([0-9]{2})?",
        ):
            if found := re.fullmatch(pattern, candidate):
                return int(found[1]), int(found[2])
    if re.fullmatch(r"[0-9]{5}(\.[0-9]+)?", text):
        then = date(1899, 12, 30) + timedelta(days=int(text[:5]))
        if 2000 <= then.year <= 2030:
            return then.year, then.month
    return None


def code(row: Read, heading: str, name: str, longest: int) -> None:
    text = row.cells.get(heading)
    if is_placeholder(text):
        row.refuse(heading, "key_missing")
        return
    cleaned = unicodedata.normalize("NFKC", text or "").upper()
    cleaned = re.sub(f"[-_]|{SPACE}", "", cleaned)
    if not re.fullmatch(r"[A-Z0-9.]+", cleaned):
        row.refuse(heading, "code_invalid")
    elif len(cleaned) > longest:
        row.refuse(heading, "code_too_long")
    else:
        row.record[name] = cleaned


def measure(row: Read, heading: str) -> None:
    name, text = MEASURES[heading], row.cells.get(heading)
    row.record[name] = None
    row.record.setdefault("has_performance_data", False)
    if is_placeholder(text):
        return
    found = number(text or "", rate=heading == "收益率")
    if found is None:
        row.refuse(heading, "not_a_number")
        return
    value, percent, shown = found
    if heading == "收益率":
        row.bare = not percent
        if row.bare and value.copy_abs() > 1:
            row.bare_side, percent = "high", True
            row.record["validation_warnings"] = [f"return_rate: {shown} was read as {shown} %"]
        if percent:
            value = value.scaleb(-2, EXACT)
    unit = Decimal(1).scaleb(-PLACES[heading])
    if value.adjusted() + PLACES[heading] >= 38:
        row.refuse(heading, "out_of_range")
        return
    value = value.quantize(unit, context=EXACT)
    if row.bare and not percent and value != 0 and heading == "收益率":
        row.bare_side = "low"
    good = {
        "收益率": Decimal(-1) <= value <= Decimal(10),
        "净值": value > 0,
        "规模": value >= 0,
    }[heading]
    if not good:
        row.refuse(heading, "out_of_range")
        return
    row.record[name] = abs(value) if value == 0 else value
    row.record["has_performance_data"] = True


def number(text: str, *, rate: bool) -> tuple[Decimal, bool, str] | None:
    """Value, whether a percent sign stood there, and the digits; peeled from outside in."""
    if not all(
        ch in "¥￥−元" or ch.isspace() or " " <= ch <= "~" or "！" <= ch <= "～" for ch in text
    ):
        return None
    text = normal(text).replace("−", "-")
    text = re.sub(r"\s*([¥$元%()+-])\s*", r"\1", text)
    currencies = len(re.findall("[¥$元]", text))
    if currencies > (0 if rate else 1):
        return None
    percent = minus = False
    if text.endswith("%") and text.startswith(("(", "¥(", "$(")) and text[:-1].endswith(")"):
        percent, text = True, text[:-1]
    text = re.sub(r"^[¥$](?=\()", "", text)
    bracketed = re.fullmatch(r"\((.*)\)", text)
    if bracketed:
        minus, text = True, bracketed[1]
    signed = re.fullmatch(r"(?:([+-])[¥$]?|[¥$]?([+-]))(.*)", text)
    if signed:
        if bracketed:
            return None
        minus, text = "-" in (signed[1], signed[2]), signed[3]
    text = re.sub(r"^[¥$]", "", text)
    if text.endswith("%") and not percent:
        percent, text = True, text[:-1]
    text = re.sub("元$", "", text)
    if percent and not rate:
        return None
    if re.match(r"\d{1,3}([, ])\d{3}(\1\d{3})*(?![\d, ])", text):
        text = re.sub("[, ]", "", text)
    if not re.fullmatch(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]{1,3})?", text):
        return None
    shown = ("-" if minus else "") + text
    return Decimal(shown), percent, shown
