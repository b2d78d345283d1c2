"""What has become of every file: `wdh_files`, kept in the warehouse beside the data it tells of.

The sensor compares it with what discovery saw; the loader writes it in the transaction that
commits the rows, so the two never disagree. Light to import: SQLAlchemy loads when used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..connectors.file_connector import DiscoveredFile
    from .warehouse_loader import Warehouse

# A file that failed in this many runs takes no more place in a batch until its content changes.
MAX_FAILED_RUNS = 3


class FileState(StrEnum):
    """Where a file stands."""

    SEEN = "seen"  # was there before the ledger began; the sensor lets it be
    WAITING = "waiting"  # the sensor has asked for it
    LOADED = "loaded"
    FAILED = "failed"  # gets another chance
    WITHDRAWN = "withdrawn"  # had failed, and is not among the selected files any more
    REFUSED = "refused"  # failed MAX_FAILED_RUNS times; waits for other content


@dataclass(frozen=True)
class LedgerEntry:
    """One file as it was last dealt with. Times of the file are seconds since the epoch.

    path: absolute. relative_path: to the landing folder, `data_source` in the data table.
    size, ctime, inode: None where discovery did not tell. sha256: of the bytes that were read.
    sheet, table_name: what was loaded, and where to.
    failed_runs: root run ids, each once, since the content last changed.
    """

    domain: str
    path: str
    relative_path: str
    year: int
    month: int
    version: int
    size: int | None
    mtime: float
    ctime: float | None
    inode: int | None
    state: FileState
    updated_at: datetime
    sha256: str | None = None
    sheet: str | None = None
    table_name: str | None = None
    failed_runs: tuple[str, ...] = ()
    rows_in: int = 0
    loaded: int = 0
    superseded: int = 0
    quarantined: int = 0
    left_over: int = 0
    reason: str | None = None
    run_id: str | None = None
    root_run_id: str | None = None
    duration_s: float | None = None

    @property
    def is_retried(self) -> bool:
        """It was refused, somebody gave it its chances again, and it has used none so far."""
        return self.state is FileState.FAILED and not self.failed_runs

    @property
    def order(self) -> tuple[int, int, int, float, str]:
        """As DiscoveredFile.order: rises from the oldest file to the newest."""
        return (self.year, self.month, self.version, self.mtime, self.path)


class Ledger:
    """Reads and writes `wdh_files`."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def entries(self, domain: str) -> dict[str, LedgerEntry]:
        """By absolute path. Empty, and nothing is created, where there is no warehouse yet.

        Raises WarehouseError when it cannot be read.
        """
        with self._warehouse.reading() as connection:
            if connection is None:
                return {}
            return read_entries(connection, domain)

    def enter(
        self,
        *,
        seen: Iterable[DiscoveredFile] = (),
        waiting: Iterable[DiscoveredFile] = (),
        now: datetime | None = None,
    ) -> int:
        """Note files as seen or as waiting; those that are in the ledger stay as they are.

        In one transaction. Returns how many were new to it.
        """
        moment = now or datetime.now(UTC)
        states = [(file, FileState.SEEN) for file in seen]
        states += [(file, FileState.WAITING) for file in waiting]
        with self._warehouse.writing() as connection:
            known: dict[str, dict[str, LedgerEntry]] = {}
            new = {}
            for file, state in states:
                if file.domain not in known:
                    known[file.domain] = read_entries(connection, file.domain)
                if file.path not in known[file.domain]:
                    new[file.domain, file.path] = entry_of(file, state, moment)
            _insert(connection, list(new.values()))
        return len(new)

    def withdraw(self, entries: Iterable[LedgerEntry], *, now: datetime | None = None) -> None:
        """Note that these files, which had failed, are not there to be loaded any more."""
        with self._warehouse.writing() as connection:
            for entry in entries:
                known = read_entry(connection, entry.domain, entry.path)
                if known == entry:
                    moment = now or datetime.now(UTC)
                    gone = replace(entry, state=FileState.WITHDRAWN, updated_at=moment)
                    write_entry(connection, gone)

    def retry(self, entry: LedgerEntry, *, now: datetime | None = None) -> bool:
        """Give a refused file its chances again; False where it is not refused (any more)."""
        with self._warehouse.writing() as connection:
            known = read_entry(connection, entry.domain, entry.path)
            if known is None or known.state is not FileState.REFUSED:
                return False
            moment = now or datetime.now(UTC)
            again = replace(known, state=FileState.FAILED, failed_runs=(), updated_at=moment)
            write_entry(connection, again)
        return True

    def record_failure(
        self,
        file: DiscoveredFile,
        *,
        run_id: str,
        root_run_id: str,
        reason: str,
        sha256: str | None = None,
        now: datetime | None = None,
    ) -> LedgerEntry:
        """Note that a run could not load the file; the third such run refuses it.

        A retry of the same root run counts once; other content starts at one again.
        """
        from .totals import count_lost

        with self._warehouse.writing() as connection:
            entry = failure_after(
                read_entry(connection, file.domain, file.path),
                replace(
                    entry_of(file, FileState.FAILED, now or datetime.now(UTC)),
                    sha256=sha256,
                    reason=reason,
                    run_id=run_id,
                    root_run_id=root_run_id,
                ),
            )
            write_entry(connection, entry)
            count_lost(connection, file.domain)
        return entry


