"""Which rows are refused, and for what: totals, keys that stand twice, the first fault of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..cell_text import ROW_NUMBER
from . import headings
from .models import RefusalReason

if TYPE_CHECKING:
    import polars as pl

_TOTALS = r"[合总小]\s*计"
_TOTALS_CELL = rf"^\s*{_TOTALS}\s*[:：]?\s*$"


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong with a row, looked for in every row.

    reason: null where it is not. where: the column to blame, by meaning or heading; one for all,
    or one a row.
    """

    reason: pl.Series
    where: pl.Series | str

    @classmethod
    def where_true(cls, wrong: pl.Series, reason: RefusalReason, where: pl.Series | str) -> Fault:
        import polars as pl

        reasons = pl.Series([reason.value]).zip_with(wrong, pl.Series([None], dtype=pl.String))
        return cls(reasons, where)


def first_faults(*faults: Fault, height: int, columns: Mapping[str, str]) -> pl.DataFrame:
    """The first fault of each row: `column` (a heading) and `reason`, both null for none.

    columns: meaning -> heading.
    """
    import polars as pl

    found = pl.repeat(None, height, eager=True, dtype=pl.String)
    frame = pl.DataFrame({"column": found, "reason": found})
    for fault in faults:
        if fault.reason.null_count() == height:
            continue
        where = pl.lit(fault.where) if isinstance(fault.where, str) else fault.where
        is_first = pl.col("reason").is_null() & fault.reason.is_not_null()
        frame = frame.with_columns(
            column=pl.when(is_first).then(where).otherwise("column"),
            reason=pl.when(is_first).then(fault.reason).otherwise("reason"),
        )
    return frame.with_columns(pl.col("column").replace(dict(columns)))


def totals_rows(
    frame: pl.DataFrame, columns: Mapping[str, str], key_faults: Sequence[pl.Series]
) -> pl.Series:
    """For each row the heading under which it says that it is a total, null for none.

    A total says so in one of the key columns, or in the first cell that is filled at all. So it
    has a key that is at fault, or says so in a column before all keys: only such rows are read.
    """
    import polars as pl

    names = [name for name in frame.columns if name != ROW_NUMBER]
    keys = [columns[name] for name in headings.KEYS if name in columns]
    before = names[: min((names.index(key) for key in keys), default=len(names))]
    suspect = pl.any_horizontal(
        *(reason.is_not_null() for reason in key_faults),
        *(pl.col(name).str.contains(_TOTALS) for name in before),
    )
    suspects = frame.select(suspect.fill_null(value=False)).to_series().arg_true()
    nothing = pl.repeat(None, frame.height, eager=True, dtype=pl.String)
    if suspects.is_empty():
        return nothing
    filled = {name: pl.col(name).str.contains(r"\S") for name in names}
    first = pl.coalesce(*(pl.when(filled[name]).then(pl.col(name)) for name in names))
    where = pl.coalesce(*(pl.when(filled[name]).then(pl.lit(name)) for name in names))
    in_keys = [pl.when(pl.col(name).str.contains(_TOTALS)).then(pl.lit(name)) for name in keys]
    in_first = pl.when(first.str.contains(_TOTALS_CELL)).then(where)
    found = frame[suspects].select(pl.coalesce(*in_keys, in_first)).to_series()
    return nothing.scatter(suspects, found)


def doubled_keys(keys: pl.DataFrame, *, counted: pl.Series) -> pl.Series:
    """Whether a row's key stands in another row too; a key with a null in it stands nowhere."""
    import polars as pl

    usable = keys.select(pl.all_horizontal(pl.all().is_not_null())).to_series() & counted
    if usable.all():
        return keys.is_duplicated()
    doubled = pl.repeat(False, keys.height, eager=True, dtype=pl.Boolean)
    return doubled.scatter(usable.arg_true(), keys.filter(usable).is_duplicated())


def refused_cells(rows: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    """row_number, column, value and reason of the refused rows, which lie beside their faults."""
    import polars as pl

    cells = rows.drop(ROW_NUMBER)
    value = pl.repeat(None, rows.height, eager=True, dtype=pl.String)
    for name in faults["column"].unique():
        if name in cells.columns:
            value = cells[name].zip_with(faults["column"] == name, value)
    return faults.select(rows[ROW_NUMBER], "column", value.alias("value"), "reason")
