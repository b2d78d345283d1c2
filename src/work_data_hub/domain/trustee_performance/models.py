"""The record that is loaded, the row that is refused, and the closed set of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

PRIMARY_KEY = ("report_date", "plan_code", "company_code")
RECORD_COLUMNS = (
    *PRIMARY_KEY,
    "return_rate",
    "net_asset_value",
    "fund_scale",
    "data_source",
    "processed_at",
    "has_performance_data",
    "validation_warnings",
)

# What people put where there is no value; after NFKC, in lower case, without white space around.
PLACEHOLDERS = frozenset({"", "-", "n/a", "无", "暂无", "null"})
FIRST_YEAR, LAST_YEAR = 2000, 2030
PLAN_CODE_CHARS, COMPANY_CODE_CHARS = 50, 20
RETURN_PLACES, ASSET_VALUE_PLACES, SCALE_PLACES = 6, 4, 2
LOWEST_RETURN, HIGHEST_RETURN = -1, 10
# What a Decimal(38, places) of polars and a NUMERIC(38, places) of PostgreSQL can hold.
MAX_DIGITS = 38

_CODE = r"^[A-Z0-9.]+$"


class RefusalReason(StrEnum):
    """Why a row was not loaded; also what is kept in quarantine, so a value is never renamed."""

    TOTALS_ROW = "totals_row"  # 合计: known not to be a record, so it is no sign of a bad file
    KEY_MISSING = "key_missing"  # month, plan code or company code is empty or a placeholder
    NOT_A_MONTH = "not_a_month"  # year, month or report_period cannot be read
    MONTH_OUT_OF_RANGE = "month_out_of_range"  # month 13, or a year outside 2000 to 2030
    MONTH_IN_FUTURE = "month_in_future"  # later than this month in Asia/Shanghai
    MONTHS_DISAGREE = "months_disagree"  # report_period says another month than 年 and 月
    CODE_INVALID = "code_invalid"  # something other than letters A-Z, digits and dots
    CODE_TOO_LONG = "code_too_long"
    NOT_A_NUMBER = "not_a_number"  # text, #N/A, NaN, inf
    OUT_OF_RANGE = "out_of_range"
    DUPLICATE_KEY = "duplicate_key"  # the key stands more than once in this file
    KEY_EXISTS = "key_exists"  # the loader's: `append` met a key that the table has


class TrusteePerformance(BaseModel):
    """One plan's figures for one month, as loaded. Values are rounded half up before they come."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    report_date: date
    plan_code: Annotated[str, Field(max_length=PLAN_CODE_CHARS, pattern=_CODE)]
    company_code: Annotated[str, Field(max_length=COMPANY_CODE_CHARS, pattern=_CODE)]
    return_rate: Annotated[
        Decimal | None,
        Field(ge=LOWEST_RETURN, le=HIGHEST_RETURN, decimal_places=RETURN_PLACES),
    ]
    net_asset_value: Annotated[Decimal | None, Field(gt=0, decimal_places=ASSET_VALUE_PLACES)]
    fund_scale: Annotated[Decimal | None, Field(ge=0, decimal_places=SCALE_PLACES)]
    data_source: str
    processed_at: datetime
    has_performance_data: bool
    validation_warnings: tuple[str, ...] = ()

    @field_validator("report_date")
    @classmethod
    def _first_of_a_known_month(cls, value: date) -> date:
        if value.day != 1 or not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise ValueError(f"the first of a month of {FIRST_YEAR} to {LAST_YEAR}")
        return value


@dataclass(frozen=True)
class RefusedRow:
    """A row that was not loaded, with all that is needed to mend and replay it.

    row_number: as Excel numbers it, from 1. column: the heading of the offending cell.
    value: its text, None for an empty cell. row: every cell of the row, heading -> text.
    """

    row_number: int
    column: str
    value: str | None
    reason: RefusalReason
    row: Mapping[str, str | None]