def entry_of(file: DiscoveredFile, state: FileState, now: datetime) -> LedgerEntry:
    """What discovery knows of a file, as an entry."""
    known: Mapping[str, Any] = file.metadata
    return LedgerEntry(
        domain=file.domain,
        path=file.path,
        relative_path=data_source_of(file),
        year=file.year,
        month=file.month,
        version=known.get("version", 0),
        size=known.get("size"),
        mtime=known["modified_time"],
        ctime=known.get("ctime"),
        inode=known.get("inode"),
        state=state,
        updated_at=now,
    )


def data_source_of(file: DiscoveredFile) -> str:
    """How rows name the file they came from: its path in the landing folder."""
    return str(file.metadata.get("relative_path") or file.path)


def failure_after(before: LedgerEntry | None, failure: LedgerEntry) -> LedgerEntry:
    """`failure` (with its root run id) counted on top of what was known of the file. Pure.

    The table that earlier content was loaded into stays named: its rows are still there.
    """
    earlier = before.failed_runs if before is not None and _same_content(before, failure) else ()
    root = failure.root_run_id or ""
    runs = earlier if root in earlier else (*earlier, root)
    state = FileState.REFUSED if len(runs) >= MAX_FAILED_RUNS else FileState.FAILED
    table_name = before.table_name if before is not None else None
    return replace(failure, failed_runs=runs, state=state, table_name=table_name)


def _same_content(before: LedgerEntry, now: LedgerEntry) -> bool:
    if before.sha256 is not None and now.sha256 is not None:
        return before.sha256 == now.sha256
    return (before.size, before.mtime, before.ctime, before.inode) == (
        now.size,
        now.mtime,
        now.ctime,
        now.inode,
    )


def read_entries(connection: Connection, domain: str) -> dict[str, LedgerEntry]:
    """All entries of a domain, by absolute path."""
    from sqlalchemy import select

    from .tables import files

    rows = connection.execute(select(files).where(files.c.domain == domain)).mappings()
    return {row["path"]: _entry(row) for row in rows}


def read_entry(connection: Connection, domain: str, path: str) -> LedgerEntry | None:
    from sqlalchemy import select

    from .tables import files

    found = connection.execute(
        select(files).where(files.c.domain == domain, files.c.path == path)
    ).mappings()
    row = found.first()
    return None if row is None else _entry(row)


def write_entry(connection: Connection, entry: LedgerEntry) -> None:
    """Put the entry in the place of any before it; part of the caller's transaction."""
    from sqlalchemy import delete

    from .tables import files

    mine = (files.c.domain == entry.domain, files.c.path == entry.path)
    connection.execute(delete(files).where(*mine))
    _insert(connection, [entry])


def _insert(connection: Connection, entries: Sequence[LedgerEntry]) -> None:
    from sqlalchemy import insert

    from .tables import files

    rows = [
        asdict(entry)
        | {
            "state": entry.state.value,
            "inode": None if entry.inode is None else str(entry.inode),
            "failed_runs": json.dumps(entry.failed_runs),
        }
        for entry in entries
    ]
    if rows:
        connection.execute(insert(files), rows)


def _entry(row: Mapping[Any, Any]) -> LedgerEntry:
    values = dict(row)
    values["state"] = FileState(values["state"])
    values["inode"] = None if values["inode"] is None else int(values["inode"])
    values["failed_runs"] = tuple(json.loads(values["failed_runs"]))
    return LedgerEntry(**values)
