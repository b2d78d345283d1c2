"""What came of one file's rows: the records, and every row that was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .models import RefusalReason, RefusedRow, TrusteePerformance

if TYPE_CHECKING:
    import polars as pl

WARNING_SEPARATOR = "; "


@dataclass(frozen=True)
class Outcome:
    """Iterating gives the records, in the order of the rows; `len` is their number.

    frame: the records as polars, RECORD_COLUMNS in order: report_date Date, codes and data_source
    String, the measures Decimal(38, places), processed_at Datetime("us", "UTC"),
    has_performance_data Boolean, validation_warnings String: the warnings joined by "; ", ""
    for none. No column but the measures holds null.
    refused_cells: the refused rows as polars, in order: row_number UInt32, column, value, reason.
    refused_rows: their cells, heading -> text, row by row as in refused_cells.
    rows_in: rows below the heading that are not blank; = len(outcome) + len(outcome.refused).
    ambiguous_percent: bare returns lie on both sides of 1, see `rates`.
    """

    frame: pl.DataFrame
    refused_cells: pl.DataFrame
    refused_rows: pl.DataFrame
    rows_in: int
    ambiguous_percent: bool

    def __len__(self) -> int:
        return self.frame.height

    def __iter__(self) -> Iterator[TrusteePerformance]:
        for row in self.frame.iter_rows(named=True):
            text = row.pop("validation_warnings")
            warnings = tuple(text.split(WARNING_SEPARATOR)) if text else ()
            yield TrusteePerformance(**row, validation_warnings=warnings)

    @cached_property
    def refused(self) -> Sequence[RefusedRow]:
        """Every refused row, in the order of the file."""
        cells = self.refused_cells.iter_rows()
        rows = self.refused_rows.iter_rows(named=True)
        return tuple(
            RefusedRow(number, column, value, RefusalReason(reason), row)
            for (number, column, value, reason), row in zip(cells, rows, strict=True)
        )

    @cached_property
    def reasons(self) -> Mapping[RefusalReason, int]:
        """How many rows were refused for what; only what occurs."""
        counted = Counter(self.refused_cells["reason"].to_list())
        return {RefusalReason(reason): n for reason, n in counted.items()}

    @property
    def totals_rows(self) -> int:
        """Refused rows that are known to be no records."""
        return self.reasons.get(RefusalReason.TOTALS_ROW, 0)

    @property
    def refused_share(self) -> float:
        """Refused rows of all that should be records: 0 to 1, 0 where there are none."""
        candidates = self.rows_in - self.totals_rows
        return (len(self.refused_cells) - self.totals_rows) / candidates if candidates else 0.0
