"""From a discovered file to rows that are ready to load, or to the reason why not.

Nothing here touches the warehouse. The bytes are read once: what is hashed is what is parsed.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from ..domain.errors import InputError
from ..domain.trustee_performance.service import process
from .connectors.discovered_file import DiscoveredFile
from .errors import FileUnreadable
from .loader.ledger import data_source_of

if TYPE_CHECKING:
    import polars as pl

    from ..config.data_sources import DomainConfig
    from ..domain.trustee_performance.outcome import Outcome

# A month of 100,000 rows has 5 MB. What is larger than this is no workbook of a trustee.
MAX_FILE_BYTES = 256 * 1024 * 1024
# In the metadata of a file that was asked for by path and cannot be read: why.
PROBLEM = "problem"
PROBLEM_IN_CHINESE = "problem_in_chinese"


class FailureKind(StrEnum):
    """Why a file loads nothing."""

    VANISHED = "vanished"
    CHANGED = "changed"  # while it was read
    UNREADABLE = "unreadable"
    COLUMNS = "columns"  # missing, or doubled
    REFUSED_SHARE = "refused_share"
    TABLE = "table"  # the table in the warehouse refuses its rows
    NAME = "name"  # holds no month, or cannot be looked at


@dataclass(frozen=True)
class FileRows:
    """A file that was read. `file` has the identity (size, mtime, ctime, inode) of these bytes.

    frame: as read_excel gives it.
    """

    file: DiscoveredFile
    sheet: int | str
    sha256: str
    frame: pl.DataFrame
    duration_s: float


@dataclass(frozen=True)
class FilePlan:
    """A file whose rows can be loaded. pk: no two records share it."""

    rows: FileRows
    outcome: Outcome
    pk: tuple[str, ...]
    duration_s: float

    @property
    def file(self) -> DiscoveredFile:
        return self.rows.file


@dataclass(frozen=True)
class FileFailure:
    """A file that loads nothing, and why, in a sentence that leaves out its name.

    in_chinese: the same sentence. What the system or the file itself says stays as it is in it.
    sha256: None where it could not be read. plan: what was read of it, where there is anything.
    """

    file: DiscoveredFile
    kind: FailureKind
    error: str
    in_chinese: str
    duration_s: float
    sha256: str | None = None
    plan: FilePlan | None = None


def read_file(
    file: DiscoveredFile,
    config: DomainConfig,
    *,
    sheet: int | str | None = None,
    today: date | None = None,
    processed_at: datetime | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> FilePlan | FileFailure:
    """`read_rows`, then `process_rows`."""
    rows = read_rows(file, config, sheet=sheet, clock=clock)
    if isinstance(rows, FileFailure):
        return rows
    return process_rows(rows, config, today=today, processed_at=processed_at, clock=clock)


def read_rows(
    file: DiscoveredFile,
    config: DomainConfig,
    *,
    sheet: int | str | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> FileRows | FileFailure:
    """The rows of a sheet (the configured one unless told otherwise) and the hash of the file."""
    from .readers.excel_reader import read_excel  # a sensor's tick needs no reader

    start = clock()
    sheet = config.sheet if sheet is None else sheet

    def failure(
        kind: FailureKind, why: _Unread | FileUnreadable, sha256: str | None = None
    ) -> FileFailure:
        return FileFailure(file, kind, why.problem, why.in_chinese, clock() - start, sha256)

    try:
        content, file = _content(file)
    except _Unread as err:
        return failure(err.kind, err)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        frame = read_excel(file.path, sheet, content=content)
    except FileUnreadable as err:
        return failure(FailureKind.UNREADABLE, err, sha256)
    return FileRows(file, sheet, sha256, frame, clock() - start)


def process_rows(
    rows: FileRows,
    config: DomainConfig,
    *,
    today: date | None = None,
    processed_at: datetime | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> FilePlan | FileFailure:
    """Records and refusals; a failure when columns are missing or too many rows are refused."""
    start = clock()
    try:
        outcome = process(
            rows.frame,
            data_source_of(rows.file),
            today=today,
            processed_at=processed_at,
            pk=config.pk,
            required_columns=config.required_columns,
        )
    except InputError as err:
        duration_s = rows.duration_s + clock() - start
        return FileFailure(
            rows.file, FailureKind.COLUMNS, str(err), err.in_chinese, duration_s, rows.sha256
        )
    plan = FilePlan(rows, outcome, config.pk, rows.duration_s + clock() - start)
    limit = config.validation.max_refused_share
    if outcome.refused_share <= limit:
        return plan
    error = (
        f"{outcome.refused_share:.1%} of its rows are refused, the limit is {limit:.1%}; "
        "nothing of it is loaded"
    )
    return FileFailure(
        rows.file,
        FailureKind.REFUSED_SHARE,
        error,
        f"{outcome.refused_share:.1%} 的行被拒收，上限为 {limit:.1%}；整个文件都未装载",
        plan.duration_s,
        rows.sha256,
        plan,
    )


class _Unread(Exception):
    """There are no bytes to parse."""

    def __init__(self, kind: FailureKind, problem: str, in_chinese: str) -> None:
        super().__init__(problem)
        self.kind = kind
        self.problem = problem
        self.in_chinese = in_chinese


def _content(file: DiscoveredFile) -> tuple[bytes, DiscoveredFile]:
    """The bytes, and the file with the identity of exactly these bytes. Raises _Unread."""
    if problem := file.metadata.get(PROBLEM):
        in_chinese = file.metadata.get(PROBLEM_IN_CHINESE, problem)
        raise _Unread(FailureKind.NAME, str(problem), str(in_chinese))
    try:
        with open(file.path, "rb") as stream:  # noqa: PTH123
            before = os.fstat(stream.fileno())
            if before.st_size > MAX_FILE_BYTES:
                problem = f"{before.st_size} bytes; at most {MAX_FILE_BYTES} are read"
                in_chinese = f"有 {before.st_size} 字节，最多读取 {MAX_FILE_BYTES} 字节"
                raise _Unread(FailureKind.UNREADABLE, problem, in_chinese)
            content = stream.read(before.st_size + 1)
            after = os.fstat(stream.fileno())
    except FileNotFoundError:
        problem = "is gone since it was discovered"
        raise _Unread(FailureKind.VANISHED, problem, "发现之后已不在原处") from None
    except OSError as err:
        problem = err.strerror or str(err)
        raise _Unread(FailureKind.UNREADABLE, problem, f"无法读取：{problem}") from err
    if len(content) != before.st_size or _identity(before) != _identity(after):
        problem = "changed while it was read; it is tried again"
        raise _Unread(FailureKind.CHANGED, problem, "读取期间被改动；会再次尝试")
    return content, replace(file, metadata={**file.metadata, **_identity(before)})


def _identity(status: os.stat_result) -> dict[str, float | int]:
    return {
        "modified_time": status.st_mtime,
        "size": status.st_size,
        "ctime": status.st_ctime,
        "inode": status.st_ino,
    }
