"""SQL text from names that come out of configuration: quoted, never trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def quoted(name: str) -> str:
    """An identifier in double quotes, as PostgreSQL and SQLite both read it.

    Raises ValueError on a name that is empty or holds a NUL.
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} cannot name a table or a column")
    return '"' + name.replace('"', '""') + '"'


def quoted_table(table: str) -> str:
    """`t` as `"t"`, `schema.t` as `"schema"."t"`: PostgreSQL's reading."""
    return ".".join(quoted(part) for part in table.split(".", 1))


def build_insert_sql(
    table: str, cols: Sequence[str], rows: Sequence[Mapping[str, Any] | Sequence[Any]]
) -> tuple[str | None, list[Any]]:
    """One INSERT for all rows, for psycopg: `INSERT INTO "t" ("a","b") VALUES (%s,%s)`.

    rows: mappings (a column that a row does not have is NULL, what is not in `cols` is left out)
    or sequences in the order of `cols`. Returns the text and one flat list of parameters, row
    after row; `(None, [])` for no rows. Raises ValueError on no columns or a row of another length.
    """
    if not rows:
        return None, []
    if not cols:
        raise ValueError(f"no columns to insert into {table}")
    params: list[Any] = []
    for row in rows:
        if isinstance(row, Mapping):
            params += [row.get(col) for col in cols]
        elif len(row) == len(cols):
            params += row
        else:
            raise ValueError(f"a row of {len(row)} values for {len(cols)} columns")
    # psycopg reads a % in the text as a placeholder; doubled, it is the character.
    names = ",".join(quoted(col) for col in cols).replace("%", "%%")
    target = quoted_table(table).replace("%", "%%")
    one = "(" + ",".join(["%s"] * len(cols)) + ")"
    values = ",".join([one] * len(rows))
    return f"INSERT INTO {target} ({names}) VALUES {values}", params  # noqa: S608
