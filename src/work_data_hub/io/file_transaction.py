"""One file's part of a transaction: data, quarantine and ledger, or what they would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from .file_read import FilePlan
from .file_report import FileReport
from .loader.kept_rows import refused_rows, replace_open_rows, unplaced_rows
from .loader.ledger import FileState, LedgerEntry, read_entries, write_entry
from .loader.totals import count_file

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection, Table

    from .loader.placement import Placement, Refusal


class LoadMode(StrEnum):
    """What happens to a row whose key the table has."""

    DELETE_INSERT = "delete_insert"  # it is replaced, unless a newer file put it there
    APPEND = "append"  # it stays, and the new row is quarantined


@dataclass(frozen=True)
class FileTransaction:
    """One file on its way into one table.

    entry: what the ledger is to say, but for the counts; `table_name` is the table.
    elapsed_s: seconds since the load began.
    """

    plan: FilePlan
    entry: LedgerEntry
    pk: tuple[str, ...]
    mode: LoadMode
    is_postgres: bool
    elapsed_s: Callable[[], float]

    def planned(self, connection: Connection | None) -> FileReport:
        """What `committed` would report, from reading alone. None: the warehouse is empty."""
        from .loader.data_table import check_fits, data_table, is_there
        from .loader.placement import place_in_empty, rows_from
        from .loader.row_writer import rows_with_known_keys

        records = self.plan.outcome.frame
        if connection is None:
            return self._report(place_in_empty(records, self._unplaced()))
        table = data_table(connection, str(self.entry.table_name), records, self.pk)
        if not is_there(connection, table):
            return self._report(place_in_empty(records, self._unplaced()))
        check_fits(connection, table)
        ledger = read_entries(connection, self.entry.domain)
        if self._is_loaded(ledger.get(self.entry.path)):
            return self._unchanged()
        placement = self._placement(connection, table, ledger)
        if not (sources := placement.replaced_sources):
            return self._report(placement)
        replaced = rows_with_known_keys(connection, table, placement.records, sources)
        left_over = rows_from(connection, table, sources) - len(replaced)
        return self._report(placement, left_over=left_over)

    def committed(self, connection: Connection) -> FileReport:
        """Data, quarantine and ledger, written in the caller's transaction."""
        from .loader.data_table import data_table, ensure_table
        from .loader.placement import rows_from
        from .loader.row_writer import insert_rows, replace_rows

        entry, records = self.entry, self.plan.outcome.frame
        table = data_table(connection, str(entry.table_name), records, self.pk)
        created = ensure_table(connection, table)
        ledger = read_entries(connection, entry.domain)
        before = ledger.get(entry.path)
        if before is not None and not created and self._is_loaded(before):
            write_entry(connection, _touched(before, entry))
            return self._unchanged()
        placement = self._placement(connection, table, ledger)
        write = insert_rows if self.mode is LoadMode.APPEND else replace_rows
        write(connection, table, placement.records)
        kept = self._kept(placement)
        replace_open_rows(connection, kept, entry=entry, sheet=self.plan.rows.sheet)
        left_over = 0
        if sources := placement.replaced_sources:
            now_there = rows_from(connection, table, {*sources, entry.relative_path})
            left_over = now_there - placement.records.height
        report = self._report(placement, left_over=left_over)
        write_entry(connection, with_counts(entry, report))
        count_file(connection, entry.domain, report)
        return report

    def _is_loaded(self, before: LedgerEntry | None) -> bool:
        """Whether the ledger says that there is nothing left to do."""
        entry = self.entry
        if before is None or before.state is not FileState.LOADED:
            return False
        if (before.table_name, before.sheet) != (entry.table_name, entry.sheet):
            return False
        by_this_run = before.root_run_id == entry.root_run_id and bool(entry.root_run_id)
        return before.sha256 == entry.sha256 or (self.mode is LoadMode.APPEND and by_this_run)

    def _placement(
        self, connection: Connection, table: Table, ledger: Mapping[str, LedgerEntry]
    ) -> Placement:
        from .loader.placement import place_beside, place_over

        records, refusals = self.plan.outcome.frame, self._unplaced()
        if self.mode is LoadMode.APPEND:
            return place_beside(connection, table, records, refusals)
        entries = ledger.values()
        return place_over(connection, table, records, refusals, entry=self.entry, ledger=entries)

    def _unplaced(self) -> list[Refusal]:
        from .loader.placement import doubled_keys, too_long_for_sqlite

        records, refusals = self.plan.outcome.frame, []
        if self.pk != self.plan.pk:
            refusals += doubled_keys(records, self.pk)
        if not self.is_postgres:
            refusals += too_long_for_sqlite(records)
        return refusals

    def _kept(self, placement: Placement) -> pl.DataFrame:
        import polars as pl

        outcome, rows = self.plan.outcome, self.plan.rows.frame
        kept = refused_rows(outcome)
        if placement.refusals:
            kept = pl.concat([kept, unplaced_rows(outcome, rows, placement.refusals)])
        return kept

    def _report(self, placement: Placement, *, left_over: int = 0) -> FileReport:
        import polars as pl

        outcome, entry = self.plan.outcome, self.entry
        reasons = Counter({reason.value: n for reason, n in outcome.reasons.items()})
        for refusal in placement.refusals:
            reasons[refusal.reason] += len(refusal.positions)
        return FileReport(
            path=entry.path,
            relative_path=entry.relative_path,
            state=FileState.LOADED,
            rows_in=outcome.rows_in,
            loaded=placement.records.height,
            superseded=placement.superseded,
            quarantined=reasons.total(),
            left_over=left_over,
            reasons=dict(reasons),
            duration_s=self.plan.duration_s + self.elapsed_s(),
            ambiguous_percent=outcome.ambiguous_percent,
            refused_share=outcome.refused_share,
            warnings=outcome.frame.filter(pl.col("validation_warnings") != "").height,
        )

    def _unchanged(self) -> FileReport:
        return FileReport(
            path=self.entry.path,
            relative_path=self.entry.relative_path,
            state=FileState.LOADED,
            unchanged=True,
            duration_s=self.plan.duration_s + self.elapsed_s(),
        )


def with_counts(entry: LedgerEntry, report: FileReport) -> LedgerEntry:
    """The entry, with what became of the file's rows."""
    return replace(
        entry,
        rows_in=report.rows_in,
        loaded=report.loaded,
        superseded=report.superseded,
        quarantined=report.quarantined,
        left_over=report.left_over,
        duration_s=report.duration_s,
    )


def _touched(before: LedgerEntry, now: LedgerEntry) -> LedgerEntry:
    """The same content under another mtime, ctime or inode: only the identity is new."""
    return replace(
        before,
        size=now.size,
        mtime=now.mtime,
        ctime=now.ctime,
        inode=now.inode,
        updated_at=now.updated_at,
    )
