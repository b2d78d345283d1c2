"""The conventional way: pandas with openpyxl, `to_dict("records")`, pydantic models row by row.

Then executemany (SQLite) or psycopg2's execute_values (PostgreSQL).
It keeps the product's rules for records; it keeps no ledger, no quarantine and no checksum.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections import Counter
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from math import isnan
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PLACEHOLDERS = {"", "-", "n/a", "无", "暂无", "null"}
TOTALS = ("合计", "总计", "小计")


class RawRow(BaseModel):
    """A row as it lies in the sheet: every cell as plain text, None for a placeholder."""

    model_config = ConfigDict(populate_by_name=True)

    year: str | None = Field(alias="年")
    month: str | None = Field(alias="月")
    plan_code: str | None = Field(alias="计划代码")
    company_code: str | None = Field(alias="公司代码")
    return_rate: str | None = Field(alias="收益率")
    net_asset_value: str | None = Field(alias="净值")
    fund_scale: str | None = Field(alias="规模")

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> str | None:
        if value is None or (isinstance(value, float) and isnan(value)):  # pandas: an empty cell
            return None
        text = unicodedata.normalize("NFKC", str(value)).strip()
        return None if text.lower() in PLACEHOLDERS else text

    @property
    def is_total(self) -> bool:
        return any(word in (self.plan_code or self.year or "") for word in TOTALS)


class Record(BaseModel):
    """A row as it is loaded."""

    report_date: date
    plan_code: str = Field(max_length=50, pattern=r"^[A-Z0-9.]+$")
    company_code: str = Field(max_length=20, pattern=r"^[A-Z0-9.]+$")
    return_rate: Decimal | None = Field(ge=-1, le=10)
    net_asset_value: Decimal | None = Field(gt=0)
    fund_scale: Decimal | None = Field(ge=0)
    data_source: str
    processed_at: str
    has_performance_data: bool = False
    validation_warnings: list[str] = []
    bare_return: Decimal | None = Field(default=None, exclude=True)

    @field_validator("report_date")
    @classmethod
    def _known_month(cls, value: date) -> date:
        if not date(2000, 1, 1) <= value <= datetime.now(UTC).date():
            raise ValueError("not a month of the past")
        return value

    @field_validator("plan_code", "company_code", mode="before")
    @classmethod
    def _plain_code(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return value.upper().replace("-", "").replace("_", "").replace(" ", "")

    @model_validator(mode="before")
    @classmethod
    def _return(cls, values: dict[str, Any]) -> dict[str, Any]:
        text = values["return_rate"]
        number = _number(text)
        if number is None:
            return values
        warnings = []
        if text.endswith("%"):
            number /= 100
        else:
            values["bare_return"] = number
            if abs(number) > 1:
                warnings.append(f"return_rate: {text} was read as {text} %")
                number /= 100
        rounded = number.quantize(Decimal("0.000001"), ROUND_HALF_UP)
        return values | {"return_rate": rounded, "validation_warnings": warnings}

    @field_validator("net_asset_value", mode="before")
    @classmethod
    def _value(cls, value: str | None) -> Decimal | None:
        number = _number(value)
        return None if number is None else number.quantize(Decimal("0.0001"), ROUND_HALF_UP)

    @field_validator("fund_scale", mode="before")
    @classmethod
    def _scale(cls, value: str | None) -> Decimal | None:
        number = _number(value)
        return None if number is None else number.quantize(Decimal("0.01"), ROUND_HALF_UP)

    @model_validator(mode="after")
    def _has_any(self) -> Self:
        measures = (self.return_rate, self.net_asset_value, self.fund_scale)
        self.has_performance_data = any(value is not None for value in measures)
        return self


def _number(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text.replace(",", "").lstrip("¥$").rstrip("%"))
    except InvalidOperation:
        raise ValueError("not a number") from None


def conventional_load(workbook: Path, url: str, table: str) -> None:
    """Delete the rows that have the workbook's keys and insert its own, in one transaction."""
    records = _records(workbook)
    if url.startswith("sqlite"):
        _into_sqlite(records, url.removeprefix("sqlite:///"), table)
    else:
        _into_postgres(records, url, table)


def _records(workbook: Path) -> list[tuple[Any, ...]]:
    import pandas as pd

    frame = pd.read_excel(workbook, engine="openpyxl", dtype={"计划代码": str, "公司代码": str})
    now = datetime.now(UTC).isoformat()
    records, refused = [], []
    for number, cells in enumerate(frame.to_dict("records")):
        raw = RawRow.model_validate(cells)
        if raw.is_total:
            refused.append((number, "totals_row", cells))
            continue
        try:
            record = Record.model_validate(
                {
                    **raw.model_dump(exclude={"year", "month"}),
                    "report_date": date(int(raw.year or 0), int(raw.month or 0), 1),
                    "data_source": workbook.name,
                    "processed_at": now,
                }
            )
        except ValueError as err:  # a ValidationError is one
            refused.append((number, str(err), cells))
            continue
        records.append(record)
    keys = Counter((r.report_date, r.plan_code, r.company_code) for r in records)
    sides = {abs(r.bare_return) > 1 for r in records if r.bare_return}
    rows = []
    for record in records:
        if keys[record.report_date, record.plan_code, record.company_code] > 1:
            refused.append((0, "duplicate_key", record.model_dump()))
            continue
        if len(sides) > 1 and record.bare_return is not None:
            record.validation_warnings.append("return_rate: percent or not")
        values = record.model_dump()
        values["validation_warnings"] = "; ".join(record.validation_warnings)
        rows.append(tuple(values.values()))
    return rows


def _into_sqlite(records: list[tuple[Any, ...]], database: str, table: str) -> None:
    rows = [
        (r[0].isoformat(), *r[1:3], *(None if v is None else float(v) for v in r[3:6]), *r[6:])
        for r in records
    ]
    connection = sqlite3.connect(database)
    with connection:
        connection.executemany(
            f"DELETE FROM {table} WHERE report_date = ? AND plan_code = ? AND company_code = ?",
            [row[:3] for row in rows],
        )
        marks = ",".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    connection.close()


def _into_postgres(records: list[tuple[Any, ...]], url: str, table: str) -> None:
    import psycopg2
    from psycopg2.extras import execute_values

    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            f"DELETE FROM {table} AS t USING (VALUES %s) AS k (a, b, c)"
            " WHERE t.report_date = k.a AND t.plan_code = k.b AND t.company_code = k.c",
            [record[:3] for record in records],
        )
        execute_values(cursor, f"INSERT INTO {table} VALUES %s", records)
    connection.close()
