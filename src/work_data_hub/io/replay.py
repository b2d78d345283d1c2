"""Refused rows, tried again: with the code, the limits and the date of today."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from ..domain.errors import InputError
from ..domain.trustee_performance.service import process
from .loader.ledger import FileState, LedgerEntry, read_entries, write_entry
from .loader.quarantine import Quarantine, QuarantinedRow, mark_replayed, open_rows
from .loader.totals import count_replay

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..config.data_sources import DomainConfig
    from ..domain.trustee_performance.outcome import Outcome
    from .loader.placement import Placement
    from .loader.warehouse_loader import Warehouse


@dataclass(frozen=True)
class ReplayReport:
    """One file: rows = loaded + superseded + refused; reasons: of those that stay refused.

    error: why none of them could be tried.
    """

    file: str
    rows: int
    loaded: int = 0
    superseded: int = 0
    refused: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None

    def __post_init__(self) -> None:
        assert self.rows == self.loaded + self.superseded + self.refused, self


def replay(
    warehouse: Warehouse,
    config: DomainConfig,
    *,
    domain: str,
    file: str | None = None,
    today: date | None = None,
    now: datetime | None = None,
) -> list[ReplayReport]:
    """Process the open rows of a domain, or of one of its files, and load those that pass.

    Each file in one transaction. A row that passes leaves the quarantine: into the table, or
    superseded by a newer file. A file that had failed as a whole is held against its limit again,
    and counts as loaded when it keeps it. Raises WarehouseError.
    """
    reports = []
    for name in Quarantine(warehouse).counts(domain):
        if file is None or file == name:
            with warehouse.writing() as connection:
                rows = list(open_rows(connection, domain, name))
                again = _Replay(config, domain, name, rows, today, now or datetime.now(UTC))
                reports.append(again.report(connection))
    return reports


@dataclass(frozen=True)
class _Replay:
    """The open rows of one file; they are all of one content and one sheet."""

    config: DomainConfig
    domain: str
    file: str
    rows: Sequence[QuarantinedRow]
    today: date | None
    now: datetime

    def report(self, connection: Connection) -> ReplayReport:
        entries = read_entries(connection, self.domain)
        mine = [entry for entry in entries.values() if entry.relative_path == self.file]
        if not mine or not self.rows:
            return self._all_refused({}, "the ledger does not know the file; load it again")
        entry = max(mine, key=lambda entry: entry.updated_at)
        is_latest = entry.sha256 == self.rows[0].sha256
        failed = is_latest and entry.state is not FileState.LOADED
        try:
            outcome = self._outcome()
        except InputError as err:
            return self._all_refused({}, str(err))
        reasons = Counter({reason.value: count for reason, count in outcome.reasons.items()})
        if failed and outcome.refused_share > self.config.validation.max_refused_share:
            return self._all_refused(reasons, "more of its rows are refused than the limit allows")
        entry = replace(entry, table_name=entry.table_name or self.config.table)
        placement = self._place(connection, outcome, entry, entries, whole_file=failed)
        passed = self._passed(outcome, placement)
        mark_replayed(connection, [row.id for row in passed], self.now)
        for refusal in placement.refusals:
            reasons[refusal.reason] += len(refusal.positions)
        report = ReplayReport(
            self.file,
            len(self.rows),
            loaded=placement.records.height,
            superseded=placement.superseded,
            refused=len(self.rows) - len(passed),
            reasons=dict(reasons),
        )
        if is_latest:
            write_entry(connection, _after(entry, report, self.now))
        count_replay(connection, self.domain, rows=len(passed))
        return report

    def _outcome(self) -> Outcome:
        return process(
            [{**json.loads(row.cells), "row_number": row.row_number} for row in self.rows],
            self.file,
            today=self.today,
            processed_at=self.now,
            pk=self.config.pk,
            required_columns=self.config.required_columns,
        )

    def _place(
        self,
        connection: Connection,
        outcome: Outcome,
        entry: LedgerEntry,
        entries: Mapping[str, LedgerEntry],
        *,
        whole_file: bool,
    ) -> Placement:
        """Load what passes, and say what did not.

        Beside rows of the same file that are loaded already, an equal key is one that stands
        twice in the file.
        """
        from .loader.data_table import data_table, ensure_table
        from .loader.placement import doubled_with, place_over, too_long_for_sqlite
        from .loader.row_writer import replace_rows

        records = outcome.frame
        table = data_table(connection, str(entry.table_name), records, self.config.pk)
        ensure_table(connection, table)
        refusals = [] if whole_file else doubled_with(connection, table, records, self.file)
        if connection.dialect.name == "sqlite":
            refusals += too_long_for_sqlite(records)
        placement = place_over(
            connection, table, records, refusals, entry=entry, ledger=entries.values()
        )
        replace_rows(connection, table, placement.records)
        return placement

    def _passed(self, outcome: Outcome, placement: Placement) -> list[QuarantinedRow]:
        refused = set(outcome.refused_cells["row_number"])
        good = [row for row in self.rows if row.row_number not in refused]
        unplaced = {p for refusal in placement.refusals for p in refusal.positions}
        return [row for position, row in enumerate(good) if position not in unplaced]

    def _all_refused(self, reasons: Mapping[str, int], error: str) -> ReplayReport:
        count = len(self.rows)
        return ReplayReport(self.file, count, refused=count, reasons=reasons, error=error)


def _after(entry: LedgerEntry, report: ReplayReport, now: datetime) -> LedgerEntry:
    """The file is loaded now, if it was not; its rows add up as before."""
    return replace(
        entry,
        state=FileState.LOADED,
        failed_runs=(),
        reason=None,
        loaded=entry.loaded + report.loaded,
        superseded=entry.superseded + report.superseded,
        quarantined=report.refused,
        updated_at=now,
    )
