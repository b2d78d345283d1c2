"""Which column means what: Chinese and English headings, and what must be there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ..errors import DoubledColumn, MissingColumns

YEAR, MONTH, PERIOD = "year", "month", "report_period"
PLAN, COMPANY = "plan_code", "company_code"
RETURN, ASSET_VALUE, SCALE = "return_rate", "net_asset_value", "fund_scale"

CHINESE = {
    YEAR: "年",
    MONTH: "月",
    PLAN: "计划代码",
    COMPANY: "公司代码",
    RETURN: "收益率",
    ASSET_VALUE: "净值",
    SCALE: "规模",
}
MEANINGS = {name: name for name in (*CHINESE, PERIOD)} | {
    heading: name for name, heading in CHINESE.items()
}
KEYS = (YEAR, MONTH, PERIOD, PLAN, COMPANY)
_REPEATED = re.compile(r"#\d+$")


def meaning(heading: str) -> str | None:
    """The column that this heading names; None for one that the pipeline does not read.

    Width, case and white space do not count, and neither does the "#2" that the reader puts to a
    heading it meets again.
    """
    plain = "".join(unicodedata.normalize("NFKC", heading).casefold().split())
    return MEANINGS.get(_REPEATED.sub("", plain))


def columns_by_meaning(headings: Sequence[str]) -> dict[str, str]:
    """Meaning -> heading. Raises DoubledColumn when two headings mean the same."""
    found: dict[str, str] = {}
    for heading in headings:
        name = meaning(heading)
        if name is None:
            continue
        if name in found:
            raise DoubledColumn(CHINESE.get(name, name), (found[name], heading))
        found[name] = heading
    return found


def check_required(
    columns: dict[str, str], required: Sequence[str] | None, headings: Sequence[str]
) -> None:
    """Raise MissingColumns unless the keys and everything in `required` are there.

    `required` holds headings, Chinese or English. `report_period` stands for 年 and 月, and they
    for it.
    """
    wanted = [YEAR, MONTH, PLAN, COMPANY, *(meaning(name) or name for name in required or ())]
    dated = PERIOD in columns or {YEAR, MONTH} <= set(columns)
    there = {*columns, *headings, *((YEAR, MONTH, PERIOD, "report_date") if dated else ())}
    missing = [CHINESE.get(name, name) for name in dict.fromkeys(wanted) if name not in there]
    if missing:
        raise MissingColumns(missing, headings)
