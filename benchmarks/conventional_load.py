"""The conventional way: pandas with openpyxl, a pydantic model for each row, rows by executemany
(SQLite) or psycopg2's execute_values (PostgreSQL)."""

from __future__ import annotations

import sqlite3
import unicodedata
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, field_validator, model_validator

PLACEHOLDERS = {"", "-", "N/A", "无", "暂无", "null"}
PAGE_ROWS = 1_000


class Record(BaseModel):
    """One row, checked and cleaned field by field, by the rules of the product."""

    report_date: date
    plan_code: str = Field(max_length=50, pattern=r"^[A-Z0-9.]+$")
    company_code: str = Field(max_length=20, pattern=r"^[A-Z0-9.]+$")
    return_rate: Decimal | None = Field(ge=-1, le=10)
    net_asset_value: Decimal | None = Field(gt=0)
    fund_scale: Decimal | None = Field(ge=0)
    data_source: str
    processed_at: str
    has_performance_data: bool = False
    validation_warnings: str = ""

    @field_validator("report_date")
    @classmethod
    def _known_month(cls, value: date) -> date:
        if not date(2000, 1, 1) <= value <= datetime.now(UTC).date():
            raise ValueError("not a month of the past")
        return value

    @field_validator("plan_code", "company_code", mode="before")
    @classmethod
    def _plain_code(cls, value: Any) -> str:
        text = unicodedata.normalize("NFKC", str(value)).upper()
        return text.replace("-", "").replace("_", "").replace(" ", "")

    @field_validator("return_rate", mode="before")
    @classmethod
    def _rate(cls, value: Any) -> Decimal | None:
        return _rounded(value, "0.000001", percent=True)

    @field_validator("net_asset_value", mode="before")
    @classmethod
    def _value(cls, value: Any) -> Decimal | None:
        return _rounded(value, "0.0001")

    @field_validator("fund_scale", mode="before")
    @classmethod
    def _scale(cls, value: Any) -> Decimal | None:
        return _rounded(value, "0.01")

    @model_validator(mode="after")
    def _has_any(self) -> Self:
        measures = (self.return_rate, self.net_asset_value, self.fund_scale)
        self.has_performance_data = any(value is not None for value in measures)
        return self


def _rounded(value: Any, places: str, *, percent: bool = False) -> Decimal | None:
    text = unicodedata.normalize("NFKC", str(value)).strip().replace(",", "").lstrip("¥")
    if text in PLACEHOLDERS:
        return None
    number = Decimal(text.rstrip("%"))
    if percent and (text.endswith("%") or abs(number) > 1):
        number /= 100
    return number.quantize(Decimal(places), ROUND_HALF_UP)


def conventional_load(workbook: Path, url: str, table: str) -> None:
    """Delete the rows that have the workbook's keys and insert its own, in one transaction."""
    import pandas as pd

    frame = pd.read_excel(workbook, engine="openpyxl")
    now = datetime.now(UTC).isoformat()
    records = []
    for row in frame.to_dict("records"):
        record = Record(
            report_date=date(int(row["年"]), int(row["月"]), 1),
            plan_code=row["计划代码"],
            company_code=row["公司代码"],
            return_rate=row["收益率"],
            net_asset_value=row["净值"],
            fund_scale=row["规模"],
            data_source=workbook.name,
            processed_at=now,
        )
        records.append(tuple(record.model_dump().values()))
    if url.startswith("sqlite"):
        _into_sqlite(records, url.removeprefix("sqlite:///"), table)
    else:
        _into_postgres(records, url, table)


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
            page_size=PAGE_ROWS,
        )
        insertion = f"INSERT INTO {table} VALUES %s"
        execute_values(cursor, insertion, records, page_size=PAGE_ROWS)
    connection.close()
