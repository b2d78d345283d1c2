"""The data table: made when it is missing, and never loaded into when it does not fit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy import table as sql_table

from work_data_hub.io.errors import TableDoesNotFit, WarehouseError
from work_data_hub.io.loader.ledger import Ledger
from work_data_hub.io.loader.warehouse_loader import Warehouse

from .landing import DOMAIN, TABLE, Landing, load, row, table_rows

COLUMNS = {
    "report_date": "date NOT NULL",
    "plan_code": "varchar(50) NOT NULL",
    "company_code": "varchar(20) NOT NULL",
    "return_rate": "numeric(38, 6)",
    "net_asset_value": "numeric(38, 4)",
    "fund_scale": "numeric",
    "data_source": "text",
    "processed_at": "timestamptz",
    "has_performance_data": "boolean",
    "validation_warnings": "text",
}
KEY = "PRIMARY KEY (report_date, plan_code, company_code)"


def make_table(warehouse: Warehouse, key: str = KEY, **changed: str | None) -> None:
    """A data table that somebody else made; None leaves a column out."""
    columns = {name: kind for name, kind in (COLUMNS | changed).items() if kind is not None}
    parts = [f"{name} {kind}" for name, kind in columns.items()] + [key] * bool(key)
    text = f"CREATE TABLE {TABLE} ({', '.join(parts)})"
    with warehouse.writing() as connection:
        if not warehouse.is_postgres:
            text = text.replace("timestamptz", "text")
        connection.exec_driver_sql(text)


@pytest.mark.parametrize(
    "changed",
    [{}, {"remark": "text"}, {"added_at": "text NOT NULL DEFAULT 'now'"}],
    ids=["same", "one more", "one more with a default"],
)
def test_a_table_that_somebody_made_is_used_when_it_fits(
    warehouse: Warehouse, landing: Landing, changed: dict[str, str]
) -> None:
    make_table(warehouse, **changed)
    assert load(warehouse, landing.workbook("a.xlsx", [row("A")])).loaded == 1
    assert load(warehouse, landing.workbook("a.xlsx", [row("A"), row("B")])).loaded == 2
    assert table_rows(warehouse, "plan_code") == [("A",), ("B",)]


@pytest.mark.parametrize(
    ("key", "changed", "shown"),
    [
        (KEY, {"return_rate": None}, "return_rate numeric(38,6)"),
        (KEY, {"return_rate": "text"}, "return_rate text"),
        (KEY, {"return_rate": "numeric(10,2)"}, "return_rate numeric(10,2)"),
        (KEY, {"return_rate": "float"}, "return_rate double"),
        (KEY, {"has_performance_data": "integer"}, "has_performance_data integer"),
        (KEY, {"owner": "text NOT NULL"}, "owner text"),
        ("PRIMARY KEY (plan_code)", {}, "key: plan_code\n"),
        ("", {}, "key: none\n"),
    ],
)
def test_a_table_that_does_not_fit_is_an_error_that_shows_both_shapes(
    warehouse: Warehouse, landing: Landing, key: str, changed: dict[str, str | None], shown: str
) -> None:
    make_table(warehouse, key, **changed)
    file = landing.workbook("a.xlsx", [row("A")])
    for plan_only in (True, False):
        with pytest.raises(TableDoesNotFit) as caught:
            load(warehouse, file, plan_only=plan_only)
        text = str(caught.value)
        needed, there = text.partition("there:")[::2]
        assert "return_rate numeric(38,6)" in needed
        assert "key: company_code, plan_code, report_date" in needed
        assert shown in (there if "return_rate" not in changed or changed["return_rate"] else text)
        assert TABLE in text and "data_sources.yml" in text
    assert Ledger(warehouse).entries(DOMAIN) == {}


def test_any_name_can_be_a_table(warehouse: Warehouse, landing: Landing) -> None:
    odd = 'my "table"; DROP %s :x'
    file = landing.workbook("a.xlsx", [row("A")])
    assert load(warehouse, file, table=odd).loaded == 1
    newer = landing.workbook("b.xlsx", [row("A"), row("B")], mtime=1.8e9)
    assert load(warehouse, newer, table=odd).loaded == 2
    assert load(warehouse, file, table=odd, plan_only=True).unchanged
    with warehouse.reading() as connection:
        assert connection is not None
        assert connection.scalar(select(func.count()).select_from(sql_table(odd))) == 2


def test_on_postgresql_a_dot_names_a_schema(landing: Landing, postgres_url: str) -> None:
    with Warehouse.open(postgres_url) as warehouse:
        file = landing.workbook("a.xlsx", [row("A")])
        with pytest.raises(WarehouseError, match="warehouse_a"):
            load(warehouse, file, table="warehouse_a.trustee")
        with warehouse.writing() as connection:
            connection.exec_driver_sql("CREATE SCHEMA warehouse_a")
        assert load(warehouse, file, table="warehouse_a.trustee").loaded == 1
        with warehouse.reading() as reader:
            assert reader is not None
            found = reader.exec_driver_sql("SELECT return_rate FROM warehouse_a.trustee").scalar()
    assert found == Decimal("0.055000")


def test_a_key_that_the_rows_do_not_have_is_an_error(
    warehouse: Warehouse, landing: Landing
) -> None:
    with pytest.raises(WarehouseError, match=r"no column plan;.*plan_code"):
        load(warehouse, landing.workbook("a.xlsx", [row("A")]), pk=["report_date", "plan"])
