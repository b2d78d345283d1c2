"""The table that rows are loaded into: made when it is missing, checked when it is there.

Imports SQLAlchemy: reach it from inside functions only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Inspector,
    MetaData,
    Numeric,
    Table,
    Text,
    inspect,
    types,
)

from ..errors import TableDoesNotFit, WarehouseError
from .tables import UtcTime

if TYPE_CHECKING:
    import polars as pl

# Which row of which file a record came from; the order of files decides who supersedes whom.
DATA_SOURCE = "data_source"


def data_table(connection: Connection, name: str, frame: pl.DataFrame, pk: Sequence[str]) -> Table:
    """The table `name` with the columns of `frame`, as SQLAlchemy sees it; touches no database.

    `schema.table` names a schema on PostgreSQL; SQLite has none, there it is all name.
    """
    if missing := [column for column in (*pk, DATA_SOURCE) if column not in frame.columns]:
        raise WarehouseError(
            f"the rows for {name} have no column {', '.join(missing)}; correct pk in "
            f"data_sources.yml, the columns are {', '.join(frame.columns)}"
        )
    on_postgres = connection.dialect.name == "postgresql"
    schema, _, bare = name.rpartition(".") if on_postgres else ("", "", name)
    # Codes have letters, digits and dots: compared by their bytes, they are indexed faster.
    codes = Text(collation="C") if on_postgres else Text()
    kinds = {column: _sql_type(dtype) for column, dtype in frame.schema.items()}
    kinds |= {key: codes for key in pk if isinstance(kinds[key], Text)}
    columns = [
        Column(column, kind, primary_key=column in pk, autoincrement=False)
        for column, kind in kinds.items()
    ]
    return Table(bare, MetaData(), *columns, schema=schema or None)


def primary_key(table: Table) -> list[str]:
    """The names of its columns."""
    return [column.name for column in table.primary_key]


def ensure_table(connection: Connection, table: Table) -> bool:
    """Create the table when it is missing; returns whether it was.

    Raises TableDoesNotFit when it is there and lacks a column, has one of another kind, has one
    more that must be filled, or has no unique key over exactly the primary key's columns.
    """
    if not is_there(connection, table):
        table.create(connection)
        return True
    check_fits(connection, table)
    return False


def is_there(connection: Connection, table: Table) -> bool:
    return inspect(connection).has_table(table.name, schema=table.schema)


def check_fits(connection: Connection, table: Table) -> None:
    """As `ensure_table`, of a table that is there."""
    inspector = inspect(connection)
    there = inspector.get_columns(table.name, schema=table.schema)
    wanted = {column.name: _on(connection, column.type) for column in table.columns}
    found = {column["name"]: column["type"] for column in there}
    demanding = any(column["name"] not in wanted and _must_be_filled(column) for column in there)
    key, keys = {column.name for column in table.primary_key}, _unique_keys(inspector, table)
    takes = all(name in found and _takes(found[name], wanted[name]) for name in wanted)
    if demanding or key not in keys or not takes:
        has = " or ".join(", ".join(sorted(names)) for names in keys) or "none"
        raise TableDoesNotFit(
            f"the table {table.fullname} does not fit.\n"
            f"  needed: {_shape(wanted)}; key: {', '.join(sorted(key))}\n"
            f"  there:  {_shape(found)}; key: {has}\n"
            "Alter or rename it, or name another table in data_sources.yml."
        )


def _unique_keys(inspector: Inspector, table: Table) -> list[set[str]]:
    name, schema = table.name, table.schema
    keys = [set(inspector.get_pk_constraint(name, schema=schema)["constrained_columns"])]
    keys += [set(c["column_names"]) for c in inspector.get_unique_constraints(name, schema=schema)]
    return [key for key in keys if key]


def _must_be_filled(column: Mapping[str, Any]) -> bool:
    return not (
        column["nullable"]
        or column.get("default") is not None
        or column.get("identity")
        or column.get("computed")
        or column.get("autoincrement") is True
    )


def _on(connection: Connection, sql: types.TypeEngine[Any]) -> types.TypeEngine[Any]:
    return sql.load_dialect_impl(connection.dialect) if isinstance(sql, UtcTime) else sql


def _sql_type(dtype: pl.DataType) -> types.TypeEngine[Any]:
    import polars as pl

    if isinstance(dtype, pl.Decimal):
        return Numeric(dtype.precision, dtype.scale)
    if isinstance(dtype, pl.Datetime):
        return UtcTime()
    if dtype == pl.Boolean:
        return Boolean()
    if dtype == pl.Date:
        return Date()
    if dtype == pl.String:
        return Text()
    if dtype.is_integer():
        return BigInteger()
    raise TypeError(f"no SQL type for {dtype}")


def _takes(found: types.TypeEngine[Any], wanted: types.TypeEngine[Any]) -> bool:
    """Whether a column takes the values unchanged; one of fewer places would round them."""
    if _kind(found) != _kind(wanted):
        return False
    if isinstance(found, Numeric) and isinstance(wanted, Numeric):
        return found.scale is None or found.scale >= (wanted.scale or 0)
    return True


def _kind(sql: types.TypeEngine[Any]) -> str:
    """Types that take the same values are one kind: VARCHAR and TEXT, DECIMAL and NUMERIC."""
    for kind, family in (
        ("text", types.String),
        ("boolean", Boolean),
        ("date", types.Date),
        ("timestamp", types.DateTime),
        ("integer", types.Integer),
        ("double", types.Float),
        ("numeric", Numeric),
    ):
        if isinstance(sql, family):
            return kind
    return str(sql).lower()


def _shape(columns: Mapping[str, types.TypeEngine[Any]]) -> str:
    return ", ".join(f"{name} {_named(sql)}" for name, sql in columns.items())


def _named(sql: types.TypeEngine[Any]) -> str:
    if isinstance(sql, Numeric) and sql.scale is not None:
        return f"{_kind(sql)}({sql.precision},{sql.scale})"
    return _kind(sql)
