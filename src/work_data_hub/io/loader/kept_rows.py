"""Refused rows on their way into the quarantine, in the transaction that loads the others.

As a frame they have row_number, column_name, value, reason and cells: where the row stands, what
was wrong with which cell, and all its cells as JSON (heading -> text).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection

    from ...domain.trustee_performance.outcome import Outcome
    from .ledger import LedgerEntry
    from .placement import Refusal

# Beside RefusalReason and those of placement: a good row of a file with too many refused ones.
FILE_FAILED = "file_failed"


def refused_rows(outcome: Outcome) -> pl.DataFrame:
    """The rows that the domain refused."""
    import polars as pl

    return outcome.refused_cells.select(
        "row_number",
        pl.col("column").alias("column_name"),
        # PostgreSQL's text cannot hold a NUL.
        pl.col("value").str.replace_all("\0", "\\0", literal=True),
        "reason",
        _as_json(outcome.refused_rows),
    )


def unplaced_rows(
    outcome: Outcome, rows: pl.DataFrame, refusals: Sequence[Refusal]
) -> pl.DataFrame:
    """The records that the table does not take. rows: the file's, as read_excel gave them."""
    import polars as pl

    good = _good_rows(outcome, rows)
    kept = []
    for refusal in refusals:
        at = list(refusal.positions)
        cells = [pl.col(name).cast(pl.String) for name in refusal.columns]
        values = outcome.frame[at].select(value=pl.concat_str(cells, separator=", "))
        kept.append(
            good[at].with_columns(
                values["value"],
                column_name=pl.lit(", ".join(refusal.columns)),
                reason=pl.lit(refusal.reason),
            )
        )
    return pl.concat(kept)


def failed_rows(outcome: Outcome, rows: pl.DataFrame) -> pl.DataFrame:
    """Every row of a file that loads nothing: the refused ones, and the good ones too."""
    import polars as pl

    return pl.concat([refused_rows(outcome), _good_rows(outcome, rows)]).sort("row_number")


def replace_open_rows(
    connection: Connection, kept: pl.DataFrame, *, entry: LedgerEntry, sheet: int | str
) -> None:
    """Keep these rows of a file in the place of its open ones; in the caller's transaction.

    Rows that were replayed stay: they say what was done.
    """
    import polars as pl
    from sqlalchemy import delete

    from .row_writer import insert_rows
    from .tables import quarantine

    mine = (quarantine.c.domain == entry.domain, quarantine.c.file == entry.relative_path)
    connection.execute(delete(quarantine).where(*mine, quarantine.c.replayed_at.is_(None)))
    if kept.is_empty():
        return
    same = {
        "domain": entry.domain,
        "file": entry.relative_path,
        "sheet": str(sheet),
        "sha256": entry.sha256,
        "run_id": entry.run_id,
        "created_at": entry.updated_at,
    }
    columns = {name: pl.lit(value) for name, value in same.items()}
    insert_rows(connection, quarantine, kept.with_columns(**columns))


def _good_rows(outcome: Outcome, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows behind the records, in their order, as kept with FILE_FAILED."""
    import polars as pl

    refused = outcome.refused_cells["row_number"]
    good = rows.filter(~pl.col("row_number").is_in(refused.implode()))
    assert good.height == len(outcome), f"{good.height} rows for {len(outcome)} records"
    nothing = pl.lit(None, dtype=pl.String)
    return good.select(
        "row_number",
        nothing.alias("column_name"),
        nothing.alias("value"),
        pl.lit(FILE_FAILED).alias("reason"),
        _as_json(good.drop("row_number")),
    )


def _as_json(rows: pl.DataFrame) -> pl.Series:
    import polars as pl

    if not rows.width:
        return pl.Series("cells", ["{}"] * rows.height, dtype=pl.String)
    return rows.select(cells=pl.struct(pl.all()).struct.json_encode()).to_series()
