"""Which of a file's records go into the table, given what the table and the ledger have.

Reads only, so that a plan can ask the same as a load. Imports SQLAlchemy: reach it from inside
functions only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, func, select

from .data_table import DATA_SOURCE, primary_key
from .ledger import LedgerEntry
from .row_writer import rows_with_known_keys
from .sqlite_rows import SQLITE_DIGITS

if TYPE_CHECKING:
    import polars as pl

# The loader's own reasons for the quarantine; DUPLICATE_KEY is also the domain's.
DUPLICATE_KEY = "duplicate_key"
KEY_EXISTS = "key_exists"  # `append` met a key that the table has
TOO_MANY_DIGITS = "too_many_digits"  # SQLite would round it


@dataclass(frozen=True)
class Refusal:
    """Records that the table does not take: positions among the file's records, and why."""

    reason: str
    columns: Sequence[str]
    positions: Sequence[int]


@dataclass(frozen=True)
class Placement:
    """What becomes of each record: it is in `records` (to load), superseded, or refused.

    replaced_sources: what this file stands in the place of: its own earlier content, and older
    files of its month.
    """

    records: pl.DataFrame
    superseded: int = 0
    refusals: Sequence[Refusal] = ()
    replaced_sources: Sequence[str] = ()


def doubled_keys(records: pl.DataFrame, pk: Sequence[str]) -> list[Refusal]:
    """Both of two records that share a key: nothing says which one counts."""
    positions = records.select(pk).is_duplicated().arg_true().to_list()
    return [Refusal(DUPLICATE_KEY, pk, positions)] if positions else []


def doubled_with(
    connection: Connection, table: Table, records: pl.DataFrame, source: str
) -> list[Refusal]:
    """Records whose key the table has from this file."""
    positions = rows_with_known_keys(connection, table, records, [source])
    return [Refusal(DUPLICATE_KEY, primary_key(table), positions)] if positions else []


def too_long_for_sqlite(records: pl.DataFrame) -> list[Refusal]:
    """Decimals with more digits than SQLite's numbers keep."""
    import polars as pl

    refusals: list[Refusal] = []
    for name, dtype in records.schema.items():
        if isinstance(dtype, pl.Decimal):
            too_long = records[name].abs() >= 10 ** (SQLITE_DIGITS - dtype.scale)
            out = _positions(refusals)
            if positions := [p for p in too_long.arg_true().to_list() if p not in out]:
                refusals.append(Refusal(TOO_MANY_DIGITS, (name,), positions))
    return refusals


def place_in_empty(records: pl.DataFrame, refusals: Sequence[Refusal]) -> Placement:
    """All but the refused."""
    return Placement(_without(records, _positions(refusals)), 0, refusals)


def place_over(
    connection: Connection,
    table: Table,
    records: pl.DataFrame,
    refusals: Sequence[Refusal],
    *,
    entry: LedgerEntry,
    ledger: Iterable[LedgerEntry],
) -> Placement:
    """For delete_insert: all but those whose key the table has from a newer file."""
    loaded = [other for other in ledger if other.table_name == entry.table_name]
    mine = entry.relative_path
    newer = [o.relative_path for o in loaded if o.order > entry.order and o.relative_path != mine]
    month = (entry.year, entry.month)
    older = {
        o.relative_path
        for o in loaded
        if o.relative_path == mine or ((o.year, o.month) == month and o.order < entry.order)
    }
    out = _positions(refusals)
    known = rows_with_known_keys(connection, table, records, newer) if newer else []
    superseded = set(known) - out
    rest = _without(records, out | superseded)
    return Placement(rest, len(superseded), refusals, sorted(older))


def place_beside(
    connection: Connection, table: Table, records: pl.DataFrame, refusals: Sequence[Refusal]
) -> Placement:
    """For append: all but those whose key the table has."""
    out = _positions(refusals)
    existing = sorted(set(rows_with_known_keys(connection, table, records)) - out)
    if existing:
        refusals = [*refusals, Refusal(KEY_EXISTS, primary_key(table), existing)]
    return Placement(_without(records, out | set(existing)), 0, refusals)


def rows_from(connection: Connection, table: Table, sources: Collection[str]) -> int:
    """How many rows the table has from these files."""
    query = select(func.count()).select_from(table).where(table.c[DATA_SOURCE].in_(sources))
    return connection.scalar(query) or 0


def _positions(refusals: Iterable[Refusal]) -> set[int]:
    return {position for refusal in refusals for position in refusal.positions}


def _without(records: pl.DataFrame, positions: set[int]) -> pl.DataFrame:
    import polars as pl

    if not positions:
        return records
    return records.filter(~pl.int_range(pl.len()).is_in(sorted(positions)))
